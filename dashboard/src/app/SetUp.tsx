// First run: the one-time token from the daemon's output buys the right to choose the password.
import { type Session, setUp } from "../stream/rest";
import { Door, Field } from "./Door";
import { Passwords, usePasswordForm } from "./Passwords";

interface SetUpProps {
  readonly lengthMin: number;
  readonly onDone: (s: Session) => void;
}

export function SetUp({ lengthMin, onDone }: SetUpProps) {
  const form = usePasswordForm(
    (read) =>
      read("password") === read("again")
        ? setUp(read("token").trim(), read("password"))
        : "The two passwords differ. Type the second one again.",
    onDone,
    "This token is wrong, or it was used already. Copy it again from the daemon's newest start.",
  );
  return (
    <Door
      title="Set up"
      text="jarvisd printed a one-time token when it started. With it you choose the password for this dashboard."
    >
      <Passwords label="Set up" form={form}>
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
      </Passwords>
    </Door>
  );
}
