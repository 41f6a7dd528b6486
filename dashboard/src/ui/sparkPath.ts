// A series as the outline of a small line. Pure.
import { runs } from "./draw";

export interface SparkSample {
  readonly tMs: number;
  readonly v: number;
}

export interface Scale {
  readonly spanMs: number;
  /** A pause longer than this stays empty. */
  readonly gapMs: number;
  /** Top of the scale; by default a little above the highest value seen. */
  readonly top?: number | undefined;
}

export interface SparkPath {
  readonly line: string;
  readonly under: string;
  /** The last value, drawn as a point. */
  readonly end: string;
}

/** The box it is drawn in; stretched to whatever the panel has room for. */
export const BOX = { width: 1000, height: 100 } as const;
/** More of them than a small line has pixels would be work that nobody sees. */
const COLUMNS = 160;
const NONE: SparkPath = { line: "", under: "", end: "" };

type Point = readonly [x: number, y: number];

export function sparkPath(samples: readonly SparkSample[], { spanMs, gapMs, top }: Scale): SparkPath {
  const newest = samples.at(-1);
  if (!newest) return NONE;
  const end = newest.tMs;
  // A young series fills the width; it never pretends to be an hour old since no time axis is drawn.
  const start = Math.max(end - spanMs, samples[0]?.tMs ?? end);
  const seen = samples.filter((s) => s.tMs >= start);
  const high = top ?? Math.max(...seen.map((s) => s.v)) * 1.15;
  const place = ({ tMs, v }: SparkSample): Point => [
    ((tMs - start) / Math.max(1, end - start)) * BOX.width,
    BOX.height * (1 - Math.min(1, Math.max(0, v / (high || 1)))),
  ];
  let line = "";
  let under = "";
  for (const run of runs(seen, Math.max(gapMs, spanMs / 60))) {
    const outline = outlineOf(extremes(run.map(place)));
    line += `M${outline}`;
    const [first, last] = [run[0], run.at(-1)];
    if (first && last)
      under += `M${at(place(first)[0], BOX.height)}L${outline}L${at(place(last)[0], BOX.height)}Z`;
  }
  const [x, y] = place(newest);
  return { line, under, end: `M${at(x, y)}h0` };
}

/** At most the lowest and the highest of each column, in the order they came: thinning must not lose a peak. */
function extremes(points: readonly Point[]): readonly Point[] {
  if (points.length <= COLUMNS * 2) return points;
  const columns = new Map<number, { low: Point; high: Point }>();
  for (const p of points) {
    const column = Math.floor((p[0] / BOX.width) * COLUMNS);
    const seen = columns.get(column);
    if (!seen) columns.set(column, { low: p, high: p });
    else if (p[1] < seen.high[1]) seen.high = p;
    else if (p[1] > seen.low[1]) seen.low = p;
  }
  return [...columns.values()].flatMap(({ low, high }) =>
    low === high ? [low] : low[0] < high[0] ? [low, high] : [high, low],
  );
}

const at = (x: number, y: number): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
const outlineOf = (points: readonly Point[]): string => points.map(([x, y]) => at(x, y)).join("L");
