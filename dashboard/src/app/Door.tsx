// The frame of everything before the screen: log-in, set-up, no daemon.
import type { ReactNode } from "react";
import { Emblem } from "../ui/Emblem";
import "../ui/field.css";
import "./Door.css";

interface DoorProps {
  readonly title: string;
  readonly text: string;
  /** Laid over the frozen screen rather than instead of it. */
  readonly over?: boolean | undefined;
  readonly children: ReactNode;
}

export function Door({ title, text, over, children }: DoorProps) {
  const Frame = over ? "div" : "main";
  return (
    <Frame
      className="door"
      data-over={over}
      {...(over ? { role: "dialog", "aria-modal": true, "aria-label": title } : {})}
    >
      <div className="panel door-panel">
        <div className="door-brand">
          <Emblem size={64} />
          <b>JARVIS</b>
        </div>
        <h1>{title}</h1>
        <p className="door-text">{text}</p>
        {children}
      </div>
    </Frame>
  );
}

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly type: "password" | "text";
  readonly autoComplete: string;
  readonly hint?: string | undefined;
  readonly bad?: boolean;
  readonly focus?: boolean;
  readonly minLength?: number;
}

export function Field({ label, name, type, autoComplete, hint, bad, focus, minLength }: FieldProps) {
  const hintId = hint ? `${name}-hint` : undefined;
  return (
    <label className="field">
      <span>{label}</span>
      <input
        name={name}
        type={type}
        autoComplete={autoComplete}
        required
        minLength={minLength}
        aria-invalid={bad || undefined}
        aria-describedby={hintId}
        spellCheck={false}
        autoCapitalize="none"
        // biome-ignore lint/a11y/noAutofocus: the form is all there is on this page
        autoFocus={focus}
      />
      {hint && <small id={hintId}>{hint}</small>}
    </label>
  );
}

export function Trouble({ text }: { readonly text: string | null }) {
  return (
    <p className="door-trouble" role="alert">
      {text && <>▲ {text}</>}
    </p>
  );
}
