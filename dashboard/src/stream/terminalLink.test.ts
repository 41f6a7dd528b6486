import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TerminalClientFrame } from "../protocol/TerminalClientFrame";
import type { TerminalServerFrame } from "../protocol/TerminalServerFrame";
import {
  ACK_BYTES,
  createShellLink,
  PIECE_BYTES,
  type ShellState,
  type ShellWire,
  SILENCE_MAX_MS,
} from "./terminalLink";

class Wire implements ShellWire {
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: unknown }) => void) | null = null;
  onclose: ((closed: { code: number; reason: string }) => void) | null = null;
  readonly texts: TerminalClientFrame[] = [];
  readonly bytes: Uint8Array[] = [];
  closed = false;
  constructor(readonly query: URLSearchParams) {}
  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (typeof data === "string") this.texts.push(JSON.parse(data));
    else this.bytes.push(data);
  }
  close(): void {
    this.closed = true;
  }
  frame(frame: TerminalServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  output(length: number): void {
    this.onmessage?.({ data: new Uint8Array(length).fill(120).buffer });
  }
}

const ready = (over: Partial<Extract<TerminalServerFrame, { type: "ready" }>> = {}): TerminalServerFrame => ({
  type: "ready",
  id: "secret",
  name: "12",
  node: "pve",
  user: "root",
  resumed: false,
  offset: 0,
  idle_ms: 900_000,
  resume_ms: 120_000,
  window_bytes: 262_144,
  typed_bytes_max: 65_536,
  ...over,
});

function stage(why: "login" | "fresh" | null = null) {
  const wires: Wire[] = [];
  const states: ShellState[] = [];
  const kept: (string | null)[] = [];
  const undrawn: (() => void)[] = [];
  let drawn = 0;
  let cleared = 0;
  const link = createShellLink({
    open: (query) => {
      const wire = new Wire(new URLSearchParams(query));
      wires.push(wire);
      return wire;
    },
    screen: {
      write: (bytes, done) => {
        drawn += bytes.length;
        undrawn.push(done);
      },
      clear: () => {
        cleared += 1;
      },
      size: () => ({ cols: 132, rows: 43 }),
    },
    onState: (s) => states.push(s),
    keep: (id) => kept.push(id),
    whyRefused: async () => why,
    random: () => 1,
  });
  const last = (): Wire => wires.at(-1) as Wire;
  const state = (): ShellState => states.at(-1) as ShellState;
  const draw = (): void => {
    for (const done of undrawn.splice(0)) done();
  };
  return { link, wires, last, state, kept, draw, drawn: () => drawn, cleared: () => cleared };
}

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

