// The password, asked in a way password managers understand.
import { useEffect, useState } from "react";
import { logIn, type Session } from "../stream/rest";
import { duration } from "../ui/format";
import { Door, Field } from "./Door";
import { Passwords, usePasswordForm, WRONG_PASSWORD } from "./Passwords";

interface LogInProps {
  readonly over?: boolean;
  readonly onDone: (s: Session) => void;
}

export function LogIn({ over, onDone }: LogInProps) {
  const form = usePasswordForm((read) => logIn(read("password")), onDone, WRONG_PASSWORD);
  const wait = useCountdown(form.failure?.retryAfterS ?? null);
  return (
    <Door
      title={over ? "Log in again" : "Log in"}
      text={
        over ? "Your session has ended. What you see behind this is frozen." : "One operator, one password."
      }
      over={over}
    >
      <Passwords
        label="Log in"
        form={form}
        shut={wait > 0}
        trouble={wait > 0 ? `Too many tries. Log-in opens again in ${duration(wait * 1000)}.` : null}
      >
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          bad={form.failure !== null}
          focus
        />
      </Passwords>
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
