// The list behind the activity panel: live lines and paged ones as one, filtered, without holes or doubles. Pure.
import type { Event } from "../protocol/Event";
import type { EventSource } from "../protocol/EventSource";
import type { Severity } from "../protocol/Severity";
import { day } from "../ui/format";
import type { Shape } from "../ui/Glyph";

export type Level = "all" | "warning" | "critical";

export interface FeedFilter {
  readonly level: Level;
  readonly source: EventSource | "all";
  /** Empty for every node. */
  readonly node: string;
}

export const ALL: FeedFilter = { level: "all", source: "all", node: "" };

const SEVERITIES: Readonly<Record<Level, readonly Severity[]>> = {
  all: ["info", "notice", "warning", "critical"],
  warning: ["warning", "critical"],
  critical: ["critical"],
};

/** As REST wants it; undefined for every one. */
export function severityQuery(level: Level): string | undefined {
  return level === "all" ? undefined : SEVERITIES[level].join(",");
}

export function passes(e: Event, f: FeedFilter): boolean {
  return (
    SEVERITIES[f.level].includes(e.severity) &&
    (f.source === "all" || e.source === f.source) &&
    (f.node === "" || e.node === f.node)
  );
}

/** Newest first; the same line from stream and page counts once. */
export function merged(live: readonly Event[], paged: readonly Event[], filter: FeedFilter): Event[] {
  const byId = new Map<number, Event>();
  for (const e of paged) byId.set(e.id, e);
  for (const e of live) byId.set(e.id, e);
  return [...byId.values()].filter((e) => passes(e, filter)).sort((a, b) => b.id - a.id);
}

export type FeedRow =
  | { readonly kind: "day"; readonly key: string; readonly text: string }
  | { readonly kind: "event"; readonly key: number; readonly event: Event };

/** A separator wherever the date changes, except above today's lines. */
export function withDays(list: readonly Event[], nowMs: number): FeedRow[] {
  const rows: FeedRow[] = [];
  let before = day(nowMs);
  for (const event of list) {
    const date = day(event.ts_ms);
    if (date !== before) rows.push({ kind: "day", key: `day ${event.id}`, text: date });
    before = date;
    rows.push({ kind: "event", key: event.id, event });
  }
  return rows;
}

const GOOD: ReadonlySet<Event["type"]> = new Set([
  "node_online",
  "quorum_back",
  "guest_started",
  "storage_online",
  "sight_back",
  "task_ended",
]);

export function shapeOf(e: Event): Shape {
  if (e.severity === "critical") return "critical";
  if (e.severity === "warning") return "attention";
  return GOOD.has(e.type) ? "ok" : "info";
}

export const SOURCE_TAG: Readonly<Record<EventSource, string>> = {
  sys: "SYS",
  user: "YOU",
  auto: "AUTO",
  ai: "AI",
};
