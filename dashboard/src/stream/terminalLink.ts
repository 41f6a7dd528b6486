// One shell's socket: opens, acknowledges what is drawn, comes back to the same shell, ends. Knows nothing of React
// nor of how bytes are drawn.
import type { TerminalClientFrame } from "../protocol/TerminalClientFrame";
import type { TerminalServerFrame } from "../protocol/TerminalServerFrame";

export type ShellState =
  | { readonly state: "opening"; readonly again: boolean }
  | {
      readonly state: "open";
      /** In the audit. */
      readonly name: string;
      readonly user: string;
      readonly idleMs: number;
      /** Local time at which the shell ends because nobody types; null while that is far off. */
      readonly idleAtMs: number | null;
    }
  /** Local times. The shell waits until `untilMs`. */
  | { readonly state: "lost"; readonly retryAtMs: number; readonly untilMs: number; readonly reason: string }
  /** `code` is the shell's own; null when it did not end by itself. */
  | { readonly state: "ended"; readonly words: string; readonly code: number | null; readonly well: boolean }
  /** Still there, and not here. */
  | { readonly state: "elsewhere" }
  | { readonly state: "denied"; readonly why: "login" | "fresh"; readonly words: string };

/** The part of `WebSocket` used here, so that tests can stand in. */
export interface ShellWire {
  onopen: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: ((closed: { code: number; reason: string }) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
}

type Open = Extract<ShellState, { state: "open" }>;
type Exit = Omit<Extract<ShellState, { state: "ended" }>, "state">;

/** What draws. */
export interface ShellScreen {
  /** Calls back when the bytes are drawn. */
  write(bytes: Uint8Array, drawn: () => void): void;
  clear(): void;
  size(): { readonly cols: number; readonly rows: number };
}

export interface ShellParts {
  readonly open: (query: string) => ShellWire;
  readonly screen: ShellScreen;
  readonly onState: (state: ShellState) => void;
  /** The secret with which a page that is loaded anew comes back. */
  readonly keep: (id: string | null) => void;
  /** A browser is not told why an upgrade was refused; this finds out. */
  readonly whyRefused: () => Promise<"login" | "fresh" | null>;
  readonly now?: () => number;
  readonly random?: () => number;
}

export interface ShellLink {
  /** A new shell, or back to the one with this secret. */
  start(id: string | null): void;
  /** False while nobody is there to take it: what is typed into a dead line is not sent later. */
  type(text: string | Uint8Array): boolean;
  resize(cols: number, rows: number): void;
  hangup(): void;
  /** Back to the shell that is shown elsewhere, or at once to one that is lost. */
  comeBack(): void;
  /** Lets go of the socket; the shell waits for its return. */
  stop(): void;
}

/** Two beats of 15 s and a little. */
export const SILENCE_MAX_MS = 35_000;
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 5_000;
/** The daemon stops at 256 KiB; an acknowledgement for every few lines would double the traffic. */
export const ACK_BYTES = 32 * 1024;
/** A paste goes in pieces, so that the interrupt key is not stuck behind a whole file. */
export const PIECE_BYTES = 8 * 1024;
/** Until the daemon has said its own. */
const RESUME_MS = 120_000;

const ENDINGS: Readonly<Record<number, string>> = {
  4403: "This shell belongs to another log-in.",
  4404: "The shell is gone: nobody came back to it in time.",
  4408: "Nobody typed for too long, so the shell was ended.",
  4429: "Too many terminals are open. End one first.",
  1009: "A message was too large for the daemon.",
  1012: "jarvisd was stopped, and the shell with it.",
};

export const createShellLink = (parts: ShellParts): ShellLink => new Link(parts);

class Link implements ShellLink {
  private readonly encoder = new TextEncoder();
  private wire: ShellWire | null = null;
  private id: string | null = null;
  /** Bytes of output so far; null while a page that is loaded anew has none. */
  private received: number | null = 0;
  private live = false;
  private undrawn = 0;
  private waiting: Uint8Array<ArrayBuffer>[] = [];
  private underWay = 0;
  private underWayMax = 64 * 1024;
  private resumeMs = RESUME_MS;
  private lostAtMs: number | null = null;
  private attempt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private exit: Exit | null = null;
  private failure: string | null = null;
  private shown: Open | null = null;

