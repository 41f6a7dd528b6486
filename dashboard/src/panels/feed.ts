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

/** Repeats further apart than this are two stories. */
const REPEAT_GAP_MS = 30 * 60_000;

/** The same thing said again, newest first; most have one member. */
export interface FeedGroup {
  /** That of the oldest member, so that a new repeat does not close what was opened. */
  readonly key: string;
  readonly events: readonly [Event, ...Event[]];
}

const sameness = (e: Event): string =>
  [e.type, e.severity, e.source, e.node ?? "", e.vmid ?? "", e.title].join("\u0000");

/**
 * Folds repeats into their newest line, also when other lines came between: a guest that goes down and up twelve
 * times makes two lines. Takes lines newest first.
 */
export function grouped(list: readonly Event[]): FeedGroup[] {
  const groups: { events: [Event, ...Event[]] }[] = [];
  const open = new Map<string, { events: [Event, ...Event[]] }>();
  for (const e of list) {
    const same = sameness(e);
    const group = open.get(same);
    const last = group?.events.at(-1);
    if (group && last && last.ts_ms - e.ts_ms <= REPEAT_GAP_MS && day(last.ts_ms) === day(e.ts_ms)) {
      group.events.push(e);
      continue;
    }
    const fresh = { events: [e] as [Event, ...Event[]] };
    open.set(same, fresh);
    groups.push(fresh);
  }
  return groups.map(({ events }) => ({ key: `e${(events.at(-1) ?? events[0]).id}`, events }));
}

export type FeedRow =
  | { readonly kind: "day"; readonly key: string; readonly text: string }
  | {
      readonly kind: "event";
      readonly key: string;
      readonly event: Event;
      /** Of the group it stands for; 1 for a line of its own. */
      readonly times: number;
      readonly open: boolean;
    }
  | { readonly kind: "repeat"; readonly key: string; readonly event: Event };

/** Groups as lines, the open ones with every repeat; a separator wherever the date changes, except above today's. */
export function rowsOf(groups: readonly FeedGroup[], open: ReadonlySet<string>, nowMs: number): FeedRow[] {
  const rows: FeedRow[] = [];
  let before = day(nowMs);
  for (const { key, events } of groups) {
    const [event, ...earlier] = events;
    const date = day(event.ts_ms);
    if (date !== before) rows.push({ kind: "day", key: `day ${event.id}`, text: date });
    before = date;
    const isOpen = open.has(key);
    rows.push({ kind: "event", key, event, times: events.length, open: isOpen });
    if (isOpen) for (const e of earlier) rows.push({ kind: "repeat", key: `r${e.id}`, event: e });
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
