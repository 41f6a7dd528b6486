import { act, cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import axe from "axe-core";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Screen } from "../app/Screen";
import recording from "../demo/recording.json";
import type { ActingView } from "../protocol/ActingView";
import type { ActionView } from "../protocol/ActionView";
import type { ApprovalView } from "../protocol/ApprovalView";
import type { ServerFrame } from "../protocol/ServerFrame";
import { learn, resetActing, useActing } from "../stream/acting";
import { seconds } from "../stream/clock";
import { EMPTY, reduce } from "../stream/reduce";
import { answerFrom } from "../stream/rest";
import { resetStream, useStream } from "../stream/store";
import { Hold } from "../ui/Hold";
import { useView } from "../ui/view";
import { closeAct, openAct } from "./actSheetState";

const NOW = recording.recorded_ms + 1000;
const full = (recording.frames.slice(0, 3) as unknown as ServerFrame[]).reduce(
  (m, f) => reduce(m, f).mirror,
  EMPTY,
);
const HASH = "a".repeat(64);

const pending: ApprovalView = {
  id: "ap1",
  hash: HASH,
  tool: "reboot_node",
  title: "Reboot node",
  args: { node: "agent1" },
  target: "node/agent1",
  node: "agent1",
  tier: "red",
  effect: "reboot_node",
  proposer: "human/ann",
  objections: [
    { guard: "quorum", verdict: "ask", reason: "one more loss would cost the quorum" },
    { guard: "blast", verdict: "ask", reason: '<img src=x onerror="alert(1)"> goes down' },
  ],
  blast: {
    sentence: "agent1 and 6 guests are away for about 3 min.",
    down: [
      { name: "node agent1", node: "agent1" },
      { name: "guest 101 (management)", vmid: 101, through: "node agent1" },
    ],
    degraded: [],
    away_s: 180,
    basis: "from its last restart",
    quorum: { online: 3, needed: 3, kept: true },
    includes_jarvis: true,
  },
  exact_calls: [
    {
      via: "proxmox",
      method: "POST",
      target: "agent1",
      path: "/nodes/agent1/status",
      body: "command=reboot",
    },
  ],
  state: "pending",
  opened_ms: NOW - 1000,
  expires_ms: NOW + 299_000,
};
const action: ActionView = {
  id: "ac1",
  tool: "stop_guest",
  title: "Stop",
  args: { vmid: 107 },
  target: "guest/107",
  vmid: 107,
  tier: "red",
  effect: "stop_guest",
  caller: "mcp/7",
  state: "running",
  log: ["line one", "line two", "line three", "line four"],
  asked_ms: NOW - 5000,
  sent_ms: NOW - 5000,
};
const view: ActingView = {
  kill_switch: { on: false },
  autonomy: {
    level: 2,
    hour_used: 1,
    hour_max: 6,
    day_used: 3,
    day_max: 20,
    quarantined: ["guest/106"],
    scores: [],
  },
  approvals: [],
  actions: [],
};

type Answers = (
  path: string,
  body: Record<string, unknown> | null,
  method: string,
) => Response | Promise<Response> | undefined;
let answers: Answers = () => undefined;
let sent: (readonly [method: string, path: string, body: unknown])[] = [];

function show(acting: ActingView = view): void {
  useActing.setState({ view: acting, seq: 1 });
  render(<Screen onOut={() => undefined} locked={false} />);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
  vi.setSystemTime(NOW);
  seconds.refresh();
  sent = [];
  answers = () => undefined;
  answerFrom(async (path, init) => {
    const body = init?.body ? JSON.parse(String(init.body)) : null;
    if (init?.method) sent.push([init.method, path, body]);
    return (
      answers(path, body, init?.method ?? "GET") ??
      Response.json(path.includes("/events") ? { items: [], next_cursor: null } : { buckets: [] })
    );
  });
  resetStream();
  resetActing();
  useStream.setState({ mirror: full, link: { state: "live" } });
  useView.setState({ mode: "jarvis", wall: false, selection: null });
  return () => {
    cleanup();
    closeAct();
    history.replaceState(null, "", "/");
    vi.useRealTimers();
  };
});

