// What waits for a person and what is being done: cards first, then actions, the running ones before the ended.
import { useMemo } from "react";
import { isOpen, isWaiting, useActing, useActions, useApprovals } from "../stream/acting";
import { useAt } from "../stream/clock";
import { count } from "../ui/format";
import { Glyph } from "../ui/Glyph";
import { Panel } from "../ui/Panel";
import { ActionRow } from "./ActionRow";
import { ApprovalCard } from "./ApprovalCard";
import { approvalShape, decidedWords, useTargetWords } from "./actingWords";
import { openAct } from "./actSheetState";
import "./Acting.css";

/** Ended ones worth a line; the rest is in the activity. */
const ENDED_SHOWN = 4;
/** An approval that was decided stays this long as a line, so that nobody wonders where it went. */
const DECIDED_SHOWN_MS = 10 * 60_000;
/** Whoever has just held a button looks where it was: how it went is told there this long after the end. */
const OUTCOME_FRESH_MS = 2 * 60_000;

export function Acting() {
  const known = useActing((s) => s.view !== null);
  const approvals = useApprovals();
  const actions = useActions();
  // Ids as text: the panel is drawn again when something begins or stops waiting, not each second.
  const waitingIds = useAt((now) =>
    approvals
      .filter((a) => isWaiting(a, now))
      .map((a) => a.id)
      .join(" "),
  );
  const decidedIds = useAt((now) =>
    approvals
      .filter(
        (a) =>
          !isWaiting(a, now) &&
          a.action === undefined &&
          now - (a.decided_ms ?? a.expires_ms) < DECIDED_SHOWN_MS,
      )
      .map((a) => a.id)
      .join(" "),
  );
  const fresh = useAt(
    (now) =>
      actions.some((a) => isOpen(a) || now - (a.ended_ms ?? a.asked_ms) < OUTCOME_FRESH_MS) ||
      approvals.some((a) => a.decided_ms !== undefined && now - a.decided_ms < OUTCOME_FRESH_MS),
  );
  const running = useMemo(() => actions.filter(isOpen), [actions]);
  const ended = useMemo(() => actions.filter((a) => !isOpen(a)).slice(0, ENDED_SHOWN), [actions]);
  if (!known) return null;
  const has = (ids: string): typeof approvals => approvals.filter((a) => ids.split(" ").includes(a.id));
  const waiting = has(waitingIds);
  const decided = has(decidedIds);
  if (waiting.length + decided.length + running.length + ended.length === 0) return null;
  // What was done and what was decided against, in the order in which it came about: the newest word stands first.
  const past = [
    ...ended.map((a) => ({ atMs: a.ended_ms ?? a.asked_ms, row: <ActionRow key={a.id} action={a} /> })),
    ...decided.map((a) => ({ atMs: a.decided_ms ?? a.expires_ms, row: <DecidedRow key={a.id} id={a.id} /> })),
  ].sort((a, b) => b.atMs - a.atMs);
  return (
    <Panel
      title={waiting.length > 0 ? "Waits for you" : "Acting"}
      name="acting"
      tone={waiting.length > 0 ? "attention" : undefined}
      fresh={fresh}
      meta={waiting.length > 0 ? `${waiting.length} waiting` : `${running.length} running`}
    >
      <div className="acting scroll" data-list="acting">
        {waiting.map((a) => (
          <ApprovalCard key={a.id} approval={a} />
        ))}
        {running.map((a) => (
          <ActionRow key={a.id} action={a} />
        ))}
        {past.map(({ row }) => row)}
      </div>
      <p className="sr" role="alert">
        {waiting.length > 0 ? `${count(waiting.length, "action")} waiting for your word` : ""}
      </p>
    </Panel>
  );
}

function DecidedRow({ id }: { readonly id: string }) {
  const approval = useApprovals().find((a) => a.id === id);
  const target = useTargetWords(approval ?? { target: "" });
  if (!approval) return null;
  return (
    <div className="action" data-testid={`decided-${id}`}>
      <Glyph shape={approvalShape(approval)} word={approval.state} />
      <div className="action-main">
        <p>
          <button
            type="button"
            className="action-title"
            data-item
            onClick={() => openAct({ kind: "approval", id })}
          >
            <b>{approval.title}</b> {target}
          </button>
        </p>
        <small>
          {approval.state === "pending" ? "ran out of time" : decidedWords(approval)}
          {approval.why && ` · ${approval.why}`}
        </small>
      </div>
    </div>
  );
}
