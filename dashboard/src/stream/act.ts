// The calls that plan, ask for and decide changes. Each says exactly what it saw: a hash goes back with a decision.

import type { ActingView } from "../protocol/ActingView";
import type { ActionView } from "../protocol/ActionView";
import type { ApprovalView } from "../protocol/ApprovalView";
import type { AutonomyView } from "../protocol/AutonomyView";
import type { KillView } from "../protocol/KillView";
import type { ObjectionView } from "../protocol/ObjectionView";
import type { Plan } from "../protocol/Plan";
import type { Refusal } from "../protocol/Refusal";
import { learn, useActing } from "./acting";
import { askFresh } from "./fresh";
import { type Answer, call, type Failure, type Fields, isFields } from "./rest";

/** A tool and its arguments, as the catalogue names them. */
export interface Order {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

const send = (method: "POST" | "PUT", body: Fields): RequestInit => ({ method, body: JSON.stringify(body) });

/** Looks at the one field that tells a record from the others; the rest is the daemon's to keep. */
const as =
  <T>(field: string, kind: "string" | "boolean" | "number" | "object") =>
  (body: unknown): T | null =>
    isFields(body) && typeof body[field] === kind ? (body as T) : null;

/** A record on its own, or under its own name. */
const within =
  <T>(name: string, read: (body: unknown) => T | null) =>
  (body: unknown): T | null =>
    read(isFields(body) && isFields(body[name]) ? body[name] : body);

const planOf = within("plan", as<Plan>("verdict", "string"));
const approvalOf = within("approval", as<ApprovalView>("expires_ms", "number"));
const actionOf = within("action", as<ActionView>("asked_ms", "number"));
const killOf = within("kill_switch", as<KillView>("on", "boolean"));
const autonomyOf = within("autonomy", as<AutonomyView>("level", "number"));

const toolPath = (tool: string): string => `/api/v1/tools/${encodeURIComponent(tool)}`;

/** What would happen; nothing does. */
export const plan = ({ tool, args }: Order): Promise<Answer<Plan>> =>
  call(toolPath(tool), planOf, send("POST", { args, dry_run: true }));

/** The daemon waits for the end of a change for most of a minute, then answers that it still runs. */
const RUN_TIMEOUT_MS = 65_000;

/** The answer of a tool that only looks. It may hold what others wrote: shown as text, never obeyed. */
export const readTool = <T>(
  { tool, args }: Order,
  decode: (value: unknown) => T | null,
): Promise<Answer<T>> =>
  call(
    toolPath(tool),
    (body) => (isFields(body) ? decode(body.value) : null),
    send("POST", { args }),
    RUN_TIMEOUT_MS,
  );

export type Outcome =
  | { readonly kind: "action"; readonly action: ActionView }
  | { readonly kind: "pending"; readonly approval: ApprovalView };

export function run({ tool, args }: Order): Promise<Answer<Outcome>> {
  return keeping(
    call(
      toolPath(tool),
      (body): Outcome | null => {
        const approval = approvalOf(body);
        if (approval) return { kind: "pending", approval };
        const action = actionOf(body);
        return action && { kind: "action", action };
      },
      send("POST", { args }),
      RUN_TIMEOUT_MS,
    ),
    (o) =>
      o.kind === "pending"
        ? learn({ kind: "approval", approval: o.approval })
        : learn({ kind: "action", action: o.action }),
  );
}

/** Every reason of a refusal; empty for a failure of another kind. */
export function objectionsOf(failure: Failure): readonly ObjectionView[] {
  const { objections } = failure.details as Partial<Refusal>;
  return Array.isArray(objections)
    ? objections.filter((o) => isFields(o) && typeof o.reason === "string" && typeof o.guard === "string")
    : [];
}

/** A change that was sent and did not end well comes as a failure with its whole record. */
export const failedAction = (failure: Failure): ActionView | null => actionOf(failure.details);

export type Decision = "approve" | "deny" | "extend";

/** More time decides nothing, so it needs no hash. */
export function decide(a: ApprovalView, decision: Decision): Promise<Answer<ApprovalView>> {
  const path = `/api/v1/approvals/${encodeURIComponent(a.id)}`;
  return keeping(
    decision === "extend"
      ? call(`${path}/extend`, approvalOf, { method: "POST" })
      : call(path, approvalOf, send("POST", { decision, hash: a.hash })),
    (approval) => learn({ kind: "approval", approval }),
  );
}

export const approvalById = (id: string): Promise<Answer<ApprovalView>> =>
  call(`/api/v1/approvals/${encodeURIComponent(id)}`, approvalOf);

/** Out of the line before its turn: nothing is sent of it. */
export const takeBack = (id: string): Promise<Answer<ActionView>> =>
  keeping(
    call(`/api/v1/actions/${encodeURIComponent(id)}/take-back`, actionOf, { method: "POST" }),
    (action) => learn({ kind: "action", action }),
  );

/** On asks nothing; off is loosening, and wants a log-in of this minute. */
export const throwSwitch = (on: boolean): Promise<Answer<KillView>> =>
  keeping(
    fresh(() => call("/api/v1/kill-switch", killOf, send("PUT", { on })), "Releasing the kill switch"),
    (kill_switch) => learn({ kind: "kill_switch", kill_switch }),
  );

export const setLevel = (level: number): Promise<Answer<AutonomyView>> =>
  keeping(
    fresh(() => call("/api/v1/autonomy", autonomyOf, send("PUT", { level })), "Raising the autonomy level"),
    (autonomy) => learn({ kind: "autonomy", autonomy }),
  );

/** What a call learnt is on the screen at once, also before the stream tells it. */
async function keeping<T>(asked: Promise<Answer<T>>, keep: (value: T) => void): Promise<Answer<T>> {
  const answer = await asked;
  if (answer.ok) keep(answer.value);
  return answer;
}

/** Asks for the password and once more, when the daemon wants to know that this is still the same person. */
async function fresh<T>(ask: () => Promise<Answer<T>>, what: string): Promise<Answer<T>> {
  const answer = await ask();
  if (answer.ok || answer.failure.kind !== "fresh_login_needed") return answer;
  return (await askFresh(what)) ? ask() : answer;
}

const listOf = <T>(body: unknown, read: (row: unknown) => T | null): T[] | null => {
  const rows = isFields(body) ? body.items : body;
  return Array.isArray(rows) ? rows.flatMap((r) => read(r) ?? []) : null;
};

/** Everything of acting by plain requests; null where the daemon has no such thing. */
export async function readActing(): Promise<ActingView | null> {
  const [approvals, actions, autonomy, kill] = await Promise.all([
    call("/api/v1/approvals", (b) => listOf(b, approvalOf)),
    call("/api/v1/actions", (b) => listOf(b, actionOf)),
    call("/api/v1/autonomy", autonomyOf),
    call("/api/v1/kill-switch", killOf),
  ]);
  if (!approvals.ok || !autonomy.ok || !kill.ok) return null;
  return {
    approvals: approvals.value,
    actions: actions.ok ? actions.value : [],
    autonomy: autonomy.value,
    kill_switch: kill.value,
  };
}

/** Told by the stream, or read every few seconds while it does not tell. */
const POLL_EVERY_MS = 3_000;
/** A daemon without these routes is asked again when it is another one. */
const ASK_AGAIN_MS = 30_000;

export function followActing(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  const step = async (): Promise<void> => {
    const told = useActing.getState().seq !== null;
    const view = told || document.hidden ? null : await readActing();
    if (ended) return;
    // The same answer again is no news, and must not draw the screen anew.
    const before = useActing.getState();
    if (view && before.seq === null && JSON.stringify(view) !== JSON.stringify(before.view))
      useActing.setState({ view });
    timer = setTimeout(() => void step(), view ? POLL_EVERY_MS : ASK_AGAIN_MS);
  };
  void step();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
