// Time as the daemon has it, and how old a source is. The only timer of the page for ages and clocks.
import { useSyncExternalStore } from "react";
import type { Source } from "../protocol/Source";
import type { SourceState } from "../protocol/SourceState";

/** Estimates of the offset kept; the largest is the one with the least delay on the way. */
const OFFSETS_KEPT = 8;

/** Server time minus local time. A late frame makes the difference too small, never too large. */
export class Offset {
  private readonly seen: number[] = [];
  private tell: () => void = () => undefined;
  /** Until then the server's time is a guess, as wrong as the clock of this machine. */
  readonly known = new Promise<void>((resolve) => {
    this.tell = resolve;
  });

  learn(serverMs: number, localMs: number): void {
    this.seen.push(serverMs - localMs);
    if (this.seen.length > OFFSETS_KEPT) this.seen.shift();
    this.tell();
  }

  ms(): number {
    return this.seen.length === 0 ? 0 : Math.max(...this.seen);
  }
}

export const offset = new Offset();

/** A moment by the clock of this machine, as the page's clock shows it. */
export const serverMs = (localMs: number): number => localMs + offset.ms();

export const serverNowMs = (): number => serverMs(Date.now());

type Listener = () => void;

/** One interval for everything on the page that shows a time; it rests while nobody looks. */
class Ticker {
  private readonly listeners = new Set<Listener>();
  private timer: ReturnType<typeof setInterval> | undefined;
  private at = Date.now();

  constructor(private readonly everyMs: number) {}

  subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    this.timer ??= setInterval(this.tick, this.everyMs);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
    };
  };

  readonly nowMs = (): number => this.at;

  /** Renews the time between ticks, once the offset is learned. */
  readonly refresh = (): void => this.tick();

  private readonly tick = (): void => {
    if (document.hidden) return;
    this.at = serverNowMs();
    for (const listener of this.listeners) listener();
  };
}

export const seconds = new Ticker(1000);

/** Server time, renewed each second. */
export function useNowMs(): number {
  return useSyncExternalStore(seconds.subscribe, seconds.nowMs);
}

/** As `useNowMs`, but the component renders only when the derived value is another. */
export function useAt<T extends string | number | boolean | null>(derive: (nowMs: number) => T): T {
  return useSyncExternalStore(seconds.subscribe, () => derive(seconds.nowMs()));
}

/** Fresh within twice the interval, late within five times, lost after that. */
const LATE_AFTER = 2;
const LOST_AFTER = 5;
const RANK: Readonly<Record<SourceState, number>> = { fresh: 0, waiting: 1, late: 2, lost: 3 };

export function ageMs(source: Source | undefined, nowMs: number): number | null {
  return source?.seen_ms === undefined ? null : Math.max(0, nowMs - source.seen_ms);
}

/** The worse of what the daemon said and what our own clock says: a frozen screen ages too. */
export function sightOf(source: Source | undefined, nowMs: number): SourceState {
  if (!source) return "waiting";
  const age = ageMs(source, nowMs);
  if (age === null) return source.state;
  const mine =
    age > LOST_AFTER * source.interval_ms ? "lost" : age > LATE_AFTER * source.interval_ms ? "late" : "fresh";
  return RANK[mine] > RANK[source.state] ? mine : source.state;
}
