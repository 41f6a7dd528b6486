// A chart of the past: mean as a line, lowest to highest as a band, gaps as gaps, a reading under the pointer.
import { type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from "react";
import { fade, fillUnder, line, prepare, runs, withAlpha } from "./draw";
import { clockMinute, stamp, UNKNOWN } from "./format";
import { useView } from "./view";

export interface ChartBucket {
  readonly tMs: number;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

export interface ChartSeries {
  readonly label: string;
  readonly buckets: readonly ChartBucket[];
}

interface ChartProps {
  readonly title: string;
  readonly series: readonly ChartSeries[];
  readonly fromMs: number;
  readonly toMs: number;
  /** Top of the scale, when there is a natural one. */
  readonly top?: number | undefined;
  readonly format: (v: number | null) => string;
  readonly state: "loading" | "ready" | "failed";
  readonly error?: string | undefined;
}

const INKS = ["--cy", "--vi"] as const;
const HOUR_MS = 3_600_000;
const FOOT = 4;

export function Chart(props: ChartProps) {
  const { title, series, fromMs, toMs, top, format, state, error } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const mode = useView((v) => v.mode);
  const [at, setAt] = useState<number | null>(null);
  const main = series[0]?.buckets ?? [];
  const high = scaleTop(series, top);
  // biome-ignore lint/correctness/useExhaustiveDependencies: mode changes the computed colours
  useEffect(() => {
    const draw = (): void => {
      if (canvas.current) paint(canvas.current, series, fromMs, toMs, high, at);
    };
    draw();
    const resized = new ResizeObserver(draw);
    if (canvas.current) resized.observe(canvas.current);
    return () => resized.disconnect();
  }, [series, fromMs, toMs, high, at, mode]);

  const point = (e: PointerEvent<HTMLCanvasElement>): void => {
    const box = e.currentTarget.getBoundingClientRect();
    setAt(fromMs + ((e.clientX - box.left) / Math.max(1, box.width)) * (toMs - fromMs));
  };
  const step = (e: KeyboardEvent): void => {
    const by = e.key === "ArrowLeft" ? -1 : e.key === "ArrowRight" ? 1 : 0;
    if (by === 0 || main.length === 0) return;
    e.preventDefault();
    const now = at === null ? main.length : nearest(main, at);
    setAt(main[Math.min(main.length - 1, Math.max(0, now + by))]?.tMs ?? null);
  };
  const empty = state === "ready" && series.every((s) => s.buckets.length === 0);
  const time = toMs - fromMs > 20 * HOUR_MS ? stamp : clockMinute;
  return (
    <figure className="chart" data-testid={`chart-${title}`}>
      <figcaption>
        <span className="lab">{title}</span>
        <Reading series={series} at={at} toMs={toMs} format={format} time={time} />
      </figcaption>
      <div className="chart-plot">
        <canvas
          ref={canvas}
          tabIndex={0}
          role="img"
          aria-label={summary(title, series, format, toMs)}
          onPointerMove={point}
          onPointerLeave={() => setAt(null)}
          onKeyDown={step}
          onBlur={() => setAt(null)}
        />
        {!(empty || state === "loading") && <span className="chart-top">{format(high)}</span>}
        {state === "loading" && <span className="chart-note">Reading …</span>}
        {state === "failed" && <span className="chart-note tone-attention">{error}</span>}
        {empty && <span className="chart-note">Nothing recorded in this time.</span>}
      </div>
      <div className="chart-axis" aria-hidden="true">
        <span>{time(fromMs)}</span>
        <span>{time((fromMs + toMs) / 2)}</span>
        <span>{time(toMs)}</span>
      </div>
    </figure>
  );
}

interface ReadingProps {
  readonly series: readonly ChartSeries[];
  readonly at: number | null;
  readonly toMs: number;
  readonly format: (v: number | null) => string;
  readonly time: (ms: number) => string;
}

function Reading({ series, at, toMs, format, time }: ReadingProps) {
  const rows = series.map((s) => {
    const b = at === null ? current(s.buckets, toMs) : s.buckets[nearest(s.buckets, at)];
    return { label: s.label, bucket: b };
  });
  const when = at === null ? undefined : rows[0]?.bucket?.tMs;
  return (
    <span className="chart-reading">
      {when !== undefined && <i>{time(when)}</i>}
      {rows.map((r, i) => (
        <b key={r.label} data-series={i}>
          {series.length > 1 && <small>{r.label} </small>}
          {r.bucket ? format(r.bucket.mean) : UNKNOWN}
        </b>
      ))}
    </span>
  );
}

/** A pause longer than so many of the usual steps is a gap. */
const GAP_STEPS = 2.6;
/** A step is a few seconds at the finest, and a newest value comes late by more than that. */
const CURRENT_MIN_MS = 90_000;

/** The newest value, unless the line has ended: what was is not told as what is. */
export function current(buckets: readonly ChartBucket[], toMs: number): ChartBucket | undefined {
  const last = buckets.at(-1);
  const agedMs = Math.max(CURRENT_MIN_MS, stepOf(buckets) * GAP_STEPS);
  return last && toMs - last.tMs <= agedMs ? last : undefined;
}

function nearest(buckets: readonly ChartBucket[], tMs: number): number {
  let best = 0;
  for (const [i, b] of buckets.entries()) {
    if (Math.abs(b.tMs - tMs) < Math.abs((buckets[best]?.tMs ?? 0) - tMs)) best = i;
  }
  return best;
}

function scaleTop(series: readonly ChartSeries[], top: number | undefined): number {
  const seen = Math.max(0, ...series.flatMap((s) => s.buckets.map((b) => b.max)));
  return top !== undefined ? Math.max(top, seen) : seen * 1.15 || 1;
}

/** What the picture says, in words. */
export function summary(
  title: string,
  series: readonly ChartSeries[],
  format: (v: number | null) => string,
  toMs: number,
): string {
  const parts = series.flatMap((s) => {
    const last = s.buckets.at(-1);
    if (!last) return [];
    const low = Math.min(...s.buckets.map((b) => b.min));
    const high = Math.max(...s.buckets.map((b) => b.max));
    return [
      `${series.length > 1 ? `${s.label} ` : ""}${current(s.buckets, toMs) ? "now" : "last"} ${format(last.mean)}, from ${format(low)} to ${format(high)}`,
    ];
  });
  return `${title}: ${parts.join("; ") || "nothing recorded"}`;
}

function paint(
  canvas: HTMLCanvasElement,
  series: readonly ChartSeries[],
  fromMs: number,
  toMs: number,
  high: number,
  at: number | null,
): void {
  const area = prepare(canvas);
  if (!area) return;
  const { ctx, w, h } = area;
  const style = getComputedStyle(canvas);
  const x = (t: number): number => ((t - fromMs) / Math.max(1, toMs - fromMs)) * w;
  const y = (v: number): number => h - FOOT - (Math.min(v, high) / high) * (h - FOOT * 2);
  ctx.strokeStyle = style.getPropertyValue("--ln") || "#15293a";
  ctx.lineWidth = 1;
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const at = Math.round(y(high * share)) + 0.5;
    line(ctx, [
      { x: 0, y: at },
      { x: w, y: at },
    ]);
    ctx.stroke();
  }
  for (const [i, s] of series.entries()) {
    const ink = hex(style.getPropertyValue(INKS[i] ?? "--cy").trim());
    const gap = stepOf(s.buckets) * GAP_STEPS;
    for (const run of runs(s.buckets, gap)) {
      const dots = run.map((b) => ({ x: x(b.tMs), y: y(b.mean) }));
      if (i === 0) fillUnder(ctx, dots, h, fade(ctx, ink, h));
      const band = [
        ...run.map((b) => ({ x: x(b.tMs), y: y(b.max) })),
        ...run.toReversed().map((b) => ({ x: x(b.tMs), y: y(b.min) })),
      ];
      line(ctx, band);
      ctx.closePath();
      ctx.fillStyle = withAlpha(ink, 0.14);
      ctx.fill();
      ctx.strokeStyle = ink;
      ctx.lineWidth = 1.5;
      ctx.lineJoin = "round";
      line(ctx, dots);
      ctx.stroke();
    }
    const b = at === null ? undefined : s.buckets[nearest(s.buckets, at)];
    if (!b) continue;
    ctx.strokeStyle = withAlpha(ink, 0.5);
    ctx.lineWidth = 1;
    line(ctx, [
      { x: x(b.tMs), y: 0 },
      { x: x(b.tMs), y: h },
    ]);
    ctx.stroke();
    ctx.fillStyle = ink;
    ctx.beginPath();
    ctx.arc(x(b.tMs), y(b.mean), 3, 0, Math.PI * 2);
    ctx.fill();
  }
}

/** The usual distance of two buckets, so that a pause can be told from a coarse scale. */
function stepOf(buckets: readonly ChartBucket[]): number {
  const steps = buckets.slice(1).map((b, i) => b.tMs - (buckets[i]?.tMs ?? b.tMs));
  return steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? Number.POSITIVE_INFINITY;
}

function hex(value: string): string {
  const parts = value.match(/^#(..)(..)(..)$/)?.slice(1);
  return parts ? `rgb(${parts.map((p) => Number.parseInt(p, 16)).join(",")})` : "rgb(79,216,255)";
}
