// What somebody who sees the page for the first time is told: plain words, the worst first, nothing old as new.
import { act, cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { LogIn } from "../app/LogIn";
import { Screen } from "../app/Screen";
import { SetUp } from "../app/SetUp";
import recording from "../demo/recording.json";
import type { ActingView } from "../protocol/ActingView";
import type { ActionView } from "../protocol/ActionView";
import type { Event } from "../protocol/Event";
import type { Guest } from "../protocol/Guest";
import type { Node } from "../protocol/Node";
import type { ServerFrame } from "../protocol/ServerFrame";
import type { Storage } from "../protocol/Storage";
import type { Task } from "../protocol/Task";
import { resetActing, useActing } from "../stream/acting";
import { seconds } from "../stream/clock";
import { EMPTY, type Mirror, reduce, type Tables } from "../stream/reduce";
import { answerFrom } from "../stream/rest";
import { resetStream, useStream } from "../stream/store";
import { current, summary } from "../ui/Chart";
import { MODES, useView } from "../ui/view";
import { Blast } from "./PlanParts";

const NOW = recording.recorded_ms + 1000;
const full = (recording.frames.slice(0, 3) as unknown as ServerFrame[]).reduce(
  (m, f) => reduce(m, f).mirror,
  EMPTY,
);
const node = full.tables.node.get("pve") as Node;
const guest = [...full.tables.guest.values()][0] as Guest;

function show(tables: Partial<Tables> = {}, more: Partial<Mirror> = {}): void {
  useStream.setState({
    mirror: { ...full, ...more, tables: { ...full.tables, ...tables } },
    link: { state: "live" },
  });
  render(<Screen onOut={() => undefined} locked={false} />);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
  vi.setSystemTime(NOW);
  seconds.refresh();
  answerFrom(async (path) =>
    path.startsWith("/api/v1/login") || path.startsWith("/api/v1/setup")
      ? Response.json(
          { error: { kind: "bad_credentials", message: "the password or token is wrong" } },
          { status: 401 },
        )
      : Response.json(path.includes("/events") ? { items: [], next_cursor: null } : { buckets: [] }),
  );
  resetStream();
  resetActing();
  useView.setState({ mode: "jarvis", wall: false, selection: null });
  return () => {
    cleanup();
    history.replaceState(null, "", "/");
    vi.useRealTimers();
  };
});
const settle = () => act(async () => {});
const top = (panel: string, row: RegExp): string[] =>
  within(screen.getByTestId(panel))
    .getAllByTestId(row)
    .map((e) => e.dataset.testid ?? "");

describe("order", () => {
  it("counts numbers in names: pve2 before pve10", () => {
    const nodes = [1, 2, 10].map((n) => [`pve${n}`, { ...node, name: `pve${n}` }] as const);
    show({ node: new Map(nodes.toReversed()) });
    expect(top("panel-nodes", /^node-/)).toEqual(["node-pve1", "node-pve2", "node-pve10"]);
  });
  it("puts the sick node first where not all have a card, and keeps its arc", () => {
    const many = Array.from({ length: 50 }, (_, i) => `pve${i + 1}`).map(
      (name) => [name, { ...node, name, health: name === "pve44" ? "critical" : "ok" }] as const,
    );
    show({ node: new Map(many as [string, Node][]) });
    expect(top("panel-nodes", /^node-/)[0]).toBe("node-pve44");
    expect(document.querySelector(".hud")?.textContent).toContain("pve44");
    expect(screen.getByText("16 of 50 nodes on the ring, those that are not well first")).toBeTruthy();
  });
  it("puts the full storage before the one that is away on a node", () => {
    const s = (storage: string, at: string, more: Partial<Storage>): [string, Storage] => [
      `${at}/${storage}`,
      {
        storage,
        node: at,
        status: "available",
        health: "ok",
        shared: true,
        content: [],
        src: "resources",
        ...more,
      } as Storage,
    ];
    show({
      storage: new Map([
        s("backup", "pve", { status: "unavailable" as Storage["status"], health: "unknown" }),
        s("backup", "agent", {}),
        s("nas-pool", "agent", { health: "critical" }),
      ]),
    });
    expect(top("panel-storage", /^storage-/)).toEqual(["storage-nas-pool", "storage-backup"]);
  });
  it("puts what is not seen before what is", () => {
    const source = new Map(full.tables.source);
    const last = [...source.keys()].at(-1) ?? "";
    const was = source.get(last);
    if (was) source.set(last, { ...was, state: "lost", error: "no answer" });
    show({ source });
    expect(top("panel-sight", /^source-/)[0]).toBe(`source-${last}`);
  });
});

