// Text from the socket to a frame we know, or nothing. Deep checks are the daemon's: types are generated from it.
import type { ServerFrame } from "../protocol/ServerFrame";

type Fields = Record<string, unknown>;

const number = (v: unknown): boolean => typeof v === "number" && Number.isFinite(v);
const text = (v: unknown): boolean => typeof v === "string";
const fields = (v: unknown): v is Fields => typeof v === "object" && v !== null && !Array.isArray(v);

const SHAPES: Readonly<Record<ServerFrame["type"], (f: Fields) => boolean>> = {
  hello: (f) => text(f.epoch) && text(f.build) && number(f.server_time_ms) && number(f.heartbeat_ms),
  snapshot: (f) =>
    text(f.channel) && number(f.seq) && (fields(f.entities) || Array.isArray(f.events) || fields(f.acting)),
  resumed: (f) => text(f.channel) && number(f.seq),
  change: (f) =>
    text(f.channel) &&
    number(f.seq) &&
    Array.isArray(f.up) &&
    f.up.every(upsert) &&
    Array.isArray(f.del) &&
    f.del.every(Array.isArray),
  event: (f) => number(f.seq) && fields(f.event) && number(f.event.id),
  "approval.change": (f) => number(f.seq) && fields(f.change) && text(f.change.kind),
  lag: (f) => text(f.channel),
  ping: (f) => number(f.server_time_ms),
  bye: (f) => text(f.reason),
};

function upsert(v: unknown): boolean {
  return Array.isArray(v) && text(v[0]) && text(v[1]) && fields(v[2]);
}

function known(type: unknown): type is ServerFrame["type"] {
  return typeof type === "string" && Object.hasOwn(SHAPES, type);
}

/** Unknown kinds of frame, and text that is no frame at all, give null: both sides ignore what they do not know. */
export function decodeFrame(raw: string): ServerFrame | null {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return null;
  }
  if (!fields(value) || !known(value.type) || !SHAPES[value.type](value)) return null;
  return value as ServerFrame;
}
