// One action from the moment it was asked: where it stands, the end of its log, what came of it, and how right the
// forecast was.
import { memo, useState } from "react";
import type { ActionView } from "../protocol/ActionView";
import { takeBack } from "../stream/act";
import { isOpen } from "../stream/acting";
import { useAt } from "../stream/clock";
import { clock, count, utc } from "../ui/format";
import { Glyph } from "../ui/Glyph";
import { select } from "../ui/view";
import { actionShape, callerWords, outcomeWords, useTargetWords } from "./actingWords";
import { closeAct } from "./actSheetState";
import { ExactCalls } from "./PlanParts";

/** Of the log's tail while it runs; the whole is behind the task. */
const TAIL_SHOWN = 3;

export const ActionRow = memo(function ActionRow({ action }: { readonly action: ActionView }) {
  const target = useTargetWords(action);
  const outcome = useAt((now) => outcomeWords(action, now));
  const [open, setOpen] = useState(false);
  const { upid } = action;
  const running = isOpen(action);
  const bad = action.state === "failed" || action.verified === "no";
  const tail = open ? action.log : running || bad ? action.log.slice(-TAIL_SHOWN) : [];
  return (
    <div className="action" data-state={action.state} data-testid={`action-${action.id}`}>
      <Glyph shape={actionShape(action)} word={action.state} />
      <div className="action-main">
        <p>
          <button
            type="button"
            className="action-title"
            aria-expanded={open}
            data-item
            onClick={() => setOpen(!open)}
          >
            <b>{action.title}</b> {target}
          </button>
        </p>
        <small className={bad ? "tone-critical" : ""} role={running ? "status" : undefined}>
          {outcome} · {callerWords(action.caller)}
        </small>
        {action.message && <small>{action.message}</small>}
        {action.state === "waiting" && <TakeBack id={action.id} />}
        {tail.length > 0 && <pre className="action-log">{tail.join("\n")}</pre>}
        {open && <More action={action} />}
      </div>
      <div className="action-when">
        <time dateTime={new Date(action.asked_ms).toISOString()} title={utc(action.asked_ms)}>
          {clock(action.asked_ms)}
        </time>
        {upid && (
          <button
            type="button"
            className="act-more"
            onClick={() => {
              closeAct();
              select({ kind: "task", id: upid });
            }}
          >
            log
          </button>
        )}
      </div>
    </div>
  );
});

/** Whoever waits behind a slow change may think again. */
function TakeBack({ id }: { readonly id: string }) {
  const [state, setState] = useState<"idle" | "asked" | { readonly failed: string }>("idle");
  const ask = async () => {
    setState("asked");
    const answer = await takeBack(id);
    // Taken back, the row is told anew and this is gone.
    if (!answer.ok) setState({ failed: answer.failure.message });
  };
  return (
    <>
      <button
        type="button"
        className="act-more"
        disabled={state === "asked"}
        data-testid="take-back"
        onClick={() => void ask()}
      >
        take back
      </button>
      {typeof state === "object" && (
        <small className="tone-critical" role="alert">
          {state.failed}
        </small>
      )}
    </>
  );
}

function More({ action }: { readonly action: ActionView }) {
  const { observed, predicted, evidence, exit } = action;
  return (
    <>
      {exit && <small>The task's last word: {exit}</small>}
      {evidence && <small>Looked afterwards: {evidence}</small>}
      {predicted && observed && (
        <small data-testid="forecast">
          Forecast: {count(predicted.down.length, "thing")} down. Seen: {observed.down.length} (
          {observed.hits} as said, {observed.false_alarms} said but not seen, {observed.missed} not foreseen).
        </small>
      )}
      {action.sent && <ExactCalls calls={[action.sent]} />}
    </>
  );
}
