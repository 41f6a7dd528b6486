// What moves in the reactor, on one canvas: the globe and the two rings that turn. Runs in a worker where there is
// one, so that a busy page never makes it stutter and it never makes a page busy.
import { arcPath, arcs } from "./coreGeometry";
import { drawGlobe, type Inks } from "./globe";
import type { GlobeScene } from "./globeScene";

/** The picture's own units: the same as the ring's view box. */
export const REACTOR_UNITS = 472;
const GLOBE_UNITS = 316;
/** Slow turns need few pictures; segments that race while a task runs need more. */
const IDLE_MS = 1000 / 10;
const BUSY_MS = 1000 / 15;
/** A picture that costs more than this, three times in a row, halves the rate. */
const COSTLY_MS = 8;
const COSTLY_TIMES = 3;
const SLOWEST_MS = 400;

const GLOBE_RAD_PER_S = 0.08;
const OUTER_DEG_PER_S = 4;
const INNER_DEG_PER_S = -2.6;
const INNER_BUSY_DEG_PER_S = -24;

export interface Look {
  readonly scene: GlobeScene;
  readonly inks: Inks;
  readonly moving: boolean;
  /** A task is running somewhere. */
  readonly busy: boolean;
  /** Edge of the square in device pixels. */
  readonly size: number;
}

type Surface = HTMLCanvasElement | OffscreenCanvas;
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

const ARCS = [arcPath(168, 12, 58), arcPath(168, 192, 214)];
const SEGMENTS = arcs(10).map((a) => arcPath(50, a.from + 1, a.to - 1));
const RAD = Math.PI / 180;

export class Reactor {
  private look: Look | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastMs: number | null = null;
  private turn = 5.38;
  private outer = 0;
  private inner = 0;
  private costly = 0;
  private slower = 1;

  constructor(private readonly surface: Surface) {}

  show(look: Look): void {
    this.look = look;
    if (this.surface.width !== look.size) {
      this.surface.width = look.size;
      this.surface.height = look.size;
    }
    this.stop();
    this.step();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Draws, and plans the next picture while things move. */
  private readonly step = (): void => {
    const { look } = this;
    const ctx = this.surface.getContext("2d") as Context | null;
    if (!look || !ctx) return;
    const began = performance.now();
    const passed = this.lastMs === null ? 0 : Math.min(1, (began - this.lastMs) / 1000);
    this.lastMs = look.moving ? began : null;
    if (look.moving) {
      this.turn += passed * GLOBE_RAD_PER_S;
      this.outer += passed * OUTER_DEG_PER_S;
      this.inner += passed * (look.busy ? INNER_BUSY_DEG_PER_S : INNER_DEG_PER_S);
    }
    this.draw(ctx, look);
    if (!look.moving) return;
    this.weigh(performance.now() - began);
    const every = Math.min(SLOWEST_MS, (look.busy ? BUSY_MS : IDLE_MS) * this.slower);
    this.timer = setTimeout(this.step, every);
  };

  private weigh(costMs: number): void {
    this.costly = costMs > COSTLY_MS ? this.costly + 1 : 0;
    if (this.costly < COSTLY_TIMES) return;
    this.costly = 0;
    this.slower = Math.min(4, this.slower * 2);
  }

  private draw(ctx: Context, { scene, inks, size }: Look): void {
    const unit = size / REACTOR_UNITS;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, size, size);
    const middle = (deg: number): void => {
      ctx.setTransform(unit, 0, 0, unit, size / 2, size / 2);
      ctx.rotate(deg * RAD);
    };
    ctx.setTransform(1, 0, 0, 1, size / 2, size / 2);
    drawGlobe(ctx, GLOBE_UNITS * unit, scene, this.turn, inks);
    ctx.strokeStyle = inks.ring;
    ctx.lineCap = "butt";
    middle(this.outer);
    ctx.globalAlpha = 0.55;
    ctx.lineWidth = 1;
    ctx.setLineDash([2, 14.6]);
    ctx.beginPath();
    ctx.arc(0, 0, 168, 0, Math.PI * 2);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.globalAlpha = 0.7;
    ctx.lineWidth = 1.6;
    for (const d of ARCS) ctx.stroke(new Path2D(d));
    middle(this.inner);
    ctx.globalAlpha = 0.72;
    ctx.fillStyle = "#061621";
    ctx.beginPath();
    ctx.arc(0, 0, 60, 0, Math.PI * 2);
    ctx.fill();
    ctx.globalAlpha = 0.5;
    ctx.lineWidth = 1;
    ctx.stroke();
    ctx.globalAlpha = scene.dark ? 0.25 : 0.85;
    ctx.lineWidth = 9;
    for (const d of SEGMENTS) ctx.stroke(new Path2D(d));
    ctx.globalAlpha = 1;
  }
}
