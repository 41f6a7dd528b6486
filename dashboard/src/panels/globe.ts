// Draws the globe on a 2D canvas: hubs are nodes, dots are guests, a spoke glows with its guest's traffic.
import { withAlpha } from "../ui/draw";
import { between, lattice, type Vec } from "./coreGeometry";
import { type GlobeHub, type GlobeScene, SHAPES, type Shape, TRAFFIC_STEPS } from "./globeScene";

export interface Inks {
  readonly cy: string;
  readonly am: string;
  readonly rd: string;
  readonly grey: string;
  /** Of the rings round the globe. */
  readonly ring: string;
}

/** On the page or in a worker. */
type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

const STARS = lattice(1400);
const TILT = -0.36;
const CT = Math.cos(TILT);
const ST = Math.sin(TILT);
const BANDS = 8;
const RADIUS = 0.924;
/** From here on the dots of well guests are half as large. */
const CROWD = 120;

type Draw = { ctx: Context; r: number; turn: number; unit: number };

function project([x0, y0, z0]: Vec, turn: number): Vec {
  const c = Math.cos(turn);
  const s = Math.sin(turn);
  const x = x0 * c + z0 * s;
  const z = -x0 * s + z0 * c;
  return [x, y0 * CT - z * ST, y0 * ST + z * CT];
}

/** Round the origin of the context, `size` pixels across. */
export function drawGlobe(ctx: Context, size: number, scene: GlobeScene, turn: number, inks: Inks): void {
  const d: Draw = { ctx, r: (size / 2) * RADIUS, turn, unit: size / 632 };
  ctx.globalAlpha = scene.dark ? 0.35 : 1;
  net(d);
  stars(d);
  if (scene.linked) links(d, scene.hubs);
  for (const i of busiest(scene.traffic)) spoke(d, scene, i);
  const dots = Dots.of(scene, d);
  // A thousand guests must not become four clouds, nor cost a thousand fills.
  const crowded = scene.shape.length > CROWD;
  dots.calm({ ...d, unit: crowded ? d.unit * 0.5 : d.unit }, inks);
  dots.hot(d, inks);
  for (const hub of scene.hubs) ring(d, hub);
}

function net({ ctx, r, turn, unit }: Draw): void {
  ctx.lineWidth = 1.3 * unit;
  const curve = (at: (a: number) => Vec, strong: boolean): void => {
    ctx.beginPath();
    for (let j = 0; j <= 64; j++) {
      const p = project(at((j / 64) * Math.PI * 2), turn);
      if (j === 0) ctx.moveTo(p[0] * r, p[1] * r);
      else ctx.lineTo(p[0] * r, p[1] * r);
    }
    ctx.strokeStyle = `rgba(79,216,255,${strong ? 0.22 : 0.075})`;
    ctx.stroke();
  };
  for (let k = 0; k < 12; k++) {
    const lon = (k * Math.PI) / 12;
    curve((a) => [Math.cos(a) * Math.cos(lon), Math.sin(a), Math.cos(a) * Math.sin(lon)], false);
  }
  for (let k = -4; k <= 4; k++) {
    const lat = (k * Math.PI) / 10;
    curve((a) => [Math.cos(lat) * Math.cos(a), Math.sin(lat), Math.cos(lat) * Math.sin(a)], k === 0);
  }
}

function stars({ ctx, r, turn, unit }: Draw): void {
  const bands = emptyBands();
  for (const s of STARS) {
    const p = project(s, turn);
    if (p[2] < -0.55) continue;
    bands[bandOf(p[2])]?.push(p[0] * r, p[1] * r);
  }
  for (const [k, band] of bands.entries()) {
    const depth = (k + 0.5) / BANDS;
    const size = (1.2 + 2.2 * depth) * unit;
    ctx.fillStyle = `rgba(130,222,252,${(0.05 + 0.7 * depth ** 3).toFixed(3)})`;
    for (let i = 0; i < band.length; i += 2)
      ctx.fillRect((band[i] ?? 0) - size / 2, (band[i + 1] ?? 0) - size / 2, size, size);
  }
}

function flow({ ctx, r, turn, unit }: Draw, a: Vec, b: Vec, strength: number, lift: number): void {
  const steps = 28;
  let before: Vec | null = null;
  ctx.lineCap = "round";
  ctx.lineWidth = (1 + 1.6 * strength) * unit;
  for (let j = 0; j <= steps; j++) {
    const p = project(between(a, b, j / steps, lift), turn);
    if (before && p[2] > -0.25) {
      ctx.strokeStyle = `rgba(170,238,255,${((0.08 + 0.72 * Math.max(0, p[2])) * strength).toFixed(2)})`;
      ctx.beginPath();
      ctx.moveTo(before[0] * r, before[1] * r);
      ctx.lineTo(p[0] * r, p[1] * r);
      ctx.stroke();
    }
    before = p;
  }
}

function links(d: Draw, hubs: readonly GlobeHub[]): void {
  const live = hubs.filter((h) => h.live);
  for (const [i, a] of live.entries()) {
    const b = live[(i + 1) % live.length];
    if (b && b !== a && !(live.length === 2 && i === 1)) flow(d, a.at, b.at, 0.85, 0.2);
  }
}

/** More would be a haze, and each costs thirty strokes. */
const SPOKES_MAX = 32;