const settle = () => act(async () => {});
/** Past the time in which a button that just moved in is deaf. */
const armed = () => act(async () => new Promise<void>((done) => setTimeout(done, 600)));

describe("a card", () => {
  it("tells what, to what, who goes down, the quorum after, Jarvis itself, and every reason, as text", async () => {
    show({ ...view, approvals: [pending] });
    const panel = screen.getByTestId("panel-acting");
    expect(panel.textContent).toContain("Reboot node agent1");
    expect(within(panel).getByTestId("includes-jarvis")).toBeTruthy();
    expect(within(panel).getByTestId("quorum-after").textContent).toBe("kept: 3 online, 3 needed");
    expect(within(panel).getByTestId("approval-left").textContent).toContain("4:59");
    expect(document.querySelector("img")).toBeNull();
    fireEvent.click(within(panel).getByTestId("approval-details"));
    await settle();
    const sheet = screen.getByRole("dialog");
    expect(within(sheet).getAllByTestId("objection")).toHaveLength(2);
    expect(sheet.textContent).toContain("guest 101 (management) through node agent1");
    fireEvent.click(within(sheet).getByRole("button", { name: "Show the exact request" }));
    expect(within(sheet).getByTestId("exact-calls").textContent).toContain("/nodes/agent1/status");
    expect(document.activeElement).toBe(within(sheet).getByTestId("deny"));
  });
  it("leads the headline, the header and the tab", async () => {
    show({ ...view, approvals: [pending] });
    await settle();
    expect(screen.getByTestId("headline").textContent).toContain("One action waits for your word.");
    expect(screen.getByTestId("waiting").textContent).toContain("1 waiting");
    expect(document.title).toMatch(/^\(1\) ▲ One action waits/);
  });
  it("runs out on its own, without a word from the daemon", async () => {
    show({ ...view, approvals: [pending] });
    act(() => {
      vi.setSystemTime(pending.expires_ms + 1);
      seconds.refresh();
    });
    await settle();
    expect(screen.queryByTestId("approve")).toBeNull();
    expect(screen.getByTestId("decided-ap1").textContent).toContain("ran out of time");
    expect(screen.queryByTestId("waiting")).toBeNull();
  });
  it("is decided elsewhere: the buttons go, who and what stay", async () => {
    show({ ...view, approvals: [pending] });
    act(() =>
      learn({
        kind: "approval",
        approval: { ...pending, state: "denied", by: "human/bob", decided_ms: NOW },
      }),
    );
    await settle();
    expect(screen.queryByTestId("approve")).toBeNull();
    expect(screen.getByTestId("decided-ap1").textContent).toContain("denied by bob");
  });
  it("says why a decision was not taken, and offers it again", async () => {
    answers = (path) =>
      path.endsWith("/ap1")
        ? Response.json(
            { error: { kind: "conflict", message: "it is over: denied by bob" } },
            { status: 409 },
          )
        : undefined;
    show({ ...view, approvals: [pending] });
    fireEvent.click(screen.getByTestId("deny"));
    await settle();
    expect(within(screen.getByTestId("panel-acting")).getByText(/it is over: denied by bob/)).toBeTruthy();
    expect(sent).toEqual([["POST", "/api/v1/approvals/ap1", { decision: "deny", hash: HASH }]]);
  });
  it("is approved by two presses, with the hash that was shown, and one click does nothing", async () => {
    answers = (path) =>
      path.endsWith("/ap1") ? Response.json({ ...pending, state: "used", by: "human/ann" }) : undefined;
    show({ ...view, approvals: [pending] });
    await armed();
    fireEvent.click(screen.getByTestId("approve"), { detail: 0 });
    await settle();
    expect(sent).toEqual([]);
    expect(screen.getByTestId("approve").textContent).toContain("Once more");
    await armed();
    fireEvent.click(screen.getByTestId("approve"), { detail: 0 });
    await settle();
    expect(sent).toEqual([["POST", "/api/v1/approvals/ap1", { decision: "approve", hash: HASH }]]);
  });
  it("waits in line behind another and is taken back, or says why not", async () => {
    const why = "waits for ac0 (Migrate 101 dns), which has run since 14:03";
    const waiting: ActionView = { ...action, state: "waiting", message: why, log: [], waits_for: "ac0" };
    answers = (path) =>
      path.endsWith("/ac1/take-back")
        ? Response.json(
            { error: { kind: "conflict", message: "it does not wait any more" } },
            { status: 409 },
          )
        : undefined;
    show({ ...view, actions: [waiting] });
    const row = screen.getByTestId("action-ac1");
    expect(row.textContent).toContain(why);
    fireEvent.click(within(row).getByTestId("take-back"));
    await settle();
    expect(within(row).getByRole("alert").textContent).toBe("it does not wait any more");
    answers = (path) =>
      path.endsWith("/ac1/take-back")
        ? Response.json({ ...waiting, state: "failed", message: "human/ann took it back", ended_ms: NOW })
        : undefined;
    fireEvent.click(within(row).getByTestId("take-back"));
    await settle();
    expect(screen.getByTestId("action-ac1").textContent).toContain("took it back");
    expect(screen.queryByTestId("take-back")).toBeNull();
    expect(sent.map(([method, path]) => `${method} ${path}`)).toEqual(
      Array(2).fill("POST /api/v1/actions/ac1/take-back"),
    );
  });
  it("is opened by the link of a message, also when it is over or unknown", async () => {
    history.replaceState(null, "", "/#/approvals/ap1");
    show({ ...view, approvals: [{ ...pending, state: "expired" }] });
    await settle();
    expect(screen.getByRole("dialog").textContent).toContain("ran out of time");
    cleanup();
    answers = (path) =>
      path.endsWith("/gone")
        ? Response.json(
            { error: { kind: "not_found", message: "there is no approval gone" } },
            { status: 404 },
          )
        : undefined;
    history.replaceState(null, "", "/#/approvals/gone");
    show();
    await settle();
    expect(screen.getByTestId("approval-missing").textContent).toContain("there is no approval gone");
  });
});

