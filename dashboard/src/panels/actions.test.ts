import { describe, expect, it } from "vitest";
import recording from "../demo/recording.json";
import type { Guest } from "../protocol/Guest";
import type { Node } from "../protocol/Node";
import type { ServerFrame } from "../protocol/ServerFrame";
import type { SourceState } from "../protocol/SourceState";
import { EMPTY, reduce } from "../stream/reduce";
import { containerDeeds, guestDeeds, nodeDeeds, orderOf } from "./actions";
import { linkedApproval } from "./actSheetState";
import { engines, services, snapshots } from "./choices";

const { tables } = (recording.frames.slice(0, 3) as unknown as ServerFrame[]).reduce(
  (m, f) => reduce(m, f).mirror,
  EMPTY,
);
const guest = tables.guest.get("107") as Guest;
const NOW = Date.parse("2026-11-22T21:47:06Z");
const tools = (g: Guest): string[] => guestDeeds(g, tables, NOW).map((d) => d.tool);

describe("what is offered", () => {
  it.each([
    ["running", ["shutdown_guest", "reboot_guest", "stop_guest", "suspend_guest"], ["start_guest"]],
    ["stopped", ["start_guest"], ["stop_guest", "resume_guest"]],
    ["paused", ["resume_guest", "stop_guest"], ["start_guest"]],
    ["unknown", [], ["start_guest", "stop_guest"]],
  ] as const)("to a guest that is %s", (status, offered, not) => {
    const list = tools({ ...guest, status });
    for (const t of offered) expect(list).toContain(t);
    for (const t of not) expect(list).not.toContain(t);
  });
  it("is nothing to a template", () => expect(tools({ ...guest, template: true })).toEqual([]));
  it("to a node depends on whether it is there", () => {
    const node = tables.node.get("pve") as Node;
    expect(nodeDeeds(node, tables).map((d) => d.tool)).toContain("reboot_node");
    expect(nodeDeeds({ ...node, status: "offline" }, tables).map((d) => d.tool)).toEqual(["wake_node"]);
  });
  it("to a node names what has failed now, never what had failed when its sensors were last seen", () => {
    const node = { ...(tables.node.get("pve") as Node), units_failed: ["smbd.service"] };
    const meant = (state: SourceState) => {
      const id = "sensors/pve";
      const source = new Map([[id, { id, state, interval_ms: 60_000, seen_ms: NOW }]]);
      return nodeDeeds(node, { source }).find((d) => d.tool === "restart_service")?.fields[0]?.value;
    };
    expect([meant("fresh"), meant("late"), meant("lost")]).toEqual(["smbd", "smbd", ""]);
  });
  it("never migrates to where it is, and backs up only to what takes backups there", () => {
    const deeds = guestDeeds(guest, tables, NOW);
    const to = deeds.find((d) => d.tool === "migrate_guest")?.fields[0];
    expect(to?.options).not.toContain(guest.node);
    expect(to?.options.length).toBeGreaterThan(0);
    const storage = deeds.find((d) => d.tool === "start_backup")?.fields[0];
    for (const name of storage?.options ?? [])
      expect(tables.storage.get(`${guest.node}/${name}`)?.content).toContain("backup");
  });
});

describe("lists that are asked for", () => {
  it("services: what failed first, by bare name, each once", () => {
    const list = services({
      services: [
        { name: "pveproxy", state: "running", active: "active" },
        { name: "cron", active: "active" },
        { name: "smbd", active: "failed" },
        { odd: true },
      ],
      failed_units: ["smbd.service", 7],
    });
    expect(list?.map((c) => `${c.value} ${c.about}`)).toEqual([
      "smbd failed",
      "cron active",
      "pveproxy active",
    ]);
    expect(services({ services_unread: "no", failed_units_unread: "no" })).toBeNull();
    expect(services("no")).toBeNull();
  });
  it("snapshots: the youngest first", () => {
    const list = snapshots({
      snapshots: [{ name: "old", age_h: 50 }, { name: "new", age_h: 2 }, { name: "odd" }],
    });
    expect(list?.map((c) => c.value)).toEqual(["new", "old", "odd"]);
    expect(list?.[0]?.about).toMatch(/^2\sh old$/);
    expect(snapshots({ snapshots: [] })).toEqual([]);
    expect(snapshots({ snapshots_unread: "timed out" })).toBeNull();
  });
  it("containers: by engine, with the reason where one could not be read", () => {
    const list = engines({
      hosts: [
        { host: "b", unread: "refused" },
        {
          host: "a",
          containers: [{ name: "web", state: "exited", status: "Exited (0)", may_change: true }, {}],
        },
      ],
    });
    expect(list?.[0]).toEqual({ host: "b", containers: [], unread: "refused" });
    expect(list?.[1]?.containers).toEqual([
      { host: "a", name: "web", running: false, image: "", status: "Exited (0)", mayChange: true },
    ]);
    const tools = (running: boolean) =>
      containerDeeds({ host: "a", name: "web", running }).map((d) => d.tool);
    expect(tools(false)).toEqual(["docker_start"]);
    expect(tools(true)).toEqual(["docker_restart", "docker_stop"]);
  });
});

describe("an order", () => {
  it("has the arguments of the catalogue, and is none while a field is empty", () => {
    const snap = guestDeeds(guest, tables, NOW).find((d) => d.tool === "create_snapshot");
    if (!snap) throw new Error("no snapshot");
    expect(orderOf(snap, {})).toEqual({
      tool: "create_snapshot",
      args: { vmid: 107, name: "jarvis_20261122_2147" },
    });
    expect(String(orderOf(snap, {})?.args.name)).toMatch(/^[A-Za-z][A-Za-z0-9_-]{1,39}$/);
    expect(orderOf(snap, { name: " " })).toBeNull();
    const stop = containerDeeds({ host: "nas", name: "web", running: true }).find(
      (d) => d.tool === "docker_stop",
    );
    expect(stop && orderOf(stop, {})).toEqual({ tool: "docker_stop", args: { host: "nas", name: "web" } });
  });
});

describe("the link of a message", () => {
  it.each([
    ["#/approvals/abc", "abc"],
    ["#/approvals/a%2Fb", "a/b"],
    ["#/approvals/", null],
    ["#/approvals/a/b", null],
    ["#/other/abc", null],
    ["#/approvals/%E0%A4%A", null],
    ["", null],
  ])("%s names %s", (hash, id) => expect(linkedApproval(hash)).toBe(id));
});
