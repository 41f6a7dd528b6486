// The filtered feed as a file. Every line of it, not only those on the screen: pages are read until there are no more.
import type { Event } from "../protocol/Event";
import { type EventsQuery, events as fetchEvents } from "../stream/rest";
import { type FeedFilter, severityQuery } from "./feed";

export type Format = "jsonl" | "csv";

const PAGE = 500;
/** A file larger than this is a job for the API and a shell; the file says that it was cut. */
export const EXPORT_MAX = 20_000;

export function eventsQuery(filter: FeedFilter): Omit<EventsQuery, "limit" | "cursor"> {
  const severity = severityQuery(filter.level);
  return {
    ...(severity ? { severity } : {}),
    ...(filter.source === "all" ? {} : { source: filter.source }),
    ...(filter.node ? { node: filter.node } : {}),
  };
}

const COLUMNS = [
  "id",
  "at",
  "type",
  "severity",
  "source",
  "node",
  "vmid",
  "title",
  "detail",
  "upid",
] as const;

const at = (e: Event): string => new Date(e.ts_ms).toISOString();

export function jsonLines(list: readonly Event[]): string {
  return list.map((e) => `${JSON.stringify({ ...e, at: at(e) })}\n`).join("");
}

/** RFC 4180. A text that a spreadsheet would run as a formula is made a text: names come from guests. */
export function csv(list: readonly Event[]): string {
  const cell = (v: string | number | undefined): string => {
    const plain = v === undefined ? "" : String(v);
    const text = typeof v === "string" && /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const row = (e: Event): string =>
    COLUMNS.map((c) => cell(c === "at" ? at(e) : (e[c] as string | number | undefined))).join(",");
  return [COLUMNS.join(","), ...list.map(row), ""].join("\r\n");
}

export interface Exported {
  readonly name: string;
  readonly text: string;
  readonly mime: string;
  readonly lines: number;
  readonly cut: boolean;
}

/** Reads all that passes the filter; a string is the reason why not. */
export async function exportFeed(
  filter: FeedFilter,
  format: Format,
  nowMs: number,
  onLines: (n: number) => void,
): Promise<Exported | string> {
  const list: Event[] = [];
  let cursor: string | null = null;
  do {
    const answer = await fetchEvents({ ...eventsQuery(filter), limit: PAGE, ...(cursor ? { cursor } : {}) });
    if (!answer.ok) return answer.failure.message;
    list.push(...answer.value.events);
    cursor = answer.value.nextCursor;
    onLines(list.length);
  } while (cursor !== null && list.length < EXPORT_MAX);
  const cut = cursor !== null;
  const stamp = new Date(nowMs).toISOString().slice(0, 19).replace(/[:T]/g, "-");
  return {
    name: `jarvis-activity-${stamp}${cut ? "-newest" : ""}.${format}`,
    text: format === "csv" ? csv(list) : jsonLines(list),
    mime: format === "csv" ? "text/csv" : "application/x-ndjson",
    lines: list.length,
    cut,
  };
}

export function save(file: Exported): void {
  const url = URL.createObjectURL(new Blob([file.text], { type: `${file.mime};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = file.name;
  link.click();
  // The download has its own hold by the next task.
  setTimeout(() => URL.revokeObjectURL(url));
}