  constructor(private readonly parts: ShellParts) {}

  start(back: string | null): void {
    this.drop();
    this.id = back;
    this.received = back === null ? 0 : null;
    this.lostAtMs = null;
    this.attempt = 0;
    this.shown = null;
    this.parts.onState({ state: "opening", again: back !== null });
    this.connect();
  }

  type(text: string | Uint8Array): boolean {
    if (!this.live) return false;
    const bytes = typeof text === "string" ? this.encoder.encode(text) : new Uint8Array(text);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES)
      this.waiting.push(bytes.slice(at, at + PIECE_BYTES));
    this.pour();
    return true;
  }

  resize(cols: number, rows: number): void {
    if (this.live) this.say({ type: "resize", cols, rows });
  }

  hangup(): void {
    if (this.live) this.say({ type: "hangup" });
    else this.settle({ state: "ended", words: "Let go.", code: null, well: true });
  }

  comeBack(): void {
    if (this.id === null || this.wire) return;
    clearTimeout(this.retry);
    this.connect();
  }

  stop(): void {
    this.drop();
  }

  private now(): number {
    return (this.parts.now ?? Date.now)();
  }

  private say(frame: TerminalClientFrame): void {
    this.wire?.send(JSON.stringify(frame));
  }

  private listen(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lose("the daemon fell silent"), SILENCE_MAX_MS);
  }

  private drop(): void {
    const dead = this.wire;
    this.wire = null;
    this.live = false;
    clearTimeout(this.silence);
    clearTimeout(this.retry);
    this.waiting = [];
    this.underWay = 0;
    if (!dead) return;
    dead.onopen = dead.onmessage = dead.onclose = null;
    dead.close();
  }

  private settle(state: ShellState): void {
    this.drop();
    this.lostAtMs = null;
    if (state.state !== "elsewhere") {
      this.id = null;
      this.parts.keep(null);
    }
    this.parts.onState(state);
  }

  private lose(reason: string): void {
    this.drop();
    const now = this.now();
    this.lostAtMs ??= now;
    const untilMs = this.lostAtMs + this.resumeMs;
    const most = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(this.attempt++, 8));
    const retryAtMs = now + Math.round((0.5 + (this.parts.random ?? Math.random)() / 2) * most);
    if (retryAtMs > untilMs) {
      this.fail("The daemon could not be reached in time; the shell is gone.");
      return;
    }
    this.parts.onState({ state: "lost", retryAtMs, untilMs, reason });
    this.retry = setTimeout(() => this.connect(), retryAtMs - now);
  }

  private fail(words: string): void {
    this.settle({ state: "ended", words, code: null, well: false });
  }

  private connect(): void {
    const { id, received } = this;
    const { cols, rows } = this.parts.screen.size();
    const query = new URLSearchParams({ cols: String(cols), rows: String(rows) });
    if (id !== null) query.set("resume", "true");
    const mine = this.parts.open(query.toString());
    this.wire = mine;
    this.undrawn = 0;
    this.exit = this.failure = null;
    this.listen();
    let greeted = false;
    // The first frame there is; a socket takes none before it is open.
    mine.onopen = () => {
      if (id !== null) this.say({ type: "resume", id, ...(received === null ? {} : { received }) });
    };
    mine.onmessage = ({ data }) => {
      this.listen();
      greeted = true;
      if (data instanceof ArrayBuffer) this.draw(mine, new Uint8Array(data));
      else if (typeof data === "string") this.obey(decode(data));
    };
    mine.onclose = ({ code, reason }) => this.closed(code, reason, greeted);
  }

  private draw(from: ShellWire, bytes: Uint8Array): void {
    this.received = (this.received ?? 0) + bytes.length;
    this.parts.screen.write(bytes, () => {
      // What was drawn for a socket that is gone counts for nobody.
      if (this.wire !== from) return;
      this.undrawn += bytes.length;
      if (this.undrawn < ACK_BYTES) return;
      this.say({ type: "ack", bytes: this.undrawn });
      this.undrawn = 0;
    });
  }

  private obey(frame: TerminalServerFrame | null): void {
    switch (frame?.type) {
      case "ready":
        this.ready(frame);
        break;
      case "taken":
        this.underWay = Math.max(0, this.underWay - frame.bytes);
        this.pour();
        break;
      case "idle":
        if (this.shown)
          this.show({ ...this.shown, idleAtMs: frame.left_ms > 0 ? this.now() + frame.left_ms : null });
        break;
      case "exit":
        this.exit = ending(frame.code, frame.signal);
        break;
      case "error":
        this.failure = frame.message;
        break;
      case "ping":
        this.say({ type: "pong" });
        break;
      default:
    }
  }

  private ready(frame: Extract<TerminalServerFrame, { type: "ready" }>): void {
    if (!frame.resumed || frame.offset !== this.received) this.parts.screen.clear();
    this.received = frame.offset;
    this.id = frame.id;
    this.parts.keep(frame.id);
    this.live = true;
    this.attempt = 0;
    this.lostAtMs = null;
    this.resumeMs = frame.resume_ms;
    this.underWayMax = frame.typed_bytes_max;
    this.show({ state: "open", name: frame.name, user: frame.user, idleMs: frame.idle_ms, idleAtMs: null });
  }

  private show(open: Open): void {
    this.shown = open;
    this.parts.onState(open);
  }

  private closed(code: number, reason: string, greeted: boolean): void {
    const words = ENDINGS[code];
    if (this.exit) this.settle({ state: "ended", ...this.exit });
    else if (this.failure !== null) this.fail(this.failure);
    else if (code === 4401)
      this.settle({ state: "denied", why: "login", words: "The log-in has ended, and the shell with it." });
    else if (code === 4409) this.settle({ state: "elsewhere" });
    else if (code === 1000) this.settle({ state: "ended", words: "Hung up.", code: null, well: true });
    else if (words) this.fail(words);
    else if (this.id !== null) this.lose(reason || "the connection broke");
    else if (greeted) this.fail("The connection broke before the shell was open.");
    else void this.askWhy();
  }

  /** Refused before anything was said. */
  private async askWhy(): Promise<void> {
    this.drop();
    const why = await this.parts.whyRefused();
    if (this.wire) return;
    if (why === "login") this.settle({ state: "denied", why, words: "Log in first." });
    else if (why === "fresh") this.settle({ state: "denied", why, words: "The log-in is too long ago." });
    else this.fail("The daemon refused the connection or cannot be reached.");
  }

  private pour(): void {
    for (
      let piece = this.waiting[0];
      piece && this.underWay + piece.length <= this.underWayMax;
      piece = this.waiting[0]
    ) {
      this.wire?.send(piece);
      this.underWay += piece.length;
      this.waiting.shift();
    }
  }
}

function ending(code: number | null, signal: string | undefined): Exit {
  if (signal !== undefined) return { words: `Ended by signal ${signal}.`, code: null, well: false };
  if (code === null) return { words: "Ended.", code, well: true };
  return { words: `Ended with exit code ${code}.`, code, well: code === 0 };
}

/** A frame this page knows, or null. */
function decode(text: string): TerminalServerFrame | null {
  try {
    const frame: unknown = JSON.parse(text);
    return typeof frame === "object" && frame !== null && "type" in frame
      ? (frame as TerminalServerFrame)
      : null;
  } catch {
    return null;
  }
}
