// What a plan, an approval and an action have in common: who goes down, the reasons, the exact requests.

import { useState } from "react";
import type { BlastView } from "../protocol/BlastView";
import type { ExactCall } from "../protocol/ExactCall";
import type { ObjectionView } from "../protocol/ObjectionView";
import type { StruckView } from "../protocol/StruckView";
import { count, duration } from "../ui/format";
import { Glyph } from "../ui/Glyph";
import { plain } from "../ui/plain";
import { guardWords } from "./actingWords";
import "./Acting.css";

/** More names would push the buttons off a phone; the count is always told. */
const NAMED_MAX = 6;

/** `short` leaves out what has a place elsewhere: names by the dozen, and where a figure is from. */
export function Blast({ blast, short }: { readonly blast: BlastView; readonly short?: boolean }) {
  const { quorum, away_s: awayS } = blast;
  const harmless = blast.down.length + blast.degraded.length === 0;
  return (
    <>
      {blast.includes_jarvis && (
        <p className="act-self tone-critical" data-testid="includes-jarvis">
          <Glyph shape="critical" word={null} /> Jarvis itself goes down with it: you will not see the end
          here.
        </p>
      )}
      <dl className="act-facts">
        <div>
          <dt>Effect</dt>
          <dd>{harmless ? "Nothing goes down with it." : plain(blast.sentence)}</dd>
        </div>
        {(!short || blast.down.length > 1) && <Struck name="Down" list={blast.down} />}
        {!short && <Struck name="Degraded" list={blast.degraded} />}
        {!short && !harmless && (
          <div>
            <dt>Away</dt>
            <dd>
              {awayS === undefined ? "until somebody brings it back" : `about ${duration(awayS * 1000)}`}
              {blast.basis && <small> · {blast.basis}</small>}
            </dd>
          </div>
        )}
        {quorum && (
          <div>
            <dt>Quorum after</dt>
            <dd className={quorum.kept ? "" : "tone-critical"} data-testid="quorum-after">
              {quorum.kept ? "kept" : "LOST"}: {quorum.online} online, {quorum.needed} needed
            </dd>
          </div>
        )}
      </dl>
    </>
  );
}

function Struck({ name, list }: { readonly name: string; readonly list: readonly StruckView[] }) {
  if (list.length === 0) return null;
  const more = list.length - NAMED_MAX;
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {list.slice(0, NAMED_MAX).map((s, i, shown) => (
          <span key={`${s.name} ${s.through ?? ""}`}>
            {i > 0 && ", "}
            {plain(s.name)}
            {/* Once for all that go the same way: the name of one node eight times hides the eight guests. */}
            {s.through && s.through !== shown[i + 1]?.through && <small> through {plain(s.through)}</small>}
          </span>
        ))}
        {more > 0 && ` and ${more} more`}
      </dd>
    </div>
  );
}

interface ObjectionsProps {
  readonly list: readonly ObjectionView[];
  /** What is told beside them in full, and not again. */
  readonly blast?: BlastView | undefined;
}

export function Objections({ list, blast }: ObjectionsProps) {
  if (list.length === 0) return null;
  // What stands in the way before what only asks.
  const sorted = [...list].sort((a, b) => Number(b.verdict === "refuse") - Number(a.verdict === "refuse"));
  return (
    <ul className="act-reasons" aria-label="Reasons">
      {sorted.map((o) => (
        <li key={`${o.guard} ${o.reason}`} data-verdict={o.verdict} data-testid="objection">
          <Glyph
            shape={o.verdict === "refuse" ? "critical" : "attention"}
            word={o.verdict === "refuse" ? "refused" : "asks for you"}
          />
          <span>
            {o.reason === blast?.sentence ? "Others go down with it: see its effect." : plain(o.reason)}
            <small>{guardWords(o.guard)}</small>
          </span>
        </li>
      ))}
    </ul>
  );
}

export function ExactCalls({ calls }: { readonly calls: readonly ExactCall[] }) {
  const [open, setOpen] = useState(false);
  if (calls.length === 0) return null;
  return (
    <div className="act-calls">
      <button type="button" className="act-more" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? "Hide" : "Show"} the exact {calls.length === 1 ? "request" : count(calls.length, "request")}
      </button>
      {open && (
        <ol data-testid="exact-calls">
          {calls.map((c) => (
            <li key={`${c.via} ${c.method} ${c.target} ${c.path} ${c.body}`}>
              <code>
                <b>{c.method}</b> {c.path}
                {c.body && `\n${c.body}`}
              </code>
              <small>
                {c.via} on {c.target}
              </small>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}
