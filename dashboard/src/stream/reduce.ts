// What a frame does to what the screen knows. Pure: no socket, no clock, no React.
import type { Cluster } from "../protocol/Cluster";
import type { Entities } from "../protocol/Entities";
import type { EntityKind } from "../protocol/EntityKind";
import type { Event } from "../protocol/Event";
import type { Guest } from "../protocol/Guest";
import type { Node } from "../protocol/Node";
import type { ServerFrame } from "../protocol/ServerFrame";
import type { Source } from "../protocol/Source";
import type { Storage } from "../protocol/Storage";
import type { Task } from "../protocol/Task";

export interface Tables {
  readonly cluster: ReadonlyMap<string, Cluster>;
  readonly node: ReadonlyMap<string, Node>;
  readonly guest: ReadonlyMap<string, Guest>;
  readonly storage: ReadonlyMap<string, Storage>;
  readonly task: ReadonlyMap<string, Task>;
  readonly source: ReadonlyMap<string, Source>;
}

/** The browser's copy of the daemon's state. */
export interface Mirror {
  readonly epoch: string | null;
  readonly build: string | null;
  /** Number of the last change applied; null before the first snapshot of this epoch. */
  readonly clusterSeq: number | null;
  readonly clusterTsMs: number | null;
  readonly eventsSeq: number | null;
  readonly tables: Tables;
  /** Newest first, without gaps. */
  readonly events: readonly Event[];
}

export interface Step {
  readonly mirror: Mirror;
  /** Channel which must be asked for a fresh snapshot because a frame is missing. */
  readonly resync?: "cluster" | "events";
}

/** Lines of the feed kept from the stream; older ones are paged in from REST. */
export const EVENTS_KEPT_MAX = 1000;

export const KINDS: readonly EntityKind[] = ["cluster", "node", "guest", "storage", "task", "source"];

export const EMPTY: Mirror = {
  epoch: null,
  build: null,
  clusterSeq: null,
  clusterTsMs: null,
  eventsSeq: null,
  tables: {
    cluster: new Map(),
    node: new Map(),
    guest: new Map(),
    storage: new Map(),
    task: new Map(),
    source: new Map(),
  },
  events: [],
};

export function reduce(mirror: Mirror, frame: ServerFrame): Step {
  switch (frame.type) {
    case "hello":
      return { mirror: greet(mirror, frame.epoch, frame.build) };
    case "snapshot":
      return { mirror: snapshot(mirror, frame) };
    case "change":
      return change(mirror, frame);
    case "event":
      return event(mirror, frame.seq, frame.event);
    default:
      return { mirror };
  }
}

function greet(mirror: Mirror, epoch: string, build: string): Mirror {
  if (mirror.epoch === epoch) return mirror.build === build ? mirror : { ...mirror, build };
  // Another run of the daemon numbers its changes anew: nothing applies until its snapshot is here.
  // Event numbers come from the database and live on.
  return { ...mirror, epoch, build, clusterSeq: null };
}

function snapshot(mirror: Mirror, frame: Extract<ServerFrame, { type: "snapshot" }>): Mirror {
  if (frame.channel === "cluster" && frame.entities) {
    return { ...mirror, clusterSeq: frame.seq, clusterTsMs: frame.ts_ms, tables: tablesOf(frame.entities) };
  }
  if (frame.channel === "events" && frame.events) {
    return { ...mirror, eventsSeq: frame.seq, events: joined(mirror.events, frame.events) };
  }
  return mirror;
}

function tablesOf(entities: Entities): Tables {
  const table = <T>(records: Record<string, T> | undefined): ReadonlyMap<string, T> =>
    new Map(Object.entries(records ?? {}));
  return {
    cluster: table(entities.cluster),
    node: table(entities.node),
    guest: table(entities.guest),
    storage: table(entities.storage),
    task: table(entities.task),
    source: table(entities.source),
  };
}

/** A snapshot's lines and ours, if they touch; otherwise the snapshot's alone, so that the list has no hole. */
function joined(ours: readonly Event[], theirs: readonly Event[]): readonly Event[] {
  const fresh = [...theirs].sort((a, b) => b.id - a.id);
  const oldest = fresh.at(-1);
  const newest = ours[0];
  if (!oldest || !newest || oldest.id > newest.id + 1) return fresh;
  return [...fresh, ...ours.filter((e) => e.id < oldest.id)].slice(0, EVENTS_KEPT_MAX);
}

function change(mirror: Mirror, frame: Extract<ServerFrame, { type: "change" }>): Step {
  if (frame.channel !== "cluster") return { mirror };
  if (mirror.clusterSeq === null || frame.seq > mirror.clusterSeq + 1) return { mirror, resync: "cluster" };
  if (frame.seq <= mirror.clusterSeq) return { mirror };
  return {
    mirror: {
      ...mirror,
      clusterSeq: frame.seq,
      clusterTsMs: frame.ts_ms,
      tables: patched(mirror.tables, frame),
    },
  };
}

function patched(tables: Tables, frame: Extract<ServerFrame, { type: "change" }>): Tables {
  const touched = new Map<EntityKind, Map<string, unknown>>();
  const table = (kind: string): Map<string, unknown> | undefined => {
    const known = KINDS.find((k) => k === kind);
    if (!known) return undefined;
    let copy = touched.get(known);
    if (!copy) {
      copy = new Map<string, unknown>(tables[known]);
      touched.set(known, copy);
    }
    return copy;
  };
  for (const [kind, id, patch] of frame.up) {
    const t = table(kind);
    t?.set(id, mergePatch(t.get(id), patch));
  }
  for (const [kind, id] of frame.del) table(kind)?.delete(id);
  return { ...tables, ...Object.fromEntries(touched) };
}

function event(mirror: Mirror, seq: number, line: Event): Step {
  if (mirror.eventsSeq === null || seq > mirror.eventsSeq + 1) return { mirror, resync: "events" };
  if (seq <= mirror.eventsSeq) return { mirror };
  return {
    mirror: { ...mirror, eventsSeq: seq, events: [line, ...mirror.events].slice(0, EVENTS_KEPT_MAX) },
  };
}

const isObject = (v: unknown): v is Record<string, unknown> =>
  typeof v === "object" && v !== null && !Array.isArray(v);

/** RFC 7396. Gives a new object; neither argument is changed. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value === null) delete merged[key];
    else if (key === "__proto__") define(merged, key, mergePatch(undefined, value));
    else merged[key] = isObject(value) ? mergePatch(merged[key], value) : value;
  }
  return merged;
}

/** An own property, so that a key of that name stays a harmless field. */
function define(record: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
}
