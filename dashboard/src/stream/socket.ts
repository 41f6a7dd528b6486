// The one state socket: greets, resumes, notices silence, reconnects. Knows nothing of React or of what is shown.
import type { ClientFrame } from "../protocol/ClientFrame";
import type { ServerFrame } from "../protocol/ServerFrame";
import { decodeFrame } from "./decode";

export type Link =
  | { readonly state: "connecting"; readonly attempt: number }
  | { readonly state: "live" }
  /** `retryAtMs` is local time. */
  | { readonly state: "lost"; readonly sinceMs: number; readonly retryAtMs: number; readonly reason: string }
  | { readonly state: "denied"; readonly why: "login" | "forbidden" }
  | { readonly state: "closed" };

/** The part of `WebSocket` used here, so that tests and the demo can stand in. */
export interface Wire {
  onopen: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: ((closed: { code: number; reason: string }) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export type Channel = "cluster" | "events" | "approvals";

export interface Place {
  readonly epoch: string | null;
  readonly clusterSeq: number | null;
  readonly eventsSeq: number | null;
}

export interface SocketParts {
  readonly open: (query: string) => Wire;
  readonly onFrame: (frame: ServerFrame) => void;
  readonly onLink: (link: Link) => void;
  /** Where to resume. */
  readonly place: () => Place;
  /** A browser is not told why an upgrade was refused; this finds out. */
  readonly whyRefused?: () => Promise<"login" | null>;
  readonly now?: () => number;
  readonly random?: () => number;
}

export interface Socket {
  start(): void;
  stop(): void;
  /** Asks for a new snapshot, at most once per channel in `RESYNC_EVERY_MS`. */
  resync(channel: Channel): void;
  /** Try now rather than at the end of the pause: the tab is visible or the network is back. */
  hurry(): void;
}

/** Two beats of 15 s and a little: after that the other side is gone although TCP has not noticed. */
export const SILENCE_MAX_MS = 35_000;
export const RESYNC_EVERY_MS = 2_000;
export const RETRY_FIRST_MS = 500;
export const RETRY_MAX_MS = 15_000;
const CLOSE_LOGIN = 4401;
const CLOSE_FORBIDDEN = 4403;

/** Full jitter: fifty screens must not come back in the same instant. */
export function retryDelayMs(attempt: number, random: number): number {
  return Math.round(random * Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(attempt, 10)));
}

export function query(place: Place): string {
  const q = new URLSearchParams({ channels: "cluster,events,approvals" });
  if (place.epoch !== null && place.clusterSeq !== null) {
    q.set("epoch", place.epoch);
    q.set("cluster_seq", String(place.clusterSeq));
    if (place.eventsSeq !== null) q.set("events_seq", String(place.eventsSeq));
  }
  return q.toString();
}

export function createSocket(parts: SocketParts): Socket {
  const now = parts.now ?? Date.now;
  const random = parts.random ?? Math.random;
  let wire: Wire | null = null;
  let attempt = 0;
  let lostSinceMs: number | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  const asked = new Map<string, number>();
  const owed = new Map<string, ReturnType<typeof setTimeout>>();
  let running = false;

  const send = (frame: ClientFrame): void => wire?.send(JSON.stringify(frame));

  function listen(): void {
    clearTimeout(silence);
    silence = setTimeout(() => drop("the daemon fell silent"), SILENCE_MAX_MS);
  }

  function drop(reason: string): void {
    const dead = wire;
    wire = null;
    clearTimeout(silence);
    for (const timer of owed.values()) clearTimeout(timer);
    owed.clear();
    asked.clear();
    if (dead) {
      dead.onopen = dead.onmessage = dead.onclose = null;
      dead.close();
    }
    if (!running) return;
    lostSinceMs ??= now();
    const delay = retryDelayMs(attempt++, random());
    parts.onLink({ state: "lost", sinceMs: lostSinceMs, retryAtMs: now() + delay, reason });
    clearTimeout(retry);
    retry = setTimeout(connect, delay);
  }

  function deny(why: "login" | "forbidden"): void {
    stop();
    parts.onLink({ state: "denied", why });
  }

  function connect(): void {
    clearTimeout(retry);
    if (!running || wire) return;
    if (lostSinceMs === null) parts.onLink({ state: "connecting", attempt });
    const mine = parts.open(query(parts.place()));
    wire = mine;
    let greeted = false;
    listen();
    mine.onmessage = (message) => {
      listen();
      greeted = true;
      if (typeof message.data !== "string") return;
      const frame = decodeFrame(message.data);
      if (frame) receive(frame);
    };
    mine.onclose = ({ code, reason }) => {
      if (code === CLOSE_LOGIN) void ended(reason);
      else if (code === CLOSE_FORBIDDEN) deny("forbidden");
      else {
        drop(reason || `the connection closed (${code})`);
        if (!greeted) void askWhy();
      }
    };
  }

  /** The session of this socket is over; the browser may have a newer one already, from another log-in. */
  async function ended(reason: string): Promise<void> {
    const why = parts.whyRefused ? await parts.whyRefused() : "login";
    if (!running) return;
    if (why) deny(why);
    else drop(reason || "the session was replaced");
  }

  async function askWhy(): Promise<void> {
    const why = await parts.whyRefused?.();
    if (why && running && !wire) deny(why);
  }

  function receive(frame: ServerFrame): void {
    if (frame.type === "ping") send({ type: "pong" });
    // Only an answer with state is a success: a proxy that accepts and closes must not reset the back-off.
    if (frame.type === "snapshot" || frame.type === "resumed") {
      attempt = 0;
      lostSinceMs = null;
      parts.onLink({ state: "live" });
    }
    parts.onFrame(frame);
  }

  function resync(channel: Channel): void {
    if (!wire || owed.has(channel)) return;
    const wait = (asked.get(channel) ?? Number.NEGATIVE_INFINITY) + RESYNC_EVERY_MS - now();
    if (wait > 0) {
      owed.set(
        channel,
        setTimeout(() => {
          owed.delete(channel);
          resync(channel);
        }, wait),
      );
      return;
    }
    asked.set(channel, now());
    send({ type: "resync", channel });
  }

  function stop(): void {
    running = false;
    clearTimeout(retry);
    drop("stopped");
    parts.onLink({ state: "closed" });
  }

  return {
    start() {
      if (running) return;
      running = true;
      attempt = 0;
      lostSinceMs = null;
      connect();
    },
    stop,
    resync,
    hurry() {
      if (running && !wire) {
        attempt = 0;
        connect();
      }
    },
  };
}