/** Indices of the guests with the most traffic. */
function busiest(traffic: Uint8Array): readonly number[] {
  const found: number[] = [];
  for (let level = TRAFFIC_STEPS; level > 0 && found.length < SPOKES_MAX; level--)
    for (
      let i = traffic.indexOf(level);
      i >= 0 && found.length < SPOKES_MAX;
      i = traffic.indexOf(level, i + 1)
    )
      found.push(i);
  return found;
}

const placeOf = (at: Float32Array, i: number): Vec => [
  at[i * 3] ?? 0,
  at[i * 3 + 1] ?? 0,
  at[i * 3 + 2] ?? 0,
];

function spoke(d: Draw, { hubs, places, traffic }: GlobeScene, i: number): void {
  const hub = hubs[places.hub[i] ?? 0];
  const share = (traffic[i] ?? 0) / TRAFFIC_STEPS;
  if (hub) flow(d, hub.at, placeOf(places.at, i), 0.15 + 0.75 * share, 0.05);
}

/** More names than this would lie on each other. */
const NAMED_MAX = 48;
const HOT: ReadonlySet<Shape> = new Set(["attention", "critical"]);

interface HotDot {
  readonly at: Vec;
  readonly shape: Shape;
  readonly label: string;
}

/** The guests in front: calm ones by ink and depth, so that each such group is one fill; hot ones one by one. */
class Dots {
  private readonly bands = { ok: emptyBands(), grey: emptyBands() };
  private readonly warm: HotDot[] = [];

  static of({ places, shape }: GlobeScene, { r, turn }: Draw): Dots {
    const dots = new Dots();
    for (let i = 0; i < shape.length; i++) {
      const p = project(placeOf(places.at, i), turn);
      if (p[2] < -0.35) continue;
      const kind = SHAPES[shape[i] ?? 0] ?? "unknown";
      if (HOT.has(kind)) dots.warm.push({ at: p, shape: kind, label: String(places.vmid[i]) });
      else dots.bands[kind === "ok" ? "ok" : "grey"][bandOf(p[2])]?.push(p[0] * r, p[1] * r);
    }
    return dots;
  }

  calm({ ctx, unit }: Draw, inks: Inks): void {
    for (const [name, ink] of [
      ["grey", inks.grey],
      ["ok", inks.cy],
    ] as const) {
      for (const [k, band] of this.bands[name].entries()) {
        const depth = (k + 0.5) / BANDS;
        discs(ctx, band, 14 * unit, withAlpha(ink, 0.12 * depth));
        discs(ctx, band, 5 * unit, withAlpha(ink, 0.25 + 0.75 * depth));
      }
    }
  }

  hot(d: Draw, inks: Inks): void {
    const named = this.warm.length <= NAMED_MAX;
    for (const dot of this.warm) hotGuest(d, dot, dot.shape === "attention" ? inks.am : inks.rd, named);
  }
}

const emptyBands = (): number[][] => Array.from({ length: BANDS }, () => []);
const bandOf = (z: number): number => Math.max(0, Math.min(BANDS - 1, Math.floor((z + 1) * (BANDS / 2))));

function discs(ctx: Context, places: readonly number[], radius: number, ink: string): void {
  if (places.length === 0) return;
  ctx.fillStyle = ink;
  ctx.beginPath();
  for (let i = 0; i < places.length; i += 2) {
    const x = places[i] ?? 0;
    const y = places[i + 1] ?? 0;
    ctx.moveTo(x + radius, y);
    ctx.arc(x, y, radius, 0, Math.PI * 2);
  }
  ctx.fill();
}

function hotGuest({ ctx, r, unit }: Draw, { at, label }: HotDot, ink: string, named: boolean): void {
  const depth = (at[2] + 1) / 2;
  const [x, y] = [at[0] * r, at[1] * r];
  discs(ctx, [x, y], 22 * unit, withAlpha(ink, 0.12 * depth));
  discs(ctx, [x, y], 7.5 * unit, withAlpha(ink, 0.25 + 0.75 * depth));
  if (!named || at[2] < 0.1) return;
  ctx.strokeStyle = withAlpha(ink, 0.8);
  ctx.lineWidth = 2 * unit;
  ctx.beginPath();
  ctx.arc(x, y, 15 * unit, 0, Math.PI * 2);
  ctx.stroke();
  const side = x > 0 ? 1 : -1;
  ctx.beginPath();
  ctx.moveTo(x + side * 11 * unit, y + 11 * unit);
  ctx.lineTo(x + side * 34 * unit, y + 34 * unit);
  ctx.lineTo(x + side * 56 * unit, y + 34 * unit);
  ctx.stroke();
  ctx.font = `600 ${Math.round(26 * unit)}px "Barlow Condensed"`;
  ctx.fillStyle = ink;
  ctx.textAlign = side > 0 ? "left" : "right";
  ctx.fillText(label, x + side * 63 * unit, y + 43 * unit);
}

function ring({ ctx, r, turn, unit }: Draw, hub: GlobeHub): void {
  const p = project(hub.at, turn);
  if (p[2] < -0.2) return;
  ctx.strokeStyle = `rgba(190,242,255,${((0.3 + 0.3 * (p[2] + 1)) * (hub.live ? 1 : 0.35)).toFixed(2)})`;
  ctx.lineWidth = 2.2 * unit;
  ctx.setLineDash(hub.live ? [] : [3 * unit, 5 * unit]);
  ctx.beginPath();
  ctx.arc(p[0] * r, p[1] * r, 10 * unit, 0, Math.PI * 2);
  ctx.stroke();
  ctx.setLineDash([]);
}
