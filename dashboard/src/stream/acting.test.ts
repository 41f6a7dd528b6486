import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { ActingChange } from "../protocol/ActingChange";
import type { ActingView } from "../protocol/ActingView";
import type { ApprovalView } from "../protocol/ApprovalView";
import type { ServerFrame } from "../protocol/ServerFrame";
import { decide, objectionsOf, plan, readActing, run, setLevel, throwSwitch } from "./act";
import { type Acting, changed, resetActing, useActing } from "./acting";
import { heard } from "./actingFrames";
import { decodeFrame } from "./decode";
import { useFresh } from "./fresh";
import { answerFrom } from "./rest";
import { urgent } from "./urgent";

const approval = (id: string, more: Partial<ApprovalView> = {}): ApprovalView => ({
  id,
  hash: `hash-${id}`,
  tool: "reboot_guest",
  title: "Reboot",
  args: { vmid: 107 },
  target: "guest/107",
  vmid: 107,
  tier: "red",
  effect: "reboot_guest",
  proposer: "mcp/7",
  objections: [],
  exact_calls: [],
  state: "pending",
  opened_ms: 1000,
  expires_ms: 301_000,
  ...more,
});

const view: ActingView = {
  kill_switch: { on: false },
  autonomy: {
    level: 3,
    hour_used: 0,
    hour_max: 6,
    day_used: 0,
    day_max: 20,
    quarantined: [],
    scores: [],
  },
  approvals: [],
  actions: [],
};

beforeEach(() => resetActing());

const frame = (value: object): ServerFrame => {
  const decoded = decodeFrame(JSON.stringify({ channel: "approvals", ts_ms: 1, ...value }));
  if (!decoded) throw new Error("not a frame");
  return decoded;
};
const snapshot = (seq: number): ServerFrame => frame({ type: "snapshot", seq, acting: view });
const tell = (seq: number, change: object): ServerFrame => frame({ type: "approval.change", seq, change });
const nothing: Acting = { view: null, seq: null };

describe("the channel of acting", () => {
  it("takes a snapshot, then changes in order, and asks again where one is missing", () => {
    const first = heard(nothing, snapshot(4));
    expect(first).toEqual({ view, seq: 4 });
    const five = tell(5, { kind: "approval", approval: approval("a") });
    const next = heard(first ?? nothing, five);
    expect(next?.view?.approvals.map((a) => a.id)).toEqual(["a"]);
    expect(heard(next ?? nothing, five)).toBe(next);
    expect(heard(next ?? nothing, tell(7, { kind: "kill_switch", kill_switch: { on: true } }))).toBeNull();
    expect(heard(nothing, five)).toBeNull();
  });
  it("leaves alone what is of another channel, and counts what it does not know", () => {
    const first = heard(nothing, snapshot(4)) ?? nothing;
    expect(heard(first, frame({ type: "snapshot", channel: "events", seq: 9, events: [] }))).toBe(first);
    expect(heard(first, frame({ type: "snapshot", seq: 9, acting: { approvals: [] } }))).toBe(first);
    expect(heard(first, tell(5, { kind: "budget", budget: {} }))).toEqual({ view, seq: 5 });
    expect(decodeFrame(JSON.stringify({ type: "approval.change", channel: "approvals", seq: 1 }))).toBeNull();
  });
  it("ends in the daemon's state whatever order of losses and snapshots it meets", () => {
    const ids = fc.array(
      fc.tuple(fc.constantFrom("a", "b", "c"), fc.constantFrom("pending", "denied"), fc.boolean()),
    );
    fc.assert(
      fc.property(ids, (steps) => {
        let theirs = view;
        let seq = 0;
        let ours = heard(nothing, snapshot(0)) ?? nothing;
        for (const [id, state, lost] of steps) {
          const change: ActingChange = {
            kind: "approval",
            approval: approval(id, { state: state as "denied" }),
          };
          theirs = changed(theirs, change);
          seq++;
          if (lost) continue;
          ours = heard(ours, tell(seq, change)) ?? { view: theirs, seq };
        }
        ours = heard(ours, tell(seq + 1, { kind: "kill_switch", kill_switch: { on: true } })) ?? {
          view: changed(theirs, { kind: "kill_switch", kill_switch: { on: true } }),
          seq: seq + 1,
        };
        expect(ours.view).toEqual({ ...theirs, kill_switch: { on: true } });
      }),
    );
  });
  it("puts a record in the place of its former self", () => {
    const two = changed(changed(view, { kind: "approval", approval: approval("a") }), {
      kind: "approval",
      approval: approval("b"),
    });
    const decided = changed(two, { kind: "approval", approval: approval("a", { state: "denied" }) });
    expect(decided.approvals.map((a) => [a.id, a.state])).toEqual([
      ["b", "pending"],
      ["a", "denied"],
    ]);
  });
});

