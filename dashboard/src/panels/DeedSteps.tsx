// From a wish to an action: what it needs, the plan, and then the act itself or the question for a person's word.
import { useCallback, useEffect, useState } from "react";
import type { ActionView } from "../protocol/ActionView";
import type { ApprovalView } from "../protocol/ApprovalView";
import type { Plan } from "../protocol/Plan";
import { failedAction, type Order, type Outcome, objectionsOf, plan, run } from "../stream/act";
import { useAction, useActions, useApproval } from "../stream/acting";
import { serverNowMs } from "../stream/clock";
import type { Failure } from "../stream/rest";
import { Glyph } from "../ui/Glyph";
import { ActForm } from "./ActForm";
import { ActionRow } from "./ActionRow";
import { ApprovalCard } from "./ApprovalCard";
import { type Deed, orderOf } from "./actions";
import { closeAct } from "./actSheetState";
import { CloseRow } from "./CloseRow";
import { Objections } from "./PlanParts";
import { PlanView } from "./PlanView";
import { WhatToDo } from "./WhatToDo";

type Step =
  | { readonly at: "fields" }
  | { readonly at: "planning"; readonly order: Order }
  | { readonly at: "plan"; readonly order: Order; readonly plan: Plan }
  | { readonly at: "acting"; readonly order: Order; readonly plan: Plan; readonly sinceMs: number }
  | { readonly at: "done"; readonly outcome: Outcome }
  | { readonly at: "failed"; readonly failure: Failure; readonly order: Order };

export function DeedSteps({ deed }: { readonly deed: Deed }) {
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
  const begun = useBegun(step);
  return (
    <div className="act" data-testid="act-sheet" data-step={step.at}>
      {step.at !== "done" && !begun && (
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
      {begun && <Begun action={begun} />}
      {(step.at === "plan" || step.at === "acting") && !begun && (
        <PlanView
          made={step.plan}
          deed={deed}
          busy={step.at === "acting"}
          onRun={() => void act(step.order, step.plan)}
          onBack={back}
        />
      )}
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

/** The answer comes with the end; the stream tells of the beginning. */
function useBegun(step: Step): ActionView | undefined {
  const actions = useActions();
  if (step.at !== "acting") return undefined;
  const { order, sinceMs } = step;
  return actions.find(
    (a) =>
      a.tool === order.tool &&
      a.asked_ms >= sinceMs - BEGUN_SLACK_MS &&
      Object.entries(order.args).every(([k, v]) => a.args[k] === v),
  );
}

/** It is under way: there is nothing to cancel any more, and nothing here that it needs. */
function Begun({ action }: { readonly action: ActionView }) {
  return (
    <>
      <ActionRow action={action} />
      <p className="act-line dim">It goes on when this is closed; Acting tells how it ends.</p>
      <CloseRow />
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
