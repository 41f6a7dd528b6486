// First run: the one-time token from the daemon's output buys the right to choose the password.
import { type FormEvent, useState } from "react";
import { type Session, setUp } from "../stream/rest";
import { Door, Field, Trouble } from "./Door";

interface SetUpProps {
  readonly lengthMin: number;
  readonly onDone: (s: Session) => void;
}

export function SetUp({ lengthMin, onDone }: SetUpProps) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  const submit = async (e: FormEvent<HTMLFormElement>): Promise<void> => {
    e.preventDefault();
    const data = new FormData(e.currentTarget);
    const read = (name: string): string => String(data.get(name) ?? "");
    if (read("password") !== read("again")) {
      setTrouble("The two passwords differ. Type the second one again.");
      return;
    }
    setBusy(true);
    const answer = await setUp(read("token").trim(), read("password"));
    setBusy(false);
    if (answer.ok) onDone(answer.value);
    else setTrouble(answer.failure.message);
  };
  return (
    <Door
      title="Set up"
      text="jarvisd printed a one-time token when it started. With it you choose the password for this dashboard."
    >
      <form onSubmit={(e) => void submit(e)} aria-label="Set up">
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
          label="Set-up token"
          name="token"
          type="text"
          autoComplete="one-time-code"
          hint="In the daemon's log, on the line that says set-up."
          focus
        />
        <Field
          label="New password"
          name="password"
          type="password"
          autoComplete="new-password"
          hint={`At least ${lengthMin} characters.`}
          minLength={lengthMin}
        />
        <Field
          label="New password again"
          name="again"
          type="password"
          autoComplete="new-password"
          minLength={lengthMin}
        />
        <Trouble text={trouble} />
        <button type="submit" className="btn go" disabled={busy}>
          {busy ? "One moment" : "Set up"}
        </button>
      </form>
    </Door>
  );
}
