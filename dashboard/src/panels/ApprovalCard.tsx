// One action that waits for a person's word, rendered from data alone: what, to what, who goes down, why it is asked.

import { useEffect, useRef, useState } from "react";
import type { ApprovalView } from "../protocol/ApprovalView";
import { type Decision, decide } from "../stream/act";
import { isWaiting, useAction } from "../stream/acting";
import { useAt } from "../stream/clock";
import { clock, UNKNOWN, utc } from "../ui/format";
import { Glyph } from "../ui/Glyph";
import { Hold } from "../ui/Hold";
import { plain } from "../ui/plain";
import { useView } from "../ui/view";
import { ActionRow } from "./ActionRow";
import { approvalShape, callerWords, decidedWords, TIER_WORD, useTargetWords } from "./actingWords";
import { openAct } from "./actSheetState";
import { Blast, ExactCalls, Objections } from "./PlanParts";

/** From here on the time that is left is worth a colour. */
const HURRY_MS = 60_000;

interface CardProps {
  readonly approval: ApprovalView;
  /** The only thing in a dialog: told in full, and the focus is on the button that does nothing. */
  readonly alone?: boolean;
}

export function ApprovalCard({ approval, alone }: CardProps) {
  const wall = useView((v) => v.wall);
  const waiting = useAt((now) => isWaiting(approval, now));
  const target = useTargetWords(approval);
  const action = useAction(approval.action ?? "");
  return (
    <article
      className="approval"
      data-state={approval.state}
      data-tier={approval.tier}
      data-testid={`approval-${approval.id}`}
      aria-label={`${approval.title} ${target}`}
    >
      <header className="approval-head">
        <span className="lab tone-attention">
          <Glyph shape={waiting ? "attention" : approvalShape(approval)} word={null} />{" "}
          {waiting ? "Your word" : decidedWords(approval)} · {TIER_WORD[approval.tier]}
        </span>
        {waiting && <Left approval={approval} />}
      </header>
      <h3>
        {approval.title} {target}
      </h3>
      <p className="approval-by">
        asked by {callerWords(approval.proposer)} at{" "}
        <time dateTime={new Date(approval.opened_ms).toISOString()} title={utc(approval.opened_ms)}>
          {clock(approval.opened_ms)}
        </time>
        <Args args={approval.args} />
      </p>
      {approval.blast ? (
        <Blast blast={approval.blast} short={!alone} />
      ) : (
        <p className="dim">Who goes down with it could not be worked out.</p>
      )}
      {alone ? (
        <>
          <Objections list={approval.objections} blast={approval.blast} />
          <ExactCalls calls={approval.exact_calls} />
        </>
      ) : (
        <Short approval={approval} />
      )}
      {waiting && !wall && <Buttons approval={approval} alone={alone === true} />}
      {!waiting && (
        <p className="approval-end" role="status">
          {approval.state === "pending" ? "It ran out of time." : `${decidedWords(approval)}.`}{" "}
          {approval.decided_ms !== undefined && `At ${clock(approval.decided_ms)}. `}
          {approval.why}
        </p>
      )}
      {action && <ActionRow action={action} />}
    </article>
  );
}

/** The reasons in a line each, and the way to everything that is known. */
function Short({ approval }: { readonly approval: ApprovalView }) {
  const wall = useView((v) => v.wall);
  return (
    <>
      {approval.objections.length > 0 && (
        <ul className="approval-why">
          {approval.objections.map((o) => (
            <li key={`${o.guard} ${o.reason}`} className="cut" title={o.reason}>
              {plain(o.reason)}
            </li>
          ))}
        </ul>
      )}
      {!wall && (
        <button
          type="button"
          className="act-more"
          onClick={() => openAct({ kind: "approval", id: approval.id })}
          data-testid="approval-details"
        >
          Everything about it
        </button>
      )}
    </>
  );
}

/** Arguments that the heading does not say already. */
function Args({ args }: { readonly args: ApprovalView["args"] }) {
  const rest = Object.entries(args).filter(([k]) => !["vmid", "node"].includes(k));
  return rest.map(([k, v]) => (
    <span key={k}>
      {" "}
      · {k} <b>{typeof v === "string" ? v : JSON.stringify(v)}</b>
    </span>
  ));
}

function Left({ approval }: { readonly approval: ApprovalView }) {
  const text = useAt((now) => {
    // The clocks agree to within a fraction of a second: five minutes must not begin as 5:01.
    const s = Math.max(0, Math.round((approval.expires_ms - now) / 1000));
    return Number.isFinite(s) ? `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}` : UNKNOWN;
  });
  const hurry = useAt((now) => approval.expires_ms - now < HURRY_MS);
  return (
    <span className={`approval-left ${hurry ? "tone-attention" : ""}`} data-testid="approval-left">
      expires <b>{text}</b>
    </span>
  );
}

function Buttons({ approval, alone }: { readonly approval: ApprovalView; readonly alone: boolean }) {
  const [busy, setBusy] = useState<Decision | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const deny = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (alone) deny.current?.focus({ preventScroll: true });
  }, [alone]);
  const say = async (decision: Decision): Promise<void> => {
    if (busy) return;
    setBusy(decision);
    setTrouble(null);
    const answer = await decide(approval, decision);
    setBusy(null);
    if (!answer.ok) setTrouble(answer.failure.message);
  };
  return (
    <>
      <div className="approval-buttons">
        <Hold
          label={busy === "approve" ? "Sending" : `Hold to ${approval.title.toLowerCase()}`}
          disabled={busy !== null}
          onDone={() => void say("approve")}
          testId="approve"
        />
        <button
          ref={deny}
          type="button"
          className="btn"
          disabled={busy !== null}
          onClick={() => void say("deny")}
          data-testid="deny"
        >
          Deny
        </button>
        <button
          type="button"
          className="btn"
          disabled={busy !== null}
          onClick={() => void say("extend")}
          data-testid="extend"
        >
          More time
        </button>
      </div>
      {trouble && (
        <p className="act-trouble" role="alert">
          ▲ {trouble}
        </p>
      )}
    </>
  );
}
