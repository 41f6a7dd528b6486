// What would happen, what stands against it, and the button that lets it happen.
import type { Plan } from "../protocol/Plan";
import { Glyph } from "../ui/Glyph";
import { TIER_WORD } from "./actingWords";
import type { Deed } from "./actions";
import { closeAct } from "./actSheetState";
import { Blast, ExactCalls, Objections } from "./PlanParts";
import { WhatToDo } from "./WhatToDo";

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

export function PlanView({ made, deed, busy, onRun, onBack }: PlanViewProps) {
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