describe("an act", () => {
  const open = (tool: string): void =>
    act(() =>
      openAct({
        kind: "deed",
        deed: { tool, label: "Stop", grave: true, target: "container 107", args: { vmid: 107 }, fields: [] },
      }),
    );
  const planned = (verdict: string, objections: object[] = []): Response =>
    Response.json({
      state: "plan",
      tool: "stop_guest",
      title: "Stop",
      args: {},
      target: "guest/107",
      tier: "red",
      effect: "stop_guest",
      verdict,
      objections,
      exact_calls: [],
    });

  it("shows the plan first and sends nothing", async () => {
    answers = (path) => (path.includes("/tools/") ? planned("ask") : undefined);
    show();
    open("stop_guest");
    await settle();
    expect(screen.getByTestId("verdict").getAttribute("data-verdict")).toBe("ask");
    expect(sent).toEqual([["POST", "/api/v1/tools/stop_guest", { args: { vmid: 107 }, dry_run: true }]]);
  });
  it("that is refused lists every reason with what to do, and has no button to go on", async () => {
    const why = [
      { guard: "kill_switch", verdict: "refuse", reason: "the kill switch is on" },
      { guard: "locks", verdict: "refuse", reason: "guest 107 is locked (backup)" },
    ];
    answers = (path) => (path.includes("/tools/") ? planned("refuse", why) : undefined);
    show();
    open("stop_guest");
    await settle();
    const sheet = screen.getByTestId("act-sheet");
    expect(within(sheet).getAllByTestId("objection")).toHaveLength(2);
    expect(sheet.textContent).toContain("Release the kill switch first.");
    expect(sheet.textContent).toContain("Wait for the task that holds it");
    expect(within(sheet).queryByTestId("act-run")).toBeNull();
  });
  it("refused between plan and act says so, with the reasons of that moment", async () => {
    answers = (path, body) => {
      if (!path.includes("/tools/")) return undefined;
      if (body?.dry_run) return planned("permit");
      const objections = [{ guard: "locks", verdict: "refuse", reason: "locked a second ago" }];
      return Response.json(
        { error: { kind: "refused", message: "refused", details: { objections } } },
        { status: 403 },
      );
    };
    show();
    open("stop_guest");
    await settle();
    fireEvent.click(screen.getByTestId("act-run"));
    await settle();
    expect(screen.getByTestId("act-sheet").textContent).toContain("locked a second ago");
  });
  it("follows its action to the end", async () => {
    answers = (path, body) => {
      if (!path.includes("/tools/")) return undefined;
      return body?.dry_run ? planned("permit") : Response.json({ state: "running", action }, { status: 202 });
    };
    show();
    open("stop_guest");
    await settle();
    fireEvent.click(screen.getByTestId("act-run"));
    await settle();
    const row = within(screen.getByTestId("act-sheet")).getByTestId("action-ac1");
    expect(row.textContent).toContain("running");
    expect(row.textContent).toContain("line four");
    const observed = { down: ["guest 107"], hits: 1, false_alarms: 0, missed: 2 };
    act(() =>
      learn({
        kind: "action",
        action: {
          ...action,
          state: "ok",
          verified: "no",
          ended_ms: NOW,
          observed,
          predicted: pending.blast as never,
        },
      }),
    );
    fireEvent.click(within(row).getByRole("button", { name: /Stop/ }));
    expect(row.textContent).toContain("but it is not so");
    expect(within(row).getByTestId("forecast").textContent).toContain("2 not foreseen");
  });
  it("offers nothing to cancel once it is under way, though its answer comes with the end", async () => {
    answers = (path, body) => {
      if (!path.includes("/tools/")) return undefined;
      return body?.dry_run ? planned("permit") : new Promise<Response>(() => undefined);
    };
    show();
    open("stop_guest");
    await settle();
    const sheet = within(screen.getByTestId("act-sheet"));
    fireEvent.click(sheet.getByTestId("act-run"));
    expect(sheet.getByTestId("act-run").textContent).toBe("Sending");
    act(() => learn({ kind: "action", action: { ...action, asked_ms: NOW, state: "running" } }));
    expect(sheet.getByTestId("action-ac1").textContent).toContain("running");
    expect(sheet.queryByTestId("act-run")).toBeNull();
    expect(sheet.queryByRole("button", { name: "Cancel" })).toBeNull();
    expect(sheet.getByRole("button", { name: "Close" })).toBeTruthy();
  });
  it("that failed comes with its record", async () => {
    answers = (path, body) => {
      if (!path.includes("/tools/")) return undefined;
      if (body?.dry_run) return planned("permit");
      const details = { action: { ...action, state: "failed", exit: "got timeout" } };
      return Response.json(
        { error: { kind: "action_failed", message: "it failed", details } },
        { status: 502 },
      );
    };
    show();
    open("stop_guest");
    await settle();
    fireEvent.click(screen.getByTestId("act-run"));
    await settle();
    expect(within(screen.getByTestId("act-sheet")).getByTestId("action-ac1").textContent).toContain("failed");
  });
});

