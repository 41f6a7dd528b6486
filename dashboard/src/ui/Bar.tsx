// A share of a whole as a bar, with a mark where it becomes too much.

export type Tone = "ok" | "attention" | "critical";

/** Where a filling thing starts to want a look, and where it is nearly over. */
export function toneOf(ratio: number | null, attention: number, critical: number): Tone {
  if (ratio === null) return "ok";
  return ratio >= critical ? "critical" : ratio >= attention ? "attention" : "ok";
}

interface BarProps {
  readonly ratio: number | null;
  readonly tone?: Tone;
  readonly mark?: number;
}

export function Bar({ ratio, tone = "ok", mark }: BarProps) {
  const width = ratio === null ? 0 : Math.min(1, Math.max(0, ratio)) * 100;
  return (
    <span className="bar figure" data-tone={tone} aria-hidden="true">
      <i style={{ width: `${width.toFixed(1)}%` }} />
      {mark !== undefined && <u style={{ left: `${mark * 100}%` }} />}
    </span>
  );
}
