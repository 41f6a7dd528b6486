// A button that must be held: for what takes something away. Whoever cannot hold presses twice, with a pause between
// that no double click has; a screen reader's click counts as a press.
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";

const HOLD_MS = 1200;
/** A second press after this is meant, and until that it belongs to the first. */
const PAUSE_MS = 500;
const AGAIN_MS = 5000;
const STEP_MS = 60;

interface HoldProps {
  readonly label: ReactNode;
  readonly disabled?: boolean;
  readonly onDone: () => void;
  readonly testId?: string;
}

export function Hold({ label, disabled, onDone, testId }: HoldProps) {
  const [share, setShare] = useState(0);
  const [asked, setAsked] = useState(false);
  const timer = useRef<ReturnType<typeof setInterval> | undefined>(undefined);
  /** True from a press until it is let go or has done its work. */
  const down = useRef(false);
  // What has just moved in under a pointer was not aimed at.
  const deafUntilMs = useRef(performance.now() + PAUSE_MS);
  const hears = (): boolean => !disabled && performance.now() >= deafUntilMs.current;
  const release = (): void => {
    clearInterval(timer.current);
    timer.current = undefined;
    setShare(0);
  };
  useEffect(() => () => clearInterval(timer.current), []);
  useEffect(() => {
    if (!asked) return;
    const forget = setTimeout(() => setAsked(false), AGAIN_MS);
    return () => clearTimeout(forget);
  }, [asked]);
  const press = (): void => {
    if (!hears() || down.current) return;
    down.current = true;
    const began = performance.now();
    timer.current = setInterval(() => {
      const done = (performance.now() - began) / HOLD_MS;
      setShare(Math.min(1, done));
      if (done < 1) return;
      release();
      down.current = false;
      setAsked(false);
      onDone();
    }, STEP_MS);
  };
  const tap = (): void => {
    if (!hears()) return;
    deafUntilMs.current = performance.now() + PAUSE_MS;
    setAsked(!asked);
    if (asked) onDone();
  };
  /** Let go before the time was over: a tap. */
  const lift = (): void => {
    release();
    if (!down.current) return;
    down.current = false;
    tap();
  };
  const away = (): void => {
    release();
    down.current = false;
  };
  const key = (e: KeyboardEvent, act: () => void): void => {
    if (e.key !== "Enter" && e.key !== " ") return;
    // The browser's own click would come with each repeat of a held key.
    e.preventDefault();
    if (!e.repeat) act();
  };
  return (
    <button
      type="button"
      className="btn hold"
      disabled={disabled}
      data-asked={asked}
      data-testid={testId}
      onPointerDown={(e) => e.button === 0 && press()}
      onPointerUp={lift}
      onPointerLeave={away}
      onPointerCancel={away}
      onKeyDown={(e) => key(e, press)}
      onKeyUp={(e) => key(e, lift)}
      onBlur={away}
      onClick={(e) => e.detail === 0 && tap()}
      onContextMenu={(e) => e.preventDefault()}
    >
      <i style={{ transform: `scaleX(${share.toFixed(2)})` }} aria-hidden="true" />
      <span>{asked ? "Once more to confirm" : label}</span>
    </button>
  );
}
