// A share of a whole as a bar, with a mark where it becomes too much.

export type Tone = "ok" | "attention" | "critical";

/** The colour of a thing's own figure: as the daemon judges the thing, never by a limit of the screen's own. */
export function toneOf(health: string): Tone {
  return health === "attention" || health === "critical" ? health : "ok";
}

/** The same for one figure among several: it is coloured only where it may be what the judgement is about. */
export function toneAt(health: string, ratio: number | null, mark: number): Tone {
  return ratio !== null && ratio >= mark ? toneOf(health) : "ok";
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
