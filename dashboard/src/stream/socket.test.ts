import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  createSocket,
  type Link,
  query,
  RETRY_MAX_MS,
  retryDelayMs,
  SILENCE_MAX_MS,
  type Wire,
} from "./socket";

class FakeWire implements Wire {
  onopen: Wire["onopen"] = null;
  onmessage: Wire["onmessage"] = null;
  onclose: Wire["onclose"] = null;
  readonly sent: string[] = [];
  closed = false;
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.closed = true;
  }
  says(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  dies(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason });
  }
}

const HELLO = { type: "hello", proto: 1, epoch: "e", build: "b", server_time_ms: 1, heartbeat_ms: 15000 };
const SNAP = { type: "snapshot", channel: "events", seq: 1, ts_ms: 1, events: [] };

function set(whyRefused: () => Promise<"login" | null> = async () => null) {
  const wires: FakeWire[] = [];
  const links: Link[] = [];
  const frames: unknown[] = [];
  const socket = createSocket({
    open: () => {
      const w = new FakeWire();
      wires.push(w);
      return w;
    },
    onFrame: (f) => frames.push(f),
    onLink: (l) => links.push(l),
    place: () => ({ epoch: "e", clusterSeq: 7, eventsSeq: 3 }),
    whyRefused,
    random: () => 1,
  });
  const last = (): FakeWire => {
    const w = wires.at(-1);
    if (!w) throw new Error("no wire");
    return w;
  };
  return { socket, wires, links, frames, last, state: () => links.at(-1)?.state };
}

describe("the socket", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("resumes where the mirror is", () => {
    expect(query({ epoch: "e", clusterSeq: 7, eventsSeq: 3 })).toBe(
      "channels=cluster%2Cevents%2Capprovals&epoch=e&cluster_seq=7&events_seq=3",
    );
    expect(query({ epoch: "e", clusterSeq: null, eventsSeq: 3 })).toBe(
      "channels=cluster%2Cevents%2Capprovals",
    );
  });

  it("is live once state has come, not by merely opening", () => {
    const t = set();
    t.socket.start();
    t.last().says(HELLO);
    expect(t.state()).toBe("connecting");
    t.last().says(SNAP);
    expect(t.state()).toBe("live");
  });

  it("answers a ping", () => {
    const t = set();
    t.socket.start();
    t.last().says({ type: "ping", server_time_ms: 5 });
    expect(t.last().sent).toEqual(['{"type":"pong"}']);
  });

  it("takes silence for loss and comes back", () => {
    const t = set();
    t.socket.start();
    t.last().says(SNAP);
    vi.advanceTimersByTime(SILENCE_MAX_MS - 1);
    expect(t.state()).toBe("live");
    vi.advanceTimersByTime(1);
    expect(t.state()).toBe("lost");
    expect(t.wires[0]?.closed).toBe(true);
    vi.advanceTimersByTime(500);
    expect(t.wires).toHaveLength(2);
  });

  it("waits longer each time, never beyond the limit, and forgets that after a success", () => {
    const t = set();
    t.socket.start();
    for (const wait of [500, 1000, 2000, 4000, 8000, 15000, 15000]) {
      const n = t.wires.length;
      t.last().dies();
      vi.advanceTimersByTime(wait - 1);
      expect(t.wires).toHaveLength(n);
      vi.advanceTimersByTime(1);
      expect(t.wires).toHaveLength(n + 1);
    }
    t.last().says(SNAP);
    t.last().dies();
    vi.advanceTimersByTime(500);
    expect(t.wires).toHaveLength(9);
    expect(retryDelayMs(99, 1)).toBe(RETRY_MAX_MS);
    expect(retryDelayMs(3, 0)).toBe(0);
  });

  it("hurries when told, without a second connection", () => {
    const t = set();
    t.socket.start();
    t.last().dies();
    t.socket.hurry();
    t.socket.hurry();
    expect(t.wires).toHaveLength(2);
    vi.advanceTimersByTime(20_000);
    expect(t.wires).toHaveLength(2);
  });

  it("asks to log in on 4401 and stays quiet", async () => {
    const t = set(async () => "login");
    t.socket.start();
    t.last().says(SNAP);
    t.last().dies(4401);
    await vi.advanceTimersByTimeAsync(0);
    expect(t.links.at(-1)).toEqual({ state: "denied", why: "login" });
    vi.advanceTimersByTime(60_000);
    expect(t.wires).toHaveLength(1);
  });

  it("comes back by itself on 4401 when another log-in has replaced the session", async () => {
    const t = set(async () => null);
    t.socket.start();
    t.last().says(SNAP);
    t.last().dies(4401);
    await vi.advanceTimersByTimeAsync(1000);
    expect(t.wires).toHaveLength(2);
    t.last().says(SNAP);
    expect(t.state()).toBe("live");
  });

  it("finds out why an upgrade was refused", async () => {
    const t = set(async () => "login");
    t.socket.start();
    t.last().dies();
    await vi.advanceTimersByTimeAsync(0);
    expect(t.links.at(-1)).toEqual({ state: "denied", why: "login" });
  });

  it("asks for a resync at most once in two seconds, and does not forget the second", () => {
    const t = set();
    t.socket.start();
    t.last().says(SNAP);
    for (let i = 0; i < 9; i++) t.socket.resync("cluster");
    t.socket.resync("events");
    expect(t.last().sent).toEqual([
      '{"type":"resync","channel":"cluster"}',
      '{"type":"resync","channel":"events"}',
    ]);
    vi.advanceTimersByTime(2000);
    expect(t.last().sent).toHaveLength(3);
    vi.advanceTimersByTime(10_000);
    expect(t.last().sent).toHaveLength(3);
  });

  it("sends nothing once stopped", () => {
    const t = set();
    t.socket.start();
    t.socket.stop();
    t.socket.resync("cluster");
    vi.advanceTimersByTime(60_000);
    expect(t.last().sent).toEqual([]);
    expect(t.wires).toHaveLength(1);
    expect(t.state()).toBe("closed");
  });
});
