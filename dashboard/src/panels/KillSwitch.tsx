// The switch that stops all acting. On at one click, from every screen; off only after a word of warning and, if the
// daemon wants it, the password.
import { useState } from "react";
import { throwSwitch } from "../stream/act";
import { useActing } from "../stream/acting";
import { clock, day, ended } from "../ui/format";
import { useView } from "../ui/view";
import { callerWords } from "./actingWords";
import { closeAct, openAct } from "./actSheetState";
import "./Acting.css";

export function KillSwitch() {
  const view = useActing((s) => s.view?.kill_switch);
  const wall = useView((v) => v.wall);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  if (!view) return null;
  const stop = async (): Promise<void> => {
    setBusy(true);
    const answer = await throwSwitch(true);
    setBusy(false);
    setTrouble(answer.ok ? null : answer.failure.message);
  };
  if (view.on)
    return wall ? (
      <span className="chip kill" data-on="true" data-testid="kill-switch">
        <Octagon /> Acting stopped
      </span>
    ) : (
      <button
        type="button"
        className="chip kill"
        data-on="true"
        data-testid="kill-switch"
        title="Release the kill switch"
        onClick={() => openAct({ kind: "release" })}
      >
        <Octagon />
        <span>
          <i>Acting </i>stopped
        </span>
      </button>
    );
  if (wall) return null;
  return (
    <>
      <button
        type="button"
        className="chip kill"
        data-on="false"
        data-testid="kill-switch"
        disabled={busy}
        aria-label="Kill switch: stop all acting now"
        title="Stops all acting at once. Nothing asks again."
        onClick={() => void stop()}
      >
        <Octagon />
        <span>
          {busy ? "Stopping" : "Stop"}
          <i> all</i>
        </span>
      </button>
      {trouble && (
        <p className="kill-trouble panel" role="alert">
          <b>NOT STOPPED.</b> {ended(trouble)} On the daemon's machine <code>jarvisd kill-switch on</code>{" "}
          works without it.
          <button type="button" className="chip small" onClick={() => setTrouble(null)}>
            Close
          </button>
        </p>
      )}
    </>
  );
}

function Octagon() {
  return (
    <svg viewBox="0 0 16 16" width="15" height="15" aria-hidden="true">
      <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor" />
    </svg>
  );
}

/** Under the header while it is on: nobody may wonder why nothing happens. */
export function KillBanner() {
  const view = useActing((s) => s.view?.kill_switch);
  if (!view?.on) return null;
  const since = view.since_ms === undefined ? "" : ` since ${day(view.since_ms)} ${clock(view.since_ms)}`;
  return (
    <p className="kill-banner" role="status" data-testid="kill-banner">
      <Octagon />
      <b>Kill switch on.</b>{" "}
      <span>
        {view.unreadable
          ? `It counts as on, because it cannot be read: ${view.unreadable}`
          : `Nothing but reads leaves${since}${view.by ? `, by ${callerWords(view.by)}` : ""}.`}
      </span>
    </p>
  );
}

export function ReleaseSwitch() {
  const view = useActing((s) => s.view?.kill_switch);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  const release = async (): Promise<void> => {
    setBusy(true);
    setTrouble(null);
    const answer = await throwSwitch(false);
    setBusy(false);
    if (answer.ok) closeAct();
    else setTrouble(answer.failure.message);
  };
  return (
    <div className="act" data-testid="release">
      <header className="act-head">
        <h2>Release the kill switch</h2>
      </header>
      <p className="act-line">
        Releasing runs nothing old: whatever waited was cancelled and must be planned again. From then on
        Jarvis may act again, as its level allows.
      </p>
      {view?.unreadable && <p className="act-line tone-critical">{view.unreadable}</p>}
      {trouble && (
        <p className="act-trouble" role="alert">
          ▲ {trouble}
        </p>
      )}
      <div className="act-buttons">
        <button type="button" className="btn" onClick={closeAct}>
          Leave it on
        </button>
        <button
          type="button"
          className="btn caution"
          disabled={busy || view?.on !== true}
          onClick={() => void release()}
        >
          {busy ? "One moment" : view?.on ? "Release" : "Released"}
        </button>
      </div>
    </div>
  );
}
