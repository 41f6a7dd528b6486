// The recent past of a few figures, outside React: rings of numbers which canvases read when told of a change.

import { offset, serverNowMs } from "./clock";
import type { Tables } from "./reduce";
import { history } from "./rest";
import { totals } from "./sums";

/** One hour at five seconds. */
export const SERIES_SPAN_MS = 3_600_000;
const SAMPLE_EVERY_MS = 5_000;
const KEPT_MAX = 720;
/** A pause longer than this is drawn as a gap, never as a line. */
export const GAP_MS = 90_000;
/** Rings kept; a screen shows far fewer. */
const SERIES_MAX = 256;

export interface Sample {
  readonly tMs: number;
  readonly v: number;
}

interface Series {
  samples: Sample[];
  asked: boolean;
  readonly listeners: Set<() => void>;
}

const all = new Map<string, Series>();
let sampledMs = 0;

const keyOf = (entity: string, metric: string): string => `${entity} ${metric}`;

function seriesOf(entity: string, metric: string): Series {
  const key = keyOf(entity, metric);
  let s = all.get(key);
  if (!s) {
    if (all.size >= SERIES_MAX) forgetUnwatched();
    s = { samples: [], asked: false, listeners: new Set() };
    all.set(key, s);
  }
  return s;
}

function forgetUnwatched(): void {
  for (const [key, s] of all) if (s.listeners.size === 0) all.delete(key);
}

export function samplesOf(entity: string, metric: string): readonly Sample[] {
  return all.get(keyOf(entity, metric))?.samples ?? [];
}

/** Calls back after each new sample; the first watcher also fetches the hour before. */
export function watchSeries(entity: string, metric: string, listener: () => void): () => void {
  const s = seriesOf(entity, metric);
  s.listeners.add(listener);
  if (!s.asked) {
    s.asked = true;
    // The page draws its lines before the daemon has said what time it is; the hour before that is not known yet.
    void offset.known.then(() => backfillWatched(s, entity, metric));
  }
  return () => s.listeners.delete(listener);
}

/** Right after its start the daemon is still reading what the nodes recorded: a gap is asked about again. */
const AGAIN_MS = 15_000;
const AGAIN_TIMES = 4;
/** So much may lack at the far end unseen. */
const LACKS_MS = SERIES_SPAN_MS / 6;

function backfillWatched(s: Series, entity: string, metric: string, again?: number): void {
  if (s.listeners.size > 0) void backfill(s, entity, metric, again);
  else s.asked = false;
}

async function backfill(s: Series, entity: string, metric: string, again = AGAIN_TIMES): Promise<void> {
  const toMs = serverNowMs();
  const fromMs = toMs - SERIES_SPAN_MS;
  const answer = await history({ entity, metric, fromMs, toMs, points: 180 });
  if (!answer.ok) {
    s.asked = false;
    return;
  }
  const first = s.samples[0]?.tMs ?? Number.POSITIVE_INFINITY;
  const past = answer.value.filter((b) => b.tMs < first).map((b) => ({ tMs: b.tMs, v: b.mean }));
  s.samples = [...past, ...s.samples].slice(-KEPT_MAX);
  for (const listener of s.listeners) listener();
  const begins = s.samples[0]?.tMs ?? toMs;
  if (again > 0 && begins > fromMs + LACKS_MS) {
    setTimeout(() => backfillWatched(s, entity, metric, again - 1), AGAIN_MS);
  }
}

function push(entity: string, metric: string, tMs: number, v: number | null | undefined): void {
  const s = all.get(keyOf(entity, metric));
  if (!s || v === null || v === undefined) return;
  s.samples.push({ tMs, v });
  if (s.samples.length > KEPT_MAX) s.samples.splice(0, s.samples.length - KEPT_MAX);
  for (const listener of s.listeners) listener();
}

/** Takes the figures of a new state, every few seconds of server time. */
export function sampleSeries(tables: Tables, tsMs: number | null): void {
  if (tsMs === null || Math.abs(tsMs - sampledMs) < SAMPLE_EVERY_MS) return;
  sampledMs = tsMs;
  const sum = totals(tables);
  push("cluster", "cpu", tsMs, sum.cpu);
  push("cluster", "mem_used_bytes", tsMs, sum.memUsedBytes);
  push("cluster", "net_in_bps", tsMs, sum.netInBps);
  for (const n of tables.node.values()) {
    if (n.as_of_ms === undefined) push(`node/${n.name}`, "cpu", tsMs, n.cpu);
  }
}

export function forgetSeries(): void {
  all.clear();
  sampledMs = 0;
}
