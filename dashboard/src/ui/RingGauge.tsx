// A share as a ring of ticks round its number.
import type { Tone } from "./Bar";
import { percent, UNKNOWN } from "./format";

const TICKS = 36;
const COLOUR: Readonly<Record<Tone, string>> = {
  ok: "var(--cy)",
  attention: "var(--am)",
  critical: "var(--rd)",
};

/** `pathLength` is 10 per tick: 5 drawn, 5 left out; then nothing for the rest of the ring. */
const dashes = (lit: number): string => `${"5 5 ".repeat(lit)}0 ${TICKS * 10}`;
const TRACK = dashes(TICKS);

interface RingGaugeProps {
  readonly ratio: number | null;
  readonly tone: Tone;
  readonly unit: string;
}

export function RingGauge({ ratio, tone, unit }: RingGaugeProps) {
  const lit = ratio === null ? 0 : Math.round(Math.min(1, Math.max(0, ratio)) * TICKS);
  const ring = {
    cx: 34,
    cy: 34,
    r: 28.8,
    fill: "none",
    strokeWidth: 5.6,
    pathLength: TICKS * 10,
    transform: "rotate(-90 34 34)",
  };
  return (
    <svg className="ring figure" viewBox="0 0 68 68" aria-hidden="true">
      <circle {...ring} stroke="var(--track)" strokeDasharray={TRACK} />
      {lit > 0 && <circle {...ring} stroke={COLOUR[tone]} strokeDasharray={dashes(lit)} />}
      <text className="ring-value" x="34" y="39">
        {ratio === null ? UNKNOWN : percent(ratio)}
      </text>
      <text className="ring-unit" x="34" y="51">
        {unit}
      </text>
    </svg>
  );
}
