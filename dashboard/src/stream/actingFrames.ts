// The channel `approvals` of the socket: one snapshot of acting, then each thing that changed. Numbered by itself. Pure.
import type { ActingChange } from "../protocol/ActingChange";
import type { ActingView } from "../protocol/ActingView";
import type { ServerFrame } from "../protocol/ServerFrame";
import { type Acting, changed } from "./acting";
import { isFields } from "./rest";

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

/** What a frame makes of it; null where one is missing and a fresh snapshot is needed. */
export function heard(acting: Acting, frame: ServerFrame): Acting | null {
  if (frame.type === "snapshot" && frame.channel === "approvals")
    return isView(frame.acting) ? { view: frame.acting, seq: frame.seq } : acting;
  if (frame.type !== "approval.change") return acting;
  if (acting.view === null || acting.seq === null || frame.seq > acting.seq + 1) return null;
  if (frame.seq <= acting.seq) return acting;
  // A kind this page does not know still has its number.
  const view = isChange(frame.change) ? changed(acting.view, frame.change) : acting.view;
  return { view, seq: frame.seq };
}
