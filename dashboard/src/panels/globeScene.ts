// From records to what the globe shows of them, in arrays of numbers: ten thousand guests are copied to the worker in
// one go, and what looks the same is given back itself so that nothing is sent at all. Pure.
import type { Guest } from "../protocol/Guest";
import type { Node } from "../protocol/Node";
import { hubs, near, type Vec } from "./coreGeometry";

/** Traffic which lights a spoke fully: 1 Gb/s. */
const TRAFFIC_FULL_BPS = 125_000_000;
/** How finely a spoke shows traffic: finer steps would be sent to the worker and seen by nobody. */
export const TRAFFIC_STEPS = 16;

export const SHAPES = ["ok", "attention", "critical", "off", "unknown"] as const;
export type Shape = (typeof SHAPES)[number];
const CODE = Object.fromEntries(SHAPES.map((s, i) => [s, i])) as Readonly<Record<Shape, number>>;

export interface GlobeHub {
  readonly at: Vec;
  readonly live: boolean;
}

/** Where the guests stand; the same object while none comes, goes or moves. */
export interface GlobePlaces {
  readonly vmid: Uint32Array;
  /** Index of its node. */
  readonly hub: Uint8Array;
  /** x, y, z of each. */
  readonly at: Float32Array;
}

export interface GlobeScene {
  readonly hubs: readonly GlobeHub[];
  readonly places: GlobePlaces;
  /** Index into `SHAPES`, of each. */
  readonly shape: Uint8Array;
  /** 0..`TRAFFIC_STEPS`, logarithmic, of each. */
  readonly traffic: Uint8Array;
  /** Whether the members are known to see each other. */
  readonly linked: boolean;
  readonly dark: boolean;
}

export interface SceneFacts {
  /** In the order of the ring. */
  readonly nodes: readonly Node[];
  readonly guests: Iterable<Guest>;
  readonly linked: boolean;
  readonly dark: boolean;
}

export function sceneOf({ nodes, guests, linked, dark }: SceneFacts, before?: GlobeScene): GlobeScene {
  const at = new Map(nodes.map((n, i) => [n.name, i]));
  const shown: Guest[] = [];
  for (const g of guests) if (!g.template && at.has(g.node)) shown.push(g);
  // Nearly in order already, as the daemon's keys are.
  shown.sort((a, b) => a.vmid - b.vmid);
  const hub = Uint8Array.from(shown, (g) => at.get(g.node) ?? 0);
  const vmid = Uint32Array.from(shown, (g) => g.vmid);
  const shape = Uint8Array.from(shown, (g) => CODE[g.health]);
  const traffic = Uint8Array.from(shown, trafficOf);
  const live = nodes.map((n) => n.status === "online");
  const sameHubs = before?.hubs.length === live.length;
  const samePlaces = sameHubs && equal(before.places.vmid, vmid) && equal(before.places.hub, hub);
  if (
    samePlaces &&
    before.linked === linked &&
    before.dark === dark &&
    before.hubs.every((h, i) => h.live === live[i]) &&
    equal(before.shape, shape) &&
    equal(before.traffic, traffic)
  )
    return before;
  const places = hubs(nodes.length);
  return {
    hubs: live.map((l, i) => ({ at: places[i] ?? [0, 0, 1], live: l })),
    places: samePlaces ? before.places : { vmid, hub, at: standing(hub, places) },
    shape,
    traffic,
    linked,
    dark,
  };
}

function standing(hub: Uint8Array, places: readonly Vec[]): Float32Array {
  const counts = new Uint32Array(places.length);
  for (const h of hub) counts[h] = (counts[h] ?? 0) + 1;
  const nth = new Uint32Array(places.length);
  const at = new Float32Array(hub.length * 3);
  for (const [i, h] of hub.entries()) {
    const index = nth[h] ?? 0;
    nth[h] = index + 1;
    at.set(near(places[h] ?? [0, 0, 1], index, counts[h] ?? 1), i * 3);
  }
  return at;
}

function trafficOf(g: Guest): number {
  const bps = g.as_of_ms === undefined ? (g.net_in_bps ?? 0) + (g.net_out_bps ?? 0) : 0;
  const share = Math.min(1, Math.log1p(bps / 1000) / Math.log1p(TRAFFIC_FULL_BPS / 1000));
  return Math.round(share * TRAFFIC_STEPS);
}

function equal(a: Uint8Array | Uint32Array, b: Uint8Array | Uint32Array): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}
