// Fetches the charts of one subject and renews them while they are looked at.
import { useEffect, useState } from "react";
import { serverNowMs } from "../stream/clock";
import { type Bucket, history } from "../stream/rest";
import { useLive } from "../stream/store";

export const RANGES = [
  { id: "1h", label: "1 h", ms: 3_600_000 },
  { id: "24h", label: "24 h", ms: 86_400_000 },
  { id: "7d", label: "7 d", ms: 604_800_000 },
  { id: "90d", label: "90 d", ms: 7_776_000_000 },
] as const;
export type Range = (typeof RANGES)[number];

const POINTS = 240;
const RENEW_MIN_MS = 15_000;

export interface Past {
  readonly fromMs: number;
  readonly toMs: number;
  readonly state: "loading" | "ready" | "failed";
  readonly error?: string | undefined;
  /** By metric. */
  readonly buckets: Readonly<Record<string, readonly Bucket[]>>;
}

async function fetchAll(entity: string, metrics: readonly string[], range: Range): Promise<Past> {
  const toMs = Math.round(serverNowMs());
  const fromMs = toMs - range.ms;
  const answers = await Promise.all(
    metrics.map((metric) => history({ entity, metric, fromMs, toMs, points: POINTS })),
  );
  const buckets: Record<string, readonly Bucket[]> = {};
  let error: string | undefined;
  for (const [i, answer] of answers.entries()) {
    const metric = metrics[i] ?? "";
    if (answer.ok) buckets[metric] = answer.value;
    else error = answer.failure.message;
  }
  return { fromMs, toMs, state: error === undefined ? "ready" : "failed", error, buckets };
}

/** `metrics` must keep its identity while the subject is the same. */
export function useHistory(entity: string, metrics: readonly string[], range: Range): Past {
  const key = `${entity} ${range.id}`;
  const [past, setPast] = useState<{ key: string; past: Past } | null>(null);
  // A daemon that is gone, or a session that has ended, has an answer of its own on the screen; the charts keep what
  // they have, and are read again as soon as there is somebody to ask.
  const live = useLive();
  useEffect(() => {
    if (!live) return;
    let gone = false;
    const load = async (): Promise<void> => {
      if (document.hidden) return;
      const fresh = await fetchAll(entity, metrics, range);
      if (gone) return;
      // A failed renewal keeps the curve that is there and says so.
      setPast((old) =>
        fresh.state === "failed" && old?.key === key
          ? { key, past: { ...old.past, state: "failed", error: fresh.error } }
          : { key, past: fresh },
      );
    };
    void load();
    const timer = setInterval(() => void load(), Math.max(RENEW_MIN_MS, range.ms / POINTS));
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [key, entity, metrics, range, live]);
  if (past?.key === key) return past.past;
  const toMs = serverNowMs();
  const none = { fromMs: toMs - range.ms, toMs, buckets: {} };
  return live
    ? { ...none, state: "loading" }
    : { ...none, state: "failed", error: "Read as soon as the connection is back." };
}
