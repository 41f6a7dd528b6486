// The line under a terminal: what holds for it now, and what can be done about it.
import { useState } from "react";
import { serverMs, useNowMs } from "../stream/clock";
import { shellLink } from "../stream/terminal";
import type { ShellState } from "../stream/terminalLink";
import { clock, duration } from "../ui/format";

interface StripProps {
  readonly node: string;
  readonly state: ShellState;
  readonly onOpen: () => void;
  readonly onForget: () => void;
  readonly onAloud: (on: boolean) => void;
}

export function TerminalStrip({ node, state, onOpen, onForget, onAloud }: StripProps) {
  const [aloud, setAloud] = useState(false);
  const link = shellLink(node);
  const tone =
    state.state === "lost" || (state.state === "open" && state.idleAtMs !== null) || state.state === "denied"
      ? "attention"
      : undefined;
  return (
    <div className="terminal-strip" data-tone={tone} data-testid="terminal-strip">
      <p role="status">
        <Words node={node} state={state} />
      </p>
      {state.state === "open" && (
        <>
          <span className="terminal-leave">
            <span className="terminal-also">
              <kbd>Ctrl Shift Esc</kbd> or{" "}
            </span>
            <kbd>Ctrl Shift X</kbd> leaves
          </span>
          <button
            type="button"
            className="chip small"
            aria-pressed={aloud}
            title="For screen readers: what is written is read out"
            onClick={() => {
              onAloud(!aloud);
              setAloud(!aloud);
            }}
          >
            Aloud
          </button>
          <button type="button" className="chip small" onClick={() => link?.hangup()}>
            Hang up
          </button>
        </>
      )}
      {(state.state === "lost" || state.state === "elsewhere") && (
        <>
          <button type="button" className="chip small" onClick={() => link?.comeBack()}>
            {state.state === "lost" ? "Try now" : "Bring it here"}
          </button>
          <button type="button" className="chip small" onClick={onForget}>
            Let go
          </button>
        </>
      )}
      {(state.state === "ended" || state.state === "denied") && (
        <>
          <button type="button" className="chip small" onClick={onOpen}>
            {state.state === "denied" && state.why === "fresh" ? "Log in again" : "Open anew"}
          </button>
          <button type="button" className="chip small" onClick={onForget}>
            Close
          </button>
        </>
      )}
    </div>
  );
}

function Words({ node, state }: { readonly node: string; readonly state: ShellState }) {
  switch (state.state) {
    case "opening":
      return state.again ? `Back to the shell on ${node} …` : `Opening a shell on ${node} …`;
    case "open":
      if (state.idleAtMs !== null)
        return <Left before="Ends in" toMs={state.idleAtMs} after="unless a key is pressed" />;
      return `Connected to ${node} as ${state.user}, session ${state.name}, idle limit ${duration(state.idleMs)}`;
    case "lost":
      return (
        <>
          Connection lost. The shell waits until {clock(serverMs(state.untilMs))};{" "}
          <Left before="next try in" toMs={state.retryAtMs} after="" />
        </>
      );
    case "elsewhere":
      return "This shell is shown in another window now.";
    default:
      return state.words;
  }
}

/** Counts down in whole seconds. */
function Left({
  before,
  toMs,
  after,
}: {
  readonly before: string;
  readonly toMs: number;
  readonly after: string;
}) {
  useNowMs();
  return `${before} ${Math.max(0, Math.ceil((toMs - Date.now()) / 1000))}\u2009s ${after}`.trim();
}
