// A daemon out of a recording, for `?demo`: the same frames as on the wire, again and again.

import type { OpenWire } from "../stream/connect";
import { answerFrom } from "../stream/rest";
import type { Wire } from "../stream/socket";
import recording from "./recording.json";

interface Frame {
  readonly type: string;
  readonly [field: string]: unknown;
}

const FRAME_EVERY_MS = 1000;
/** Fields that hold a time, moved to now so that the recording looks fresh. */
const TIMES = /_ms$/;
const SPANS = new Set(["interval_ms", "heartbeat_ms"]);

function moved(value: unknown, byMs: number, key = ""): unknown {
  if (typeof value === "number")
    return TIMES.test(key) && !SPANS.has(key) && value > 1e12 ? value + byMs : value;
  if (Array.isArray(value)) return value.map((v) => moved(v, byMs));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, moved(v, byMs, k)]));
  return value;
}

const frames: readonly Frame[] = recording.frames;

function openRecording(): Wire {
  let next = 0;
  let seq = 0;
  const byMs = Date.now() - recording.recorded_ms;
  const startedMs = Date.now();
  const wire: Wire = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send: () => undefined,
    close: () => clearInterval(timer),
  };
  const say = (f: unknown): void => wire.onmessage?.({ data: JSON.stringify(f) });
  function play(): void {
    const frame = frames[next % frames.length];
    next++;
    if (!frame) return;
    const late =
      Date.now() - startedMs - (Number(frame.ts_ms ?? recording.recorded_ms) - recording.recorded_ms);
    const now = moved(frame, byMs + (frame.type === "hello" ? 0 : Math.max(0, late))) as Frame;
    if (now.type === "snapshot" && now.channel === "cluster") seq = Number(now.seq);
    say(
      now.type === "change"
        ? { ...now, seq: ++seq }
        : now.type === "hello"
          ? { ...now, server_time_ms: Date.now() }
          : now,
    );
    // Greeting and snapshots belong together.
    if (now.type === "hello" || now.type === "snapshot") play();
  }
  const timer = setInterval(play, FRAME_EVERY_MS);
  setTimeout(play);
  return wire;
}

function answer(path: string): Response {
  const url = new URL(path, location.origin);
  const body =
    url.pathname === "/api/v1/history"
      ? { buckets: [] }
      : url.pathname === "/api/v1/events"
        ? { items: [], next_cursor: null }
        : null;
  return body
    ? Response.json(body)
    : Response.json(
        { error: { kind: "not_found", message: "The demo has no such answer." } },
        { status: 404 },
      );
}

export function startDemo(): OpenWire {
  answerFrom(async (path) => answer(path));
  return openRecording;
}