const refusal = (status: number, kind: string, details: object = {}): Response =>
  Response.json({ error: { kind, message: `${kind}!`, details } }, { status });

describe("calls", () => {
  it("a plan asks for nothing but a plan", async () => {
    let body: unknown;
    answerFrom(async (path, init) => {
      body = [path, JSON.parse(String(init?.body))];
      return Response.json({
        state: "plan",
        tool: "stop_guest",
        verdict: "ask",
        objections: [],
        exact_calls: [],
      });
    });
    const answer = await plan({ tool: "stop_guest", args: { vmid: 107 } });
    expect(answer.ok && answer.value.verdict).toBe("ask");
    expect(body).toEqual(["/api/v1/tools/stop_guest", { args: { vmid: 107 }, dry_run: true }]);
  });
  it("what is pending is on the screen at once", async () => {
    useActing.setState({ view });
    answerFrom(async () => Response.json({ state: "pending", approval: approval("x") }, { status: 202 }));
    const answer = await run({ tool: "reboot_guest", args: { vmid: 107 } });
    expect(answer.ok && answer.value.kind).toBe("pending");
    expect(useActing.getState().view?.approvals.map((a) => a.id)).toEqual(["x"]);
  });
  it("a refusal keeps every reason, and nothing that is no reason", async () => {
    const objections = [
      { guard: "quorum", verdict: "refuse", reason: "2 of 4 would be left" },
      { odd: 1 },
      null,
    ];
    answerFrom(async () => refusal(403, "refused", { objections }));
    const answer = await run({ tool: "reboot_node", args: { node: "pve" } });
    if (answer.ok) throw new Error("it was refused");
    expect(objectionsOf(answer.failure).map((o) => o.reason)).toEqual(["2 of 4 would be left"]);
  });
  it("a decision gives back the hash that was shown; more time needs none", async () => {
    const sent: unknown[] = [];
    answerFrom(async (path, init) => {
      sent.push([path, init?.body ? JSON.parse(String(init.body)) : null]);
      return Response.json(approval("x"));
    });
    await decide(approval("x"), "approve");
    await decide(approval("x"), "extend");
    expect(sent).toEqual([
      ["/api/v1/approvals/x", { decision: "approve", hash: "hash-x" }],
      ["/api/v1/approvals/x/extend", null],
    ]);
  });
  it("loosening asks for the password and is asked again; without an answer it stays as it was", async () => {
    let fresh = false;
    let asked = 0;
    answerFrom(async (_, init) => {
      asked++;
      const { on, level } = JSON.parse(String(init?.body));
      if (!fresh) return refusal(403, "fresh_login_needed");
      return Response.json(on === undefined ? { ...view.autonomy, level } : { on });
    });
    const no = throwSwitch(false);
    await expect.poll(() => useFresh.getState().what).toContain("kill switch");
    useFresh.getState().answer(false);
    expect((await no).ok).toBe(false);
    expect(asked).toBe(1);
    const yes = setLevel(4);
    await expect.poll(() => useFresh.getState().what).toContain("level");
    fresh = true;
    useFresh.getState().answer(true);
    const answer = await yes;
    expect(answer.ok && answer.value.level).toBe(4);
    expect(asked).toBe(3);
    expect(useFresh.getState().what).toBeNull();
  });
  it("a daemon that does not act is known by its silence", async () => {
    answerFrom(async () => refusal(404, "not_found"));
    expect(await readActing()).toBeNull();
    const bodies: Readonly<Record<string, unknown>> = {
      "/api/v1/approvals": { items: [approval("x"), { odd: true }] },
      "/api/v1/actions": { items: [] },
      "/api/v1/autonomy": view.autonomy,
      "/api/v1/kill-switch": view.kill_switch,
    };
    answerFrom(async (path) => Response.json(bodies[path]));
    expect(await readActing()).toEqual({ ...view, approvals: [approval("x")] });
  });
});

describe("what may wait for the next second", () => {
  const change = (
    up: [string, string, Record<string, unknown>][],
    del: [string, string][] = [],
  ): ServerFrame => ({ type: "change", channel: "cluster", seq: 1, ts_ms: 1, up, del }) as ServerFrame;
  it("is figures and ages, and nothing else", () => {
    expect(
      urgent(
        change([
          ["node", "pve", { cpu: 0.3, load1: 2 }],
          ["source", "resources", { seen_ms: 3 }],
        ]),
      ),
    ).toBe(false);
    expect(urgent(change([["guest", "107", { cpu: 0, status: "stopped" }]]))).toBe(true);
    expect(urgent(change([["node", "pve", { health: "critical" }]]))).toBe(true);
    expect(urgent(change([], [["guest", "107"]]))).toBe(true);
    expect(urgent({ type: "lag", channel: "cluster" })).toBe(true);
  });
});
