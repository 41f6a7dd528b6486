// What waits for a person, what is being done, the switch and the level: kept like the mirror, from its own channel.
import { create } from "zustand";
import type { ActingChange } from "../protocol/ActingChange";
import type { ActingView } from "../protocol/ActingView";
import type { ActionState } from "../protocol/ActionState";
import type { ActionView } from "../protocol/ActionView";
import type { ApprovalView } from "../protocol/ApprovalView";

export interface Acting {
  /** Null until the daemon has told it; it stays null with a daemon that does not act. */
  readonly view: ActingView | null;
  /** Of the channel; null while it is read over REST. */
  readonly seq: number | null;
}

export const useActing = create<Acting>(() => ({ view: null, seq: null }));

/** More is history, which has its own place. */
const KEPT_MAX = 100;

/** Puts a record in the place of its former self, or first. */
function placed<T extends { readonly id: string }>(list: readonly T[], row: T): T[] {
  const at = list.findIndex((r) => r.id === row.id);
  return at === -1 ? [row, ...list].slice(0, KEPT_MAX) : list.with(at, row);
}

export function changed(view: ActingView, change: ActingChange): ActingView {
  switch (change.kind) {
    case "approval":
      return { ...view, approvals: placed(view.approvals, change.approval) };
    case "action":
      return { ...view, actions: placed(view.actions, change.action) };
    case "kill_switch":
      return { ...view, kill_switch: change.kill_switch };
    case "autonomy":
      return { ...view, autonomy: change.autonomy };
    default:
      return view;
  }
}

export function learn(change: ActingChange): void {
  const { view } = useActing.getState();
  if (view) useActing.setState({ view: changed(view, change) });
}

export const isWaiting = (a: ApprovalView, nowMs: number): boolean =>
  a.state === "pending" && a.expires_ms > nowMs;

const OPEN: ReadonlySet<ActionState> = new Set<ActionState>(["waiting", "sending", "running"]);
export const isOpen = (a: ActionView): boolean => OPEN.has(a.state);

/** Nothing listed on its own: a selector must give the same array for the same state. */
const NO_APPROVALS: readonly ApprovalView[] = [];
const NO_ACTIONS: readonly ActionView[] = [];

export const useApprovals = (): readonly ApprovalView[] =>
  useActing((s) => s.view?.approvals ?? NO_APPROVALS);
export const useActions = (): readonly ActionView[] => useActing((s) => s.view?.actions ?? NO_ACTIONS);

export const useApproval = (id: string): ApprovalView | undefined =>
  useActing((s) => s.view?.approvals.find((a) => a.id === id));
export const useAction = (id: string): ActionView | undefined =>
  useActing((s) => s.view?.actions.find((a) => a.id === id));

export function resetActing(): void {
  useActing.setState({ view: null, seq: null });
}
