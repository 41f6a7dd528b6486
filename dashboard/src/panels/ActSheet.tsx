// From a wish to an action: what it needs, the plan, and then the act itself or the question for a person's word.
import { useCallback, useEffect, useState } from "react";
import type { ActionView } from "../protocol/ActionView";
import type { ApprovalView } from "../protocol/ApprovalView";
import type { Plan } from "../protocol/Plan";
import { approvalById, failedAction, type Order, type Outcome, objectionsOf, plan, run } from "../stream/act";
import { learn, useAction, useActions, useApproval } from "../stream/acting";
import { serverNowMs } from "../stream/clock";
import type { Failure } from "../stream/rest";
import { Glyph } from "../ui/Glyph";
import { Sheet } from "../ui/Sheet";
import { ActForm } from "./ActForm";
import { ActionRow } from "./ActionRow";
import { ApprovalCard } from "./ApprovalCard";
import { TIER_WORD } from "./actingWords";
import { type Deed, orderOf } from "./actions";
import { closeAct, useActSheet } from "./actSheetState";
import { Containers } from "./Containers";
import { ReleaseSwitch } from "./KillSwitch";
import { Blast, ExactCalls, Objections } from "./PlanParts";
import { WhatToDo } from "./WhatToDo";
import "./Acting.css";

export function ActSheet() {
  const open = useActSheet((s) => s.open);
  if (!open) return null;
  switch (open.kind) {
    case "approval":
      return (
        <Sheet label="An action that waits for your word" onClose={closeAct}>
          <LinkedApproval key={open.id} id={open.id} />
        </Sheet>
      );
    case "containers":
      return (
        <Sheet label="Docker containers" onClose={closeAct}>
          <Containers />
        </Sheet>
      );
    case "release":
      return (
        <Sheet label="Release the kill switch" onClose={closeAct}>
          <ReleaseSwitch />
        </Sheet>
      );
    case "deed":
      return (
        <Sheet label={`${open.deed.label}: ${open.deed.target}`} onClose={closeAct}>
          <DeedSteps key={`${open.deed.tool} ${open.deed.target}`} deed={open.deed} />
        </Sheet>
      );
  }
}

function CloseRow() {
  return (
    <div className="act-buttons">
      <button type="button" className="btn" onClick={closeAct}>
        Close
      </button>
    </div>
  );
}

/** By the link in a message; the list has the pending and the recent ones, the rest is asked for. */
function LinkedApproval({ id }: { readonly id: string }) {
  const approval = useApproval(id);
  const [missing, setMissing] = useState<string | null>(null);
  const known = approval !== undefined;
  useEffect(() => {
    if (known) return;
    let gone = false;
    void approvalById(id).then((answer) => {
      if (gone) return;
      if (answer.ok) learn({ kind: "approval", approval: answer.value });
      setMissing(answer.ok ? null : answer.failure.message);
    });
    return () => {
      gone = true;
    };
  }, [id, known]);
  return (
    <div className="act">
      {approval ? (
        <ApprovalCard approval={approval} alone />
      ) : (
        <p className="act-line" role="status" data-testid="approval-missing">
          {missing === null ? "Looking it up …" : `This approval cannot be shown. ${missing}`}
        </p>
      )}
      <CloseRow />
    </div>
  );
}

type Step =
  | { readonly at: "fields" }
  | { readonly at: "planning"; readonly order: Order }
  | { readonly at: "plan"; readonly order: Order; readonly plan: Plan }
  | { readonly at: "acting"; readonly order: Order; readonly plan: Plan; readonly sinceMs: number }
  | { readonly at: "done"; readonly outcome: Outcome }
  | { readonly at: "failed"; readonly failure: Failure; readonly order: Order };

function DeedSteps({ deed }: { readonly deed: Deed }) {
  const [step, setStep] = useState<Step>(() => {
    const order = deed.fields.length === 0 ? orderOf(deed, {}) : null;
    return order ? { at: "planning", order } : { at: "fields" };
  });
  const back = deed.fields.length > 0 ? () => setStep({ at: "fields" }) : null;
  const planning = step.at === "planning" ? step.order : null;
  useEffect(() => {
    if (!planning) return;
    let gone = false;
    void plan(planning).then((answer) => {
      if (gone) return;
      setStep(
        answer.ok
          ? { at: "plan", order: planning, plan: answer.value }
          : { at: "failed", failure: answer.failure, order: planning },
      );
    });
    return () => {
      gone = true;
    };
  }, [planning]);
  const act = useCallback(async (order: Order, made: Plan) => {
    setStep({ at: "acting", order, plan: made, sinceMs: serverNowMs() });
    const answer = await run(order);
    setStep(
      answer.ok ? { at: "done", outcome: answer.value } : { at: "failed", failure: answer.failure, order },
    );
  }, []);
  return (
    <div className="act" data-testid="act-sheet" data-step={step.at}>
      {step.at !== "done" && (
        <header className="act-head">
          <h2>
            {deed.label} <small>{deed.target}</small>
          </h2>
        </header>
      )}
      {step.at === "fields" && (
        <ActForm deed={deed} onOrder={(order) => setStep({ at: "planning", order })} />
      )}
      {step.at === "planning" && (
        <p className="act-line" role="status">
          Working out what would happen. Nothing is sent.
        </p>
      )}
      {(step.at === "plan" || step.at === "acting") && (
        <PlanView
          made={step.plan}
          deed={deed}
          busy={step.at === "acting"}
          onRun={() => void act(step.order, step.plan)}
          onBack={back}
        />
      )}
      {step.at === "acting" && <Begun order={step.order} sinceMs={step.sinceMs} />}
      {step.at === "failed" && (
        <FailureView
          failure={step.failure}
          onAgain={() => setStep({ at: "planning", order: step.order })}
          onBack={back}
        />
      )}
      {step.at === "done" && <OutcomeView outcome={step.outcome} />}
    </div>
  );
}