describe("a shell's socket", () => {
  it("says its size at once, and is open when the shell is", () => {
    const s = stage();
    s.link.start(null);
    expect([...s.last().query]).toEqual([
      ["cols", "132"],
      ["rows", "43"],
    ]);
    expect(s.link.type("early")).toBe(false);
    s.last().frame(ready());
    expect(s.state()).toMatchObject({ state: "open", name: "12", user: "root" });
    expect(s.kept.at(-1)).toBe("secret");
    s.link.resize(80, 24);
    expect(s.last().texts.at(-1)).toEqual({ type: "resize", cols: 80, rows: 24 });
  });

  it("acknowledges what is drawn, not what arrived", () => {
    const s = stage();
    s.link.start(null);
    s.last().frame(ready());
    s.last().output(ACK_BYTES + 5);
    expect(s.last().texts).toEqual([]);
    s.draw();
    expect(s.last().texts).toEqual([{ type: "ack", bytes: ACK_BYTES + 5 }]);
  });

  it("comes back with what it has, and counts nothing twice", () => {
    const s = stage();
    s.link.start(null);
    s.last().frame(ready());
    s.last().output(ACK_BYTES);
    s.last().onclose?.({ code: 1006, reason: "" });
    expect(s.state()).toMatchObject({ state: "lost", untilMs: 1_120_000 });
    expect(s.link.type("lost")).toBe(false);
    vi.advanceTimersByTime(300);
    expect(s.last().query.get("resume")).toBe("true");
    s.last().onopen?.();
    expect(s.last().texts).toEqual([{ type: "resume", id: "secret", received: ACK_BYTES }]);
    s.last().frame(ready({ resumed: true, offset: ACK_BYTES }));
    // Drawn late, for the socket before: that one's count is over.
    s.draw();
    expect(s.last().texts.length).toBe(1);
    expect(s.cleared()).toBe(1);
    s.last().output(10);
    expect(s.drawn()).toBe(ACK_BYTES + 10);
  });

  it("begins an empty screen when the daemon goes on elsewhere", () => {
    const s = stage();
    s.link.start(null);
    s.last().frame(ready());
    s.last().onclose?.({ code: 1006, reason: "" });
    vi.advanceTimersByTime(300);
    s.last().frame(ready({ resumed: true, offset: 77 }));
    expect(s.cleared()).toBe(2);
    s.last().output(3);
    s.last().onclose?.({ code: 1006, reason: "" });
    vi.advanceTimersByTime(1000);
    s.last().onopen?.();
    expect(s.last().texts[0]).toEqual({ type: "resume", id: "secret", received: 80 });
  });

  it("a page that is loaded anew asks for all that is kept", () => {
    const s = stage();
    s.link.start("secret");
    s.last().onopen?.();
    expect(s.last().texts).toEqual([{ type: "resume", id: "secret" }]);
    s.last().onclose?.({ code: 4404, reason: "" });
    expect(s.state()).toMatchObject({ state: "ended", well: false });
    expect(s.kept.at(-1)).toBeNull();
  });

  it("gives up when the shell no longer waits", () => {
    const s = stage();
    s.link.start(null);
    s.last().frame(ready({ resume_ms: 3_000 }));
    for (let n = 0; n < 20 && s.state().state !== "ended"; n++) {
      s.last().onclose?.({ code: 1006, reason: "" });
      vi.advanceTimersByTime(5_000);
    }
    expect(s.state()).toMatchObject({ state: "ended", words: expect.stringContaining("in time") });
  });

  it.each([
    [4401, "denied"],
    [4403, "ended"],
    [4404, "ended"],
    [4408, "ended"],
    [4409, "elsewhere"],
    [4429, "ended"],
    [1012, "ended"],
    [1000, "ended"],
    [1001, "lost"],
  ] as const)("close code %i: %s", (code, state) => {
    const s = stage();
    s.link.start(null);
    s.last().frame(ready());
    s.last().onclose?.({ code, reason: "" });
    expect(s.state().state).toBe(state);
  });

  it("tells the exit code and what went wrong in the daemon's words", () => {
    const s = stage();
    s.link.start(null);
    s.last().frame(ready());
    s.last().frame({ type: "exit", code: 3 });
    s.last().onclose?.({ code: 1000, reason: "" });
    expect(s.state()).toEqual({ state: "ended", words: "Ended with exit code 3.", code: 3, well: false });
    s.link.start(null);
    s.last().frame({ type: "error", message: "node pve cannot be reached" });
    s.last().onclose?.({ code: 1011, reason: "" });
    expect(s.state()).toMatchObject({ state: "ended", words: "node pve cannot be reached" });
  });

  it("finds out why it was refused before a word was said", async () => {
    const s = stage("fresh");
    s.link.start(null);
    s.last().onclose?.({ code: 1006, reason: "" });
    await vi.advanceTimersByTimeAsync(1);
    expect(s.state()).toMatchObject({ state: "denied", why: "fresh" });
  });

  it("a paste goes in pieces, no more than the daemon takes", () => {
    const s = stage();
    s.link.start(null);
    s.last().frame(ready());
    s.link.type("x".repeat(200_000));
    const sent = (): number => s.last().bytes.reduce((sum, b) => sum + b.length, 0);
    expect(sent()).toBe(65_536);
    expect(Math.max(...s.last().bytes.map((b) => b.length))).toBe(PIECE_BYTES);
    for (let n = 0; n < 20; n++) s.last().frame({ type: "taken", bytes: 16_384 });
    expect(sent()).toBe(200_000);
    s.link.type("é❝");
    expect([...(s.last().bytes.at(-1) ?? [])]).toEqual([...new TextEncoder().encode("é❝")]);
  });

  it("notices a daemon that fell silent, and answers its pings", () => {
    const s = stage();
    s.link.start(null);
    s.last().frame(ready());
    s.last().frame({ type: "ping", server_time_ms: 1 });
    expect(s.last().texts).toEqual([{ type: "pong" }]);
    vi.advanceTimersByTime(SILENCE_MAX_MS + 1);
    expect(s.state().state).toBe("lost");
    expect(s.wires[0]?.closed).toBe(true);
  });

  it("warns of the idle limit and takes the warning back", () => {
    const s = stage();
    s.link.start(null);
    s.last().frame(ready());
    s.last().frame({ type: "idle", left_ms: 60_000 });
    expect(s.state()).toMatchObject({ state: "open", idleAtMs: 1_060_000 });
    s.last().frame({ type: "idle", left_ms: 0 });
    expect(s.state()).toMatchObject({ state: "open", idleAtMs: null });
  });

  it("brings back what another window took", () => {
    const s = stage();
    s.link.start(null);
    s.last().frame(ready());
    s.last().onclose?.({ code: 4409, reason: "" });
    s.link.comeBack();
    s.last().onopen?.();
    expect(s.last().texts[0]).toMatchObject({ type: "resume", id: "secret" });
    s.link.comeBack();
    expect(s.wires.length).toBe(2);
  });

  it("survives anything that is not a frame", () => {
    const s = stage();
    s.link.start(null);
    for (const data of ["", "null", "[]", "{", '{"type":"dance"}', 7]) s.last().onmessage?.({ data });
    s.last().frame(ready());
    expect(s.state().state).toBe("open");
  });
});
