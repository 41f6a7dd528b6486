// Line drawing shared by the small and the large chart: device pixels, gaps, one column at a time.

export interface Dot {
  readonly x: number;
  readonly y: number;
}

/** Sizes the canvas to device pixels; null while it has no size or no context (tests). */
export function prepare(
  canvas: HTMLCanvasElement,
): { ctx: CanvasRenderingContext2D; w: number; h: number } | null {
  const ctx = canvas.getContext("2d");
  const w = canvas.clientWidth;
  const h = canvas.clientHeight;
  if (!ctx || w === 0 || h === 0) return null;
  const scale = Math.min(2, devicePixelRatio || 1);
  const width = Math.round(w * scale);
  const height = Math.round(h * scale);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  ctx.clearRect(0, 0, w, h);
  return { ctx, w, h };
}

/** Cuts a series where time jumps: a line across a gap would claim something nobody saw. */
export function runs<T extends { readonly tMs: number }>(samples: readonly T[], gapMs: number): T[][] {
  const result: T[][] = [];
  let run: T[] = [];
  for (const s of samples) {
    const before = run.at(-1);
    if (before && s.tMs - before.tMs > gapMs) {
      result.push(run);
      run = [];
    }
    run.push(s);
  }
  if (run.length > 0) result.push(run);
  return result;
}

export function line(ctx: CanvasRenderingContext2D, dots: readonly Dot[]): void {
  ctx.beginPath();
  for (const [i, d] of dots.entries()) {
    if (i === 0) ctx.moveTo(d.x, d.y);
    else ctx.lineTo(d.x, d.y);
  }
}

export function fillUnder(
  ctx: CanvasRenderingContext2D,
  dots: readonly Dot[],
  floor: number,
  paint: CanvasGradient | string,
): void {
  const first = dots[0];
  const last = dots.at(-1);
  if (!first || !last) return;
  line(ctx, dots);
  ctx.lineTo(last.x, floor);
  ctx.lineTo(first.x, floor);
  ctx.closePath();
  ctx.fillStyle = paint;
  ctx.fill();
}

export function fade(ctx: CanvasRenderingContext2D, colour: string, h: number): CanvasGradient {
  const g = ctx.createLinearGradient(0, 0, 0, h);
  g.addColorStop(0, withAlpha(colour, 0.28));
  g.addColorStop(1, withAlpha(colour, 0));
  return g;
}

/** `rgb(r, g, b)` as computed styles give it, with an alpha. */
export function withAlpha(colour: string, alpha: number): string {
  const parts = colour.match(/[\d.]+/g);
  return parts && parts.length >= 3 ? `rgba(${parts[0]},${parts[1]},${parts[2]},${alpha})` : colour;
}
