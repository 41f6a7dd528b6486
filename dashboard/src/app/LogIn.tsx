// The password, asked in a way password managers understand.
import { type FormEvent, useEffect, useState } from "react";
import { type Failure, logIn, type Session } from "../stream/rest";
import { duration } from "../ui/format";
import { Door, Field, Trouble } from "./Door";

interface LogInProps {
  readonly over?: boolean;
  readonly onDone: (s: Session) => void;
}

export function LogIn({ over, onDone }: LogInProps) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const wait = useCountdown(failure?.retryAfterS ?? null);
  const submit = async (e: FormEvent<HTMLFormElement>): Promise<void> => {
    e.preventDefault();
    const form = e.currentTarget;
    const password = String(new FormData(form).get("password") ?? "");
    setBusy(true);
    const answer = await logIn(password);
    setBusy(false);
    if (answer.ok) {
      onDone(answer.value);
      return;
    }
    setFailure(answer.failure);
    form.querySelector<HTMLInputElement>("input[name=password]")?.select();
  };
  return (
    <Door
      title={over ? "Log in again" : "Log in"}
      text={
        over ? "Your session has ended. What you see behind this is frozen." : "One operator, one password."
      }
      over={over}
    >
      <form onSubmit={(e) => void submit(e)} aria-label="Log in">
        <input
          className="sr"
          type="text"
          name="username"
          autoComplete="username"
          value="operator"
          readOnly
          tabIndex={-1}
          aria-hidden="true"
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          bad={failure !== null}
          focus
        />
        <Trouble
          text={
            wait > 0
              ? `Too many tries. Log-in opens again in ${duration(wait * 1000)}.`
              : (failure?.message ?? null)
          }
        />
        <button type="submit" className="btn go" disabled={busy || wait > 0}>
          {busy ? "One moment" : "Log in"}
        </button>
      </form>
    </Door>
  );
}

/** Seconds left, counted down. */
function useCountdown(fromS: number | null): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (fromS === null) return;
    setLeft(fromS);
    const timer = setInterval(() => setLeft((s) => Math.max(0, s - 1)), 1000);
    return () => clearInterval(timer);
  }, [fromS]);
  return left;
}
