// The words for what acting tells: targets, states, outcomes, guards.

import type { ActionView } from "../protocol/ActionView";
import type { ApprovalView } from "../protocol/ApprovalView";
import type { Guest } from "../protocol/Guest";
import type { Tier } from "../protocol/Tier";
import { useRecord } from "../stream/store";
import { duration } from "../ui/format";
import type { Shape } from "../ui/Glyph";
import { plain } from "../ui/plain";

export interface Targeted {
  readonly target: string;
  readonly vmid?: number;
  readonly node?: string;
}

export function targetWords(t: Targeted, guest: Guest | undefined): string {
  if (t.vmid !== undefined) {
    const kind = guest === undefined ? "guest" : guest.kind === "lxc" ? "container" : "VM";
    const name = guest?.name ? ` “${plain(guest.name)}”` : "";
    const node = t.node ?? guest?.node;
    return `${kind} ${t.vmid}${name}${node ? ` on ${node}` : ""}`;
  }
  // The title names the kind: "Reboot node", "Restart service".
  const [, name = t.target, part] = t.target.split("/");
  return plain(part === undefined ? name : `${part.replace(/\.service$/, "")} on ${name}`);
}

export function useTargetWords(t: Targeted): string {
  const guest = useRecord("guest", t.vmid === undefined ? null : String(t.vmid));
  return targetWords(t, guest);
}

export const TIER_WORD: Readonly<Record<Tier, string>> = {
  green: "reads only",
  yellow: "can be undone",
  red: "takes something away",
};

/** `human/ann` is a person; the others are named after what they are. */
export function callerWords(caller: string): string {
  const [kind, ...rest] = caller.split("/");
  const who = rest.join("/");
  switch (kind) {
    case "human":
      return who || "a person";
    case "token":
      return `API token ${who}`.trim();
    case "mcp":
      return `MCP client ${who}`.trim();
    case "model":
      return "the model";
    case "runbook":
      return `runbook ${who}`.trim();
    default:
      return caller;
  }
}

export const guardWords = (guard: string): string => guard.replaceAll("_", " ");

export function actionShape(a: ActionView): Shape {
  switch (a.state) {
    case "ok":
      return a.verified === "no" ? "critical" : a.verified === "inconclusive" ? "attention" : "ok";
    case "warnings":
      return "attention";
    case "failed":
      return "critical";
    case "unknown":
      return "unknown";
    default:
      return "running";
  }
}

const ENDED: Readonly<Record<string, string>> = {
  ok: "done",
  warnings: "done, with warnings",
  failed: "failed",
  unknown: "outcome unknown",
};
const VERIFIED: Readonly<Record<string, string>> = {
  yes: "seen to be so",
  no: "but it is not so",
  inconclusive: "not verified",
};

/** "running 12 s", "done in 4.0 s, seen to be so". */
export function outcomeWords(a: ActionView, nowMs: number): string {
  const since = a.sent_ms ?? a.asked_ms;
  if (a.state === "waiting") return "waits its turn";
  if (a.state === "sending") return "being sent";
  if (a.state === "running") return `running ${duration(nowMs - since)}`;
  const took = a.ended_ms === undefined ? "" : ` in ${duration(a.ended_ms - since)}`;
  // A message says it already when all went well.
  const ended = a.state === "ok" || a.state === "warnings";
  const told = !ended || a.verified === undefined || (a.verified === "yes" && a.message !== undefined);
  const verified = told || !a.verified ? "" : `, ${VERIFIED[a.verified] ?? a.verified}`;
  return `${ENDED[a.state] ?? a.state}${a.state === "unknown" ? "" : took}${verified}`;
}

export function approvalShape(a: ApprovalView): Shape {
  switch (a.state) {
    case "pending":
      return "attention";
    case "approved":
    case "used":
      return "ok";
    default:
      return "off";
  }
}

const DECIDED: Readonly<Record<ApprovalView["state"], string>> = {
  pending: "waits for you",
  approved: "approved",
  used: "approved",
  denied: "denied",
  expired: "ran out of time",
  voided: "void",
};

export const decidedWords = (a: ApprovalView): string =>
  `${DECIDED[a.state]}${a.by && a.state !== "pending" ? ` by ${callerWords(a.by)}` : ""}`;

export const LEVELS = [
  { level: 0, name: "Observe", does: "looks, and does nothing" },
  { level: 1, name: "Alert", does: "tells you of problems" },
  { level: 2, name: "Recommend", does: "proposes a remedy for your click" },
  { level: 3, name: "Act", does: "starts and restores by runbook, then reports" },
  { level: 4, name: "Quietly", does: "the same, told in the digest only" },
] as const;
