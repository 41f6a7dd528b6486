// The channel `approvals` of the socket: one snapshot of acting, then each thing that changed. Numbered by itself.
import type { ActingChange } from "../protocol/ActingChange";
import type { ActingView } from "../protocol/ActingView";
import { type Acting, changed } from "./acting";
import { isFields } from "./rest";

export type ActingFrame =
  | { readonly kind: "snapshot"; readonly seq: number; readonly view: ActingView }
  | { readonly kind: "change"; readonly seq: number; readonly change: ActingChange };

const CHANGES: ReadonlySet<unknown> = new Set<ActingChange["kind"]>([
  "approval",
  "action",
  "kill_switch",
  "autonomy",
]);

const isView = (v: unknown): v is ActingView =>
  isFields(v) &&
  Array.isArray(v.approvals) &&
  Array.isArray(v.actions) &&
  isFields(v.kill_switch) &&
  isFields(v.autonomy);

const isChange = (v: unknown): v is ActingChange =>
  isFields(v) && CHANGES.has(v.kind) && isFields(v[String(v.kind)]);

/** Null for every frame of another channel. */
export function decodeActing(raw: string): ActingFrame | null {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return null;
  }
  if (!isFields(value) || value.channel !== "approvals" || typeof value.seq !== "number") return null;
  const { seq } = value;
  if (isView(value.acting)) return { kind: "snapshot", seq, view: value.acting };
  if (isChange(value.change)) return { kind: "change", seq, change: value.change };
  return null;
}

/** What a frame makes of it; null where one is missing and a fresh snapshot is needed. */
export function heard(acting: Acting, frame: ActingFrame): Acting | null {
  if (frame.kind === "snapshot") return { view: frame.view, seq: frame.seq };
  if (acting.view === null || acting.seq === null || frame.seq > acting.seq + 1) return null;
  if (frame.seq <= acting.seq) return acting;
  return { view: changed(acting.view, frame.change), seq: frame.seq };
}
