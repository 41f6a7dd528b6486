// The few REST calls of the page, same origin, cookie session. Every answer is checked; every failure is words.
import type { Event } from "../protocol/Event";

export interface Failure {
  readonly status: number;
  readonly kind: string;
  readonly message: string;
  readonly retryAfterS: number | null;
  readonly details: Readonly<Record<string, unknown>>;
}

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

export type Fields = Record<string, unknown>;
type Fetch = (path: string, init?: RequestInit) => Promise<Response>;

/** Nothing here is worth waiting longer for; the stream carries what matters. */
const TIMEOUT_MS = 15_000;

let doFetch: Fetch = (path, init) => fetch(path, init);

/** The demo answers from its recording. */
export function answerFrom(other: Fetch): void {
  doFetch = other;
}

export const isFields = (v: unknown): v is Fields => typeof v === "object" && v !== null && !Array.isArray(v);
const failed = (status: number, kind: string, message: string): Answer<never> => ({
  ok: false,
  failure: { status, kind, message, retryAfterS: null, details: {} },
});

export async function call<T>(
  path: string,
  decode: (body: unknown) => T | null,
  init: RequestInit = {},
  timeoutMs = TIMEOUT_MS,
): Promise<Answer<T>> {
  let response: Response;
  try {
    response = await doFetch(path, {
      credentials: "same-origin",
      ...init,
      headers: { accept: "application/json", ...(init.body ? { "content-type": "application/json" } : {}) },
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch {
    return failed(
      0,
      "unreachable",
      "The daemon does not answer. Is jarvisd running, and is this machine on its network?",
    );
  }
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) return refusal(response, body);
  const value = decode(body);
  return value === null
    ? failed(
        response.status,
        "odd_answer",
        "The daemon answered in a shape this page does not know. Reload the page.",
      )
    : { ok: true, value };
}

function refusal(response: Response, body: unknown): Answer<never> {
  const error = isFields(body) && isFields(body.error) ? body.error : {};
  const after = Number(response.headers.get("retry-after"));
  return {
    ok: false,
    failure: {
      status: response.status,
      kind: typeof error.kind === "string" ? error.kind : "http",
      message:
        typeof error.message === "string" ? error.message : `The daemon refused this (${response.status}).`,
      retryAfterS: Number.isFinite(after) && after > 0 ? after : null,
      details: isFields(error.details) ? error.details : {},
    },
  };
}

const post = (body: Fields): RequestInit => ({ method: "POST", body: JSON.stringify(body) });

export type Session =
  | { readonly state: "in"; readonly user: string }
  | { readonly state: "out" | "set_up"; readonly passwordLengthMin: number };

/** Used until the daemon has said its own. */
const PASSWORD_LENGTH_MIN = 10;

/** Not being logged in is an answer here, not a failure. */
export async function session(): Promise<Answer<Session>> {
  const answer = await call("/api/v1/session", person);
  if (answer.ok || answer.failure.kind !== "unauthenticated") return answer;
  const { set_up_needed, password_length_min } = answer.failure.details;
  return {
    ok: true,
    value: {
      state: set_up_needed === true ? "set_up" : "out",
      passwordLengthMin: typeof password_length_min === "number" ? password_length_min : PASSWORD_LENGTH_MIN,
    },
  };
}

const person = (body: unknown): Session | null =>
  isFields(body) && typeof body.user === "string" ? { state: "in", user: body.user } : null;

export const logIn = (password: string): Promise<Answer<Session>> =>
  call("/api/v1/login", person, post({ password }));
export const setUp = (token: string, password: string): Promise<Answer<Session>> =>
  call("/api/v1/setup", person, post({ token, password }));
export const logOut = (): Promise<Answer<true>> => call("/api/v1/logout", () => true, { method: "POST" });

export interface Bucket {
  readonly tMs: number;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

export interface HistoryQuery {
  readonly entity: string;
  readonly metric: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly points: number;
}

const iso = (ms: number): string => new Date(ms).toISOString();

const timeMs = (v: unknown): number | null => (typeof v === "number" && Number.isFinite(v) ? v : null);

export function history(q: HistoryQuery): Promise<Answer<readonly Bucket[]>> {
  const search = new URLSearchParams({
    entity: q.entity,
    metric: q.metric,
    from: iso(q.fromMs),
    to: iso(q.toMs),
    points: String(q.points),
  });
  return call(`/api/v1/history?${search}`, (body) => {
    const rows = isFields(body) ? body.buckets : null;
    return Array.isArray(rows) ? rows.flatMap(bucket) : null;
  });
}

function bucket(row: unknown): Bucket[] {
  if (!isFields(row)) return [];
  const tMs = timeMs(row.t_ms);
  const { min, mean, max } = row;
  if (tMs === null || typeof min !== "number" || typeof mean !== "number" || typeof max !== "number")
    return [];
  return [{ tMs, min, mean, max }];
}

export interface EventsQuery {
  readonly severity?: string;
  readonly source?: string;
  readonly node?: string;
  readonly cursor?: string;
  readonly limit: number;
}

export interface EventsPage {
  readonly events: readonly Event[];
  readonly nextCursor: string | null;
}

export function events(q: EventsQuery): Promise<Answer<EventsPage>> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(q)) if (value !== undefined) search.set(key, String(value));
  return call(`/api/v1/events?${search}`, (body) => {
    if (!isFields(body) || !Array.isArray(body.items)) return null;
    const next = body.next_cursor;
    return { events: body.items.flatMap(line), nextCursor: typeof next === "string" ? next : null };
  });
}

function line(row: unknown): Event[] {
  if (!isFields(row) || typeof row.id !== "number" || typeof row.title !== "string") return [];
  const ts_ms = timeMs(row.ts_ms);
  return ts_ms === null ? [] : [{ ...(row as Event), ts_ms }];
}

export interface LogLine {
  readonly n: number;
  readonly text: string;
}

export interface LogPage {
  readonly lines: readonly LogLine[];
  readonly total: number | null;
  /** Where to go on; null at the present end. */
  readonly nextStart: number | null;
}

export function taskLog(upid: string, start: number, limit: number): Promise<Answer<LogPage>> {
  const search = new URLSearchParams({ start: String(start), limit: String(limit) });
  return call(`/api/v1/tasks/${encodeURIComponent(upid)}/log?${search}`, (body) => {
    if (!isFields(body) || !Array.isArray(body.lines)) return null;
    const { total, next_start } = body;
    return {
      lines: body.lines.flatMap(logLine),
      total: typeof total === "number" ? total : null,
      nextStart: typeof next_start === "number" ? next_start : null,
    };
  });
}

function logLine(row: unknown): LogLine[] {
  if (!isFields(row) || typeof row.n !== "number" || typeof row.text !== "string") return [];
  return [{ n: row.n, text: row.text }];
}
