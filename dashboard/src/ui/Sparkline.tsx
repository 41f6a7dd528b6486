// A small line of the recent past, drawn straight from a ring of numbers when told of a new one.
import { useEffect, useRef } from "react";
import { fade, fillUnder, line, prepare, runs } from "./draw";
import { useView } from "./view";

export interface SparkSample {
  readonly tMs: number;
  readonly v: number;
}

interface SparklineProps {
  readonly watch: (listener: () => void) => () => void;
  readonly read: () => readonly SparkSample[];
  readonly spanMs: number;
  readonly gapMs: number;
  /** Top of the scale; by default the highest value seen. */
  readonly top?: number;
  readonly tone?: string;
  readonly label: string;
}

const PAD = 3;

function paint(
  canvas: HTMLCanvasElement,
  samples: readonly SparkSample[],
  spanMs: number,
  gapMs: number,
  top?: number,
): void {
  const area = prepare(canvas);
  const end = samples.at(-1)?.tMs;
  if (!area || end === undefined) return;
  const { ctx, w, h } = area;
  const start = Math.max(end - spanMs, samples[0]?.tMs ?? end);
  const seen = samples.filter((s) => s.tMs >= start);
  const high = Math.max(top ?? 0, ...seen.map((s) => s.v)) * (top === undefined ? 1.15 : 1) || 1;
  const colour = getComputedStyle(canvas).color;
  // A young series fills the width; it never pretends to be an hour old since no time axis is drawn.
  const x = (t: number): number => ((t - start) / Math.max(1, end - start)) * (w - PAD * 2) + PAD;
  const y = (v: number): number => h - PAD - (Math.min(v, high) / high) * (h - PAD * 2);
  ctx.lineWidth = 1.4;
  ctx.lineJoin = "round";
  ctx.strokeStyle = colour;
  const gap = Math.max(gapMs, spanMs / 60);
  for (const run of runs(seen, gap)) {
    const dots = run.map((s) => ({ x: x(s.tMs), y: y(s.v) }));
    fillUnder(ctx, dots, h, fade(ctx, colour, h));
    line(ctx, dots);
    ctx.stroke();
  }
  const last = seen.at(-1);
  if (!last) return;
  ctx.fillStyle = colour;
  ctx.beginPath();
  ctx.arc(x(last.tMs), y(last.v), 2.2, 0, Math.PI * 2);
  ctx.fill();
}

export function Sparkline({ watch, read, spanMs, gapMs, top, tone, label }: SparklineProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const mode = useView((v) => v.mode);
  // biome-ignore lint/correctness/useExhaustiveDependencies: mode and tone change the computed colour
  useEffect(() => {
    const draw = (): void => {
      if (canvas.current) paint(canvas.current, read(), spanMs, gapMs, top);
    };
    draw();
    const stop = watch(draw);
    const resized = new ResizeObserver(draw);
    if (canvas.current) resized.observe(canvas.current);
    return () => {
      stop();
      resized.disconnect();
    };
  }, [watch, read, spanMs, gapMs, top, mode, tone]);
  return (
    <canvas ref={canvas} className={`spark figure spark-${tone ?? "ok"}`} role="img" aria-label={label} />
  );
}