describe("the kill switch", () => {
  it("goes on at one click", async () => {
    answers = (path) =>
      path.endsWith("/kill-switch") ? Response.json({ on: true, by: "human/ann" }) : undefined;
    show();
    fireEvent.click(screen.getByTestId("kill-switch"));
    await settle();
    expect(sent).toEqual([["PUT", "/api/v1/kill-switch", { on: true }]]);
    expect(screen.getByTestId("kill-banner").textContent).toContain("Nothing but reads leaves");
  });
  it("that could not be thrown shouts, and says what works without the daemon", async () => {
    answers = (path) => (path.endsWith("/kill-switch") ? new Response("", { status: 502 }) : undefined);
    show();
    fireEvent.click(screen.getByTestId("kill-switch"));
    await settle();
    expect(screen.getByText("NOT STOPPED.")).toBeTruthy();
    expect(screen.queryByTestId("kill-banner")).toBeNull();
  });
  it("goes off only through a dialog", async () => {
    show({ ...view, kill_switch: { on: true } });
    fireEvent.click(screen.getByTestId("kill-switch"));
    await settle();
    expect(sent).toEqual([]);
    expect(screen.getByTestId("release").textContent).toContain("runs nothing old");
  });
  it("that cannot be read counts as on", () => {
    show({ ...view, kill_switch: { on: true, unreadable: "the file is gone" } });
    expect(screen.getByTestId("kill-banner").textContent).toContain("the file is gone");
  });
  it("has no button on a wall, and is told there", () => {
    useView.setState({ wall: true });
    show({ ...view, kill_switch: { on: true } });
    expect(screen.getByTestId("kill-switch").tagName).toBe("SPAN");
  });
});