/** Clocks differ by what the offset could not learn. */
const BEGUN_SLACK_MS = 2_000;

/** The answer comes with the end; how it goes meanwhile is told like every other action. */
function Begun({ order, sinceMs }: { readonly order: Order; readonly sinceMs: number }) {
  const mine = useActions().find(
    (a) =>
      a.tool === order.tool &&
      a.asked_ms >= sinceMs - BEGUN_SLACK_MS &&
      Object.entries(order.args).every(([k, v]) => a.args[k] === v),
  );
  return mine ? <ActionRow action={mine} /> : null;
}

interface PlanViewProps {
  readonly made: Plan;
  readonly deed: Deed;
  readonly busy: boolean;
  readonly onRun: () => void;
  readonly onBack: (() => void) | null;
}

const VERDICT: Readonly<Record<Plan["verdict"], string>> = {
  permit: "Nothing stands against it.",
  ask: "It needs a person's word.",
  refuse: "It is refused. Nobody may decide otherwise while this is so:",
};

function PlanView({ made, deed, busy, onRun, onBack }: PlanViewProps) {
  const refused = made.verdict === "refuse";
  return (
    <>
      <p className="act-line" data-testid="verdict" data-verdict={made.verdict}>
        <Glyph
          shape={made.verdict === "permit" ? "ok" : made.verdict === "ask" ? "attention" : "critical"}
          word={null}
        />{" "}
        {VERDICT[made.verdict]} <span className="tag">{TIER_WORD[made.tier]}</span>
      </p>
      {refused && (
        <>
          <Objections list={made.objections} blast={made.blast} />
          <WhatToDo list={made.objections} />
        </>
      )}
      {made.blast && <Blast blast={made.blast} />}
      {!refused && <Objections list={made.objections} blast={made.blast} />}
      <ExactCalls calls={made.exact_calls} />
      <div className="act-buttons">
        {!refused && (
          <button type="button" className="btn go" disabled={busy} onClick={onRun} data-testid="act-run">
            {busy ? "Sending" : made.verdict === "permit" ? deed.label : "Ask for your word"}
          </button>
        )}
        {onBack && (
          <button type="button" className="btn" disabled={busy} onClick={onBack}>
            Back
          </button>
        )}
        <button type="button" className="btn" disabled={busy} onClick={closeAct}>
          {refused ? "Close" : "Cancel"}
        </button>
      </div>
    </>
  );
}

interface FailureProps {
  readonly failure: Failure;
  readonly onAgain: () => void;
  readonly onBack: (() => void) | null;
}

function FailureView({ failure, onAgain, onBack }: FailureProps) {
  const reasons = objectionsOf(failure);
  const ended = failedAction(failure);
  return (
    <>
      <p className="act-line tone-critical" role="alert" data-testid="act-failure">
        <Glyph shape="critical" word={null} /> {failure.message}
      </p>
      <Objections list={reasons} />
      <WhatToDo list={reasons} />
      {ended && <ActionNow first={ended} />}
      <div className="act-buttons">
        <button type="button" className="btn" onClick={onAgain}>
          Plan again
        </button>
        {onBack && (
          <button type="button" className="btn" onClick={onBack}>
            Back
          </button>
        )}
        <button type="button" className="btn" onClick={closeAct}>
          Close
        </button>
      </div>
    </>
  );
}

function OutcomeView({ outcome }: { readonly outcome: Outcome }) {
  return (
    <>
      {outcome.kind === "pending" ? (
        <PendingNow first={outcome.approval} />
      ) : (
        <ActionNow first={outcome.action} />
      )}
      <CloseRow />
    </>
  );
}

function PendingNow({ first }: { readonly first: ApprovalView }) {
  return <ApprovalCard approval={useApproval(first.id) ?? first} alone />;
}

function ActionNow({ first }: { readonly first: ActionView }) {
  return <ActionRow action={useAction(first.id) ?? first} />;
}