describe("the activity", () => {
  const upid = "UPID:pve:1:2:3:qmsnapshot:107:root@pam:";
  const line: Event = {
    id: 900_000,
    ts_ms: NOW,
    type: "task_failed",
    severity: "warning",
    source: "sys",
    title: "qmsnapshot of 107 nextcloud by root@pam failed: no space",
    node: "pve",
    vmid: guest.vmid,
    upid,
  };
  it("says a task in plain words, and leads to its log while there is one", () => {
    const task = { upid, node: "pve", kind: "qmsnapshot", status: "failed", start_ms: NOW } as Task;
    show({ task: new Map([[upid, task]]) }, { events: [line] });
    const title = within(screen.getByTestId("feed")).getByRole("button", { name: /nextcloud/ });
    expect(title.textContent).toBe("Snapshot of 107 nextcloud by root@pam failed: no space");
    fireEvent.click(title);
    expect(useView.getState().selection).toEqual({ kind: "task", id: upid });
  });
  it("leads to the guest once the task is forgotten", () => {
    show({ task: new Map() }, { events: [line] });
    fireEvent.click(within(screen.getByTestId("feed")).getByRole("button", { name: /nextcloud/ }));
    expect(useView.getState().selection).toEqual({ kind: "guest", id: String(guest.vmid) });
  });
  it("leaves words alone that only look like a task's", () => {
    show({}, { events: [{ ...line, type: "system", title: "resize of the window" }] });
    expect(screen.getByTestId("feed").textContent).toContain("resize of the window");
  });
});

describe("old figures", () => {
  const at = (tMs: number) => ({ tMs, min: 0.1, mean: 0.2, max: 0.3 });
  const ended = Array.from({ length: 20 }, (_, i) => at(NOW - 900_000 + i * 15_000));
  it("are not the reading of a line that has ended", () => {
    expect(current(ended, NOW)).toBeUndefined();
    expect(current([...ended, at(NOW - 20_000)], NOW)?.tMs).toBe(NOW - 20_000);
    expect(summary("CPU", [{ label: "cpu", buckets: ended }], String, NOW)).toContain("last 0.2");
  });
  it("of a node out of sight say since when, and are marked", () => {
    useView.setState({ selection: { kind: "node", id: "pve" } });
    show({
      node: new Map(full.tables.node).set("pve", {
        ...node,
        status: "offline",
        health: "critical",
        as_of_ms: NOW - 14_000,
      }),
    });
    const facts = screen.getByTestId("history-drawer").querySelector(".facts");
    expect(facts?.textContent).toMatch(/^StatusofflineFigures from14\s*s ago/);
    expect(facts?.getAttribute("data-stale")).toBe("true");
  });
});

