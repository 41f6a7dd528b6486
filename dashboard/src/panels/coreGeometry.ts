// Where things stand on the ring and on the globe. Pure; angles in degrees, 0 at the top, clockwise.

export type Vec = readonly [number, number, number];

/** Space between two arcs of the ring. */
const ARC_GAP_DEG = 6;
export const NODES_ON_RING_MAX = 16;

export interface Arc {
  readonly from: number;
  readonly to: number;
}

/** Equal arcs, the first centred at the top. */
export function arcs(n: number): Arc[] {
  if (n <= 0) return [];
  if (n === 1) return [{ from: -174, to: 174 }];
  const each = 360 / n;
  const gap = Math.min(ARC_GAP_DEG, each / 4);
  return Array.from({ length: n }, (_, i) => ({
    from: i * each - each / 2 + gap / 2,
    to: i * each + each / 2 - gap / 2,
  }));
}

export function point(radius: number, deg: number): { x: number; y: number } {
  const rad = ((deg - 90) * Math.PI) / 180;
  return { x: radius * Math.cos(rad), y: radius * Math.sin(rad) };
}

/** Radius of the line that names stand on, the height of their letters, and the width of one with its space. */
const LABEL = { radius: 219, height: 13, tallest: 25, width: 0.7 } as const;

/** Letters for which an arc of that many degrees has room. */
export function arcChars(deg: number, few: boolean): number {
  const room = (2 * Math.PI * LABEL.radius * deg) / 360;
  return Math.floor(room / (LABEL.width * (few ? LABEL.tallest : LABEL.height)));
}

/** What of a name and its figure fits; a path cuts off both ends of what does not. */
export function labelOf(name: string, figure: string, chars: number): { name: string; figure: string } {
  if (name.length + 1 + figure.length <= chars) return { name, figure };
  return { name: name.length <= chars ? name : `${name.slice(0, Math.max(1, chars - 1))}…`, figure: "" };
}

const f = (n: number): string => n.toFixed(2);

export function arcPath(radius: number, from: number, to: number, backwards = false): string {
  const a = point(radius, backwards ? to : from);
  const b = point(radius, backwards ? from : to);
  const large = Math.abs(to - from) > 180 ? 1 : 0;
  return `M${f(a.x)} ${f(a.y)}A${radius} ${radius} 0 ${large} ${backwards ? 0 : 1} ${f(b.x)} ${f(b.y)}`;
}

/** True for arcs in the lower half, whose text must run the other way to be read. */
export function upsideDown(arc: Arc): boolean {
  const middle = ((((arc.from + arc.to) / 2) % 360) + 360) % 360;
  return middle > 100 && middle < 260;
}

const GOLDEN = Math.PI * (3 - Math.sqrt(5));

/** Evenly spread places on a sphere. */
export function lattice(n: number): Vec[] {
  return Array.from({ length: n }, (_, i) => {
    const y = 1 - (2 * (i + 0.5)) / n;
    const r = Math.sqrt(1 - y * y);
    return [r * Math.cos(i * GOLDEN), y, r * Math.sin(i * GOLDEN)] as const;
  });
}

/** Hubs away from the poles, where the globe would hide them in its rim. */
export function hubs(n: number): Vec[] {
  return Array.from({ length: n }, (_, i) => {
    const lon = (i / Math.max(1, n)) * Math.PI * 2 + 0.6;
    const y = n === 1 ? 0.2 : i % 2 === 0 ? 0.34 : -0.38;
    const r = Math.sqrt(1 - y * y);
    return [r * Math.cos(lon), y, r * Math.sin(lon)] as const;
  });
}

/** A place near its hub, always the same for the same guest. */
export function near(hub: Vec, index: number, count: number): Vec {
  const angle = index * GOLDEN;
  const spread = 0.26 + 0.5 * Math.sqrt((index + 0.5) / Math.max(1, count));
  const up: Vec = Math.abs(hub[1]) > 0.9 ? [1, 0, 0] : [0, 1, 0];
  const u = unit(cross(up, hub));
  const v = cross(hub, u);
  const [a, b] = [Math.cos(angle) * spread, Math.sin(angle) * spread];
  return unit([hub[0] + u[0] * a + v[0] * b, hub[1] + u[1] * a + v[1] * b, hub[2] + u[2] * a + v[2] * b]);
}

export function between(a: Vec, b: Vec, t: number, lift: number): Vec {
  const m = unit([a[0] * (1 - t) + b[0] * t, a[1] * (1 - t) + b[1] * t, a[2] * (1 - t) + b[2] * t]);
  const up = 1 + lift * Math.sin(Math.PI * t);
  return [m[0] * up, m[1] * up, m[2] * up];
}

export function unit(v: Vec): Vec {
  const l = Math.hypot(v[0], v[1], v[2]) || 1;
  return [v[0] / l, v[1] / l, v[2] / l];
}

function cross(a: Vec, b: Vec): Vec {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}