it("a daemon that does not act offers nothing", async () => {
  useActing.setState({ view: null, seq: null });
  render(<Screen onOut={() => undefined} locked={false} />);
  await settle();
  expect(screen.queryByTestId("kill-switch")).toBeNull();
  expect(document.querySelector(".act-dots")).toBeNull();
});

it("axe finds nothing in a full screen of acting, nor in its dialog", async () => {
  show({
    ...view,
    kill_switch: { on: true, by: "human/ann", since_ms: NOW },
    approvals: [pending, { ...pending, id: "ap2", state: "voided", why: "the guest moved", decided_ms: NOW }],
    actions: [action],
  });
  act(() => openAct({ kind: "approval", id: "ap1" }));
  await settle();
  vi.useRealTimers();
  const result = await axe.run(document.body, {
    resultTypes: ["violations"],
    rules: {
      "color-contrast": { enabled: false },
      region: { enabled: false },
      "scrollable-region-focusable": { enabled: false },
    },
  });
  expect(
    result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 90)).join(" | ")}`),
  ).toEqual([]);
}, 60_000);

describe("holding", () => {
  it("takes its whole time; letting go earlier only asks for a second press", async () => {
    vi.useRealTimers();
    const done = vi.fn();
    render(<Hold label="Hold" onDone={done} testId="hold" />);
    await armed();
    const button = screen.getByTestId("hold");
    fireEvent.pointerDown(button, { button: 0 });
    await act(async () => new Promise((r) => setTimeout(r, 400)));
    fireEvent.pointerUp(button);
    expect(done).not.toHaveBeenCalled();
    expect(button.textContent).toBe("Once more to confirm");
    await armed();
    fireEvent.pointerDown(button, { button: 0 });
    await act(async () => new Promise((r) => setTimeout(r, 1600)));
    expect(done).toHaveBeenCalledTimes(1);
    fireEvent.pointerUp(button);
    expect(done).toHaveBeenCalledTimes(1);
  });
  it("hears nothing in the instant it appears, and a repeated key is one press", async () => {
    vi.useRealTimers();
    const done = vi.fn();
    render(<Hold label="Hold" onDone={done} testId="hold" />);
    const button = screen.getByTestId("hold");
    fireEvent.click(button, { detail: 0 });
    expect(button.textContent).toBe("Hold");
    await armed();
    fireEvent.keyDown(button, { key: "Enter" });
    for (let i = 0; i < 5; i++) fireEvent.keyDown(button, { key: "Enter", repeat: true });
    fireEvent.keyUp(button, { key: "Enter" });
    expect(done).not.toHaveBeenCalled();
    expect(button.textContent).toBe("Once more to confirm");
  });
});
