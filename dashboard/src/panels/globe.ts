// Draws the globe on a 2D canvas: hubs are nodes, dots are guests, a spoke glows with its guest's traffic.
import { withAlpha } from "../ui/draw";
import { between, lattice, type Vec } from "./coreGeometry";

export interface GlobeDot {
  readonly at: Vec;
  readonly hub: number;
  readonly shape: "ok" | "attention" | "critical" | "off" | "unknown";
  readonly label: string;
  /** 0..1, logarithmic. */
  readonly traffic: number;
}

export interface GlobeHub {
  readonly at: Vec;
  readonly live: boolean;
}

export interface GlobeScene {
  readonly hubs: readonly GlobeHub[];
  readonly dots: readonly GlobeDot[];
  /** Whether the members are known to see each other. */
  readonly linked: boolean;
  readonly dark: boolean;
}

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
  for (const dot of busiest(scene.dots)) spoke(d, dot, scene.hubs[dot.hub]);
  // A thousand guests must not become four clouds.
  const crowd: Draw = scene.dots.length > CROWD ? { ...d, unit: d.unit * 0.5 } : d;
  for (const dot of scene.dots) guest(dot.shape === "ok" || dot.shape === "off" ? crowd : d, dot, inks);
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
  const bands: number[][] = Array.from({ length: BANDS }, () => []);
  for (const s of STARS) {
    const p = project(s, turn);
    if (p[2] < -0.55) continue;
    bands[Math.min(BANDS - 1, Math.floor((p[2] + 1) * (BANDS / 2)))]?.push(p[0] * r, p[1] * r);
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

function busiest(dots: readonly GlobeDot[]): readonly GlobeDot[] {
  return dots.length <= SPOKES_MAX
    ? dots
    : dots.toSorted((a, b) => b.traffic - a.traffic).slice(0, SPOKES_MAX);
}

function spoke(d: Draw, dot: GlobeDot, hub: GlobeHub | undefined): void {
  if (hub && dot.traffic > 0.02) flow(d, hub.at, dot.at, 0.15 + 0.75 * dot.traffic, 0.05);
}

function guest({ ctx, r, turn, unit }: Draw, dot: GlobeDot, inks: Inks): void {
  const p = project(dot.at, turn);
  if (p[2] < -0.35) return;
  const depth = (p[2] + 1) / 2;
  const hot = dot.shape === "attention" || dot.shape === "critical";
  const ink =
    dot.shape === "attention"
      ? inks.am
      : dot.shape === "critical"
        ? inks.rd
        : dot.shape === "ok"
          ? inks.cy
          : inks.grey;
  const [x, y] = [p[0] * r, p[1] * r];
  const disc = (radius: number, alpha: number): void => {
    ctx.fillStyle = withAlpha(ink, alpha);
    ctx.beginPath();
    ctx.arc(x, y, radius * unit, 0, Math.PI * 2);
    ctx.fill();
  };
  disc(hot ? 22 : 14, 0.12 * depth);
  disc(hot ? 7.5 : 5, 0.25 + 0.75 * depth);
  if (!hot || p[2] < 0.1) return;
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
  ctx.fillText(dot.label, x + side * 63 * unit, y + 43 * unit);
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