describe("what a node tells by a source of its own", () => {
  const DETAIL_MS = 10_000;
  const SENSORS_MS = 60_000;
  /** A node that was asked so long ago, by each way; `null` where there is no such way. */
  function told(detailAgoMs: number, sensorsAgoMs: number | null): Partial<Tables> {
    const source = new Map(full.tables.source);
    const put = (id: string, interval_ms: number, agoMs: number): void => {
      const state = agoMs > 5 * interval_ms ? "lost" : agoMs > 2 * interval_ms ? "late" : "fresh";
      source.set(id, { id, state, interval_ms, seen_ms: NOW - agoMs });
    };
    for (const name of full.tables.node.keys()) put(`node/${name}`, DETAIL_MS, 1000);
    put("node/pve", DETAIL_MS, detailAgoMs);
    put("resources", 1000, 500);
    if (sensorsAgoMs !== null) put("sensors/pve", SENSORS_MS, sensorsAgoMs);
    const { temp_c: _, ...plain } = node;
    const pve: Node = {
      ...plain,
      load1: 3.25,
      swap_used_bytes: 1,
      swap_total_bytes: 2,
      kernel: "7.0.2-pve",
      detail_as_of_ms: NOW - detailAgoMs,
      ...(sensorsAgoMs !== null && {
        temp_c: 61,
        shares_mounted: 3,
        units_failed: ["smbd.service"],
        sensors_as_of_ms: NOW - sensorsAgoMs,
      }),
    };
    return { source, node: new Map(full.tables.node).set("pve", pve) };
  }
  const vital = (): HTMLElement =>
    screen.getByTestId("node-pve").querySelector(".node-kv > :first-child") as HTMLElement;
  /** What each line of the drawer is called, whether it is drawn as old, and its age in words. */
  function facts(): Readonly<Record<string, readonly [stale: boolean, title: string | null, text: string]>> {
    const rows = [...screen.getByTestId("history-drawer").querySelectorAll<HTMLElement>(".facts > div")];
    return Object.fromEntries(
      rows.map((r) => {
        const dd = r.querySelector("dd");
        const text = dd?.textContent ?? "";
        return [
          r.querySelector("dt")?.textContent ?? "",
          [r.dataset.stale === "true", dd?.title ?? null, text],
        ];
      }),
    );
  }
  const OF_SENSORS = ["Temperature", "Shares", "Failed units"];
  const OF_DETAIL = ["Swap", "Load", "Kernel"];
  const open = () => useView.setState({ selection: { kind: "node", id: "pve" } });

  describe.each(MODES)("in %s mode", (mode) => {
    it("is current while its source is", () => {
      useView.setState({ mode });
      open();
      show(told(1000, 1000));
      expect(vital().dataset.sight).toBe("fresh");
      expect([vital().textContent, vital().title]).toEqual(["61\u2009°C", "hottest processor; load 3.3"]);
      for (const name of [...OF_SENSORS, ...OF_DETAIL]) expect(facts()[name]?.[0]).toBe(false);
      expect(Object.keys(facts()).filter((name) => name.endsWith("from"))).toEqual([]);
    });
    it("is old, and says how old, when the sensors are lost and the rest of the node is not", () => {
      useView.setState({ mode });
      open();
      show(told(1000, 420_000));
      expect(vital().dataset.sight).toBe("lost");
      expect(vital().title).toBe("hottest processor, last seen 7\u2009min ago; load 3.3");
      expect(vital().querySelector(".sr")?.textContent).toContain("last seen 7\u2009min ago");
      expect(screen.getByTestId("node-pve").dataset.sight).toBeUndefined();
      for (const name of OF_SENSORS)
        expect(facts()[name]?.slice(0, 2)).toEqual([true, "last seen 7\u2009min ago"]);
      for (const name of [...OF_DETAIL, "CPU", "Memory"]) expect(facts()[name]?.[0]).toBe(false);
      expect(facts()["Sensors from"]?.[2]).toBe("7\u2009min ago");
      expect(facts()["Detail from"]).toBeUndefined();
    });
    it("is old when the detail is lost, and leaves the load of the cluster", () => {
      useView.setState({ mode });
      open();
      show(told(120_000, null));
      expect(vital().dataset.sight).toBe("lost");
      expect(vital().title).toBe("load over one minute, last seen 2\u2009min ago");
      for (const name of OF_DETAIL)
        expect(facts()[name]?.slice(0, 2)).toEqual([true, "last seen 2\u2009min ago"]);
      expect(facts()["Detail from"]?.[2]).toBe("2\u2009min ago");
      expect(facts()["Sensors from"]).toBeUndefined();
      const load = within(screen.getByTestId("key-cpu")).getByText(/^load/);
      expect(load.title).toBe("without the load of 1 node");
    });
  });
  it("says how old it is while its source is merely late, and ages by itself", () => {
    open();
    show(told(1000, 100_000));
    expect(vital().dataset.sight).toBe("fresh");
    act(() => {
      vi.setSystemTime(NOW + 30_000);
      seconds.refresh();
    });
    expect(vital().dataset.sight).toBe("late");
    expect(vital().title).toBe("hottest processor, 2\u2009min old; load 3.3, 31\u2009s old");
    expect(facts().Temperature?.slice(0, 2)).toEqual([true, "2\u2009min old"]);
  });
  it("is not missed where nobody set it up, or nothing has come yet", () => {
    open();
    show(told(1000, null));
    expect([vital().textContent, vital().title]).toEqual(["load 3.3", "load over one minute"]);
    expect(Object.keys(facts()).filter((name) => name.endsWith("from"))).toEqual([]);
    expect(within(screen.getByTestId("key-cpu")).getByText(/^load/).title).toBe("");
  });
});

describe("charts", () => {
  it("ask nobody while the line is cut, and at once when it is back", async () => {
    const asked: string[] = [];
    answerFrom(async (path) => {
      asked.push(path);
      return Response.json(path.includes("/events") ? { items: [], next_cursor: null } : { buckets: [] });
    });
    const points = (): number => asked.filter((p) => p.includes("points=240")).length;
    show();
    await settle();
    const before = points();
    expect(before).toBeGreaterThan(0);
    act(() => useStream.setState({ link: { state: "denied", why: "login" } }));
    act(() => useView.setState({ selection: { kind: "guest", id: String(guest.vmid) } }));
    await settle();
    expect(points()).toBe(before);
    expect(screen.getByTestId("history-drawer").textContent).toContain("as soon as the connection is back");
    act(() => useStream.setState({ link: { state: "live" } }));
    await settle();
    expect(points()).toBeGreaterThan(before);
    expect(screen.getByTestId("history-drawer").textContent).not.toContain("connection is back");
  });
});

