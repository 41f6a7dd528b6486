// How far Jarvis may go by itself, how much of its budget it has used, and what it keeps its hands off.
import { useState } from "react";
import { setLevel } from "../stream/act";
import { useActing } from "../stream/acting";
import { count } from "../ui/format";
import { Panel } from "../ui/Panel";
import { callerWords, LEVELS } from "./actingWords";
import "./Acting.css";

export function Autonomy() {
  const view = useActing((s) => s.view?.autonomy);
  const killed = useActing((s) => s.view?.kill_switch.on === true);
  const [busy, setBusy] = useState<number | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  if (!view) return null;
  const choose = async (level: number): Promise<void> => {
    if (level === view.level || busy !== null) return;
    setBusy(level);
    setTrouble(null);
    const answer = await setLevel(level);
    setBusy(null);
    if (!answer.ok) setTrouble(answer.failure.message);
  };
  const now = LEVELS.find((l) => l.level === view.level);
  return (
    <Panel
      title="Autonomy"
      name="autonomy"
      meta={killed ? <span className="tone-critical">stopped</span> : `level ${view.level} of 4`}
    >
      <div className="autonomy">
        <fieldset className="levels" aria-label="Autonomy level" data-killed={killed}>
          {LEVELS.map((l) => (
            <button
              key={l.level}
              type="button"
              aria-pressed={view.level === l.level}
              aria-label={`${l.level}: ${l.name}, ${l.does}`}
              title={`${l.level} ${l.name}: ${l.does}`}
              data-lit={l.level <= view.level && l.level > 0}
              disabled={busy !== null}
              onClick={() => void choose(l.level)}
            >
              <i />
              {busy === l.level ? "…" : l.name}
            </button>
          ))}
        </fieldset>
        <p className="autonomy-now">
          {now ? `Jarvis ${now.does}.` : ""}
          {view.by && <small> Set by {callerWords(view.by)}.</small>}
        </p>
        <p className="autonomy-used">
          <span className="lab">By itself</span>
          <span>
            <b>{view.hour_used}</b> of {view.hour_max} this hour
          </span>
          <span>
            <b>{view.day_used}</b> of {view.day_max} today
          </span>
        </p>
        {view.unreadable && <p className="tone-critical">{view.unreadable}</p>}
        {view.quarantined.length > 0 && (
          <p className="tone-attention" title={view.quarantined.join(", ")}>
            ▲ {count(view.quarantined.length, "thing")} in quarantine: {view.quarantined.join(", ")}
          </p>
        )}
        {trouble && (
          <p className="act-trouble" role="alert">
            ▲ {trouble}
          </p>
        )}
      </div>
    </Panel>
  );
}
