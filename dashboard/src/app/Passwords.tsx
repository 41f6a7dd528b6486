// The form of every page that asks for a password: a name for password managers, fields, one trouble, one button.
import { type FormEvent, type ReactNode, useState } from "react";
import type { Answer, Failure } from "../stream/rest";
import { Trouble } from "./Door";

/** Reads one field by its name. */
export type Read = (name: string) => string;

/** A string is a trouble found before anything was sent. */
export type Submit<T> = (read: Read) => string | Promise<Answer<T>>;

export interface PasswordForm {
  readonly busy: boolean;
  readonly failure: Failure | null;
  readonly trouble: string | null;
  readonly submit: (e: FormEvent<HTMLFormElement>) => void;
}

/** The daemon does not tell at the door which of the two was wrong; a form with one of them knows. */
export const WRONG_PASSWORD = "This password is wrong. Try again.";

/** `wrong`: said where the daemon does not know what was sent. */
export function usePasswordForm<T>(send: Submit<T>, onDone: (value: T) => void, wrong: string): PasswordForm {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const run = async (form: HTMLFormElement): Promise<void> => {
    const data = new FormData(form);
    const asked = send((name) => String(data.get(name) ?? ""));
    if (typeof asked === "string") {
      setTrouble(asked);
      return;
    }
    setBusy(true);
    const answer = await asked;
    setBusy(false);
    if (answer.ok) {
      onDone(answer.value);
      return;
    }
    setFailure(answer.failure);
    setTrouble(answer.failure.kind === "bad_credentials" ? wrong : answer.failure.message);
    // The first in the page: of two, the token is the one that was copied.
    form.querySelector<HTMLInputElement>("input[name=token], input[name=password]")?.select();
  };
  return {
    busy,
    failure,
    trouble,
    submit: (e) => {
      e.preventDefault();
      void run(e.currentTarget);
    },
  };
}

interface PasswordsProps {
  readonly label: string;
  readonly form: PasswordForm;
  /** Instead of the form's own trouble. */
  readonly trouble?: string | null;
  readonly shut?: boolean;
  readonly children: ReactNode;
}

export function Passwords({ label, form, trouble, shut, children }: PasswordsProps) {
  return (
    <form onSubmit={form.submit} aria-label={label}>
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
      {children}
      <Trouble text={trouble ?? form.trouble} />
      <button type="submit" className="btn go" disabled={form.busy || shut}>
        {form.busy ? "One moment" : label}
      </button>
    </form>
  );
}