describe("guests", () => {
  it("are counted so that templates make up the difference", () => {
    const id = [...full.tables.guest.keys()].at(-1) ?? "";
    const rows = new Map([...full.tables.guest].map(([k, g]) => [k, { ...g, template: k === id }]));
    show({ guest: rows });
    expect(within(screen.getByTestId("panel-guests")).getByText(/1 template/)).toBeTruthy();
  });
});

describe("long names", () => {
  it("are whole for whoever points at them, and nine digits have their room", () => {
    const name = "media-server-with-a-name-that-somebody-kept-for-ever";
    show({ guest: new Map([["987654307", { ...guest, vmid: 987654307, name, why: "no memory left" }]]) });
    const row = screen.getByTestId("guest-987654307");
    expect(within(row).getByRole("button", { name }).title).toBe(`${name}: no memory left`);
    const table = screen.getByTestId("guest-table");
    expect(table.dataset.ids).toBe("long");
    expect(Number.parseFloat(table.style.getPropertyValue("--id-more"))).toBeGreaterThan(0);
  });
});

const quiet: Pick<ActingView, "kill_switch" | "autonomy"> = {
  kill_switch: { on: false },
  autonomy: { level: 2, hour_used: 0, hour_max: 6, day_used: 0, day_max: 20, quarantined: [], scores: [] },
};

describe("the outcome of an action", () => {
  const done: ActionView = {
    id: "ac1",
    tool: "stop_guest",
    title: "Stop",
    args: { vmid: 107 },
    target: "guest/107",
    vmid: 107,
    tier: "red",
    effect: "stop_guest",
    caller: "human/ann",
    state: "ok",
    log: [],
    asked_ms: NOW - 5000,
    ended_ms: NOW - 1000,
  };
  const view: ActingView = {
    ...quiet,
    approvals: [],
    actions: [done],
  };
  it("stays where the button was for a while, which on a phone is the top", () => {
    useActing.setState({ view, seq: 1 });
    show();
    expect(screen.getByTestId("panel-acting").dataset.fresh).toBe("true");
    act(() => {
      vi.setSystemTime(NOW + 180_000);
      seconds.refresh();
    });
    expect(screen.getByTestId("panel-acting").dataset.fresh).toBeUndefined();
  });
});

describe("what was decided against", () => {
  it("stands where the newest word stands, before what was done earlier", () => {
    const denied = {
      id: "ap9",
      hash: "a".repeat(64),
      tool: "stop_guest",
      title: "Stop",
      args: {},
      target: "guest/107",
      vmid: 107,
      tier: "red",
      effect: "stop_guest",
      proposer: "human/ann",
      objections: [],
      exact_calls: [],
      state: "denied",
      opened_ms: NOW - 30_000,
      expires_ms: NOW + 270_000,
      decided_ms: NOW - 500,
    } as unknown as ActingView["approvals"][number];
    useActing.setState({
      view: {
        ...quiet,
        approvals: [denied],
        actions: [
          {
            id: "ac1",
            tool: "start_guest",
            title: "Start",
            args: {},
            target: "guest/107",
            vmid: 107,
            tier: "yellow",
            effect: "start_guest",
            caller: "human/ann",
            state: "ok",
            log: [],
            asked_ms: NOW - 60_000,
            ended_ms: NOW - 50_000,
          },
        ],
      },
      seq: 1,
    });
    show();
    expect(top("panel-acting", /^(decided|action)-/)).toEqual(["decided-ap9", "action-ac1"]);
  });
});

describe("the blast of a plan", () => {
  it("names once what all of them go down through", () => {
    const through = "node agent1";
    render(
      <Blast
        blast={{
          sentence: "",
          down: [
            { name: "node agent1", node: "agent1" },
            { name: "guest 1", vmid: 1, through },
            { name: "guest 2", vmid: 2, through },
            { name: "guest 3", vmid: 3, through: "storage nas" },
          ],
          degraded: [],
          basis: "",
          includes_jarvis: false,
        }}
      />,
    );
    expect(document.body.textContent).toContain(
      "node agent1, guest 1, guest 2 through node agent1, guest 3 through storage nas",
    );
  });
});

describe("at the door", () => {
  it("a wrong password is called that", async () => {
    render(<LogIn onDone={() => undefined} />);
    fireEvent.submit(screen.getByRole("form"));
    await settle();
    expect(screen.getByRole("alert").textContent).toBe("▲ This password is wrong. Try again.");
  });
  it("a wrong token is called that", async () => {
    render(<SetUp lengthMin={10} onDone={() => undefined} />);
    fireEvent.submit(screen.getByRole("form"));
    await settle();
    expect(screen.getByRole("alert").textContent).toContain("This token is wrong");
  });
});
