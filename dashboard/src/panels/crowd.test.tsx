// What ten thousand guests cost, counted in work and not in milliseconds.
import { act, render, screen, waitFor } from "@testing-library/react";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Screen } from "../app/Screen";
import type { Guest } from "../protocol/Guest";
import type { Node } from "../protocol/Node";
import type { ServerFrame } from "../protocol/ServerFrame";
import { EMPTY, type Mirror, reduce } from "../stream/reduce";
import { answerFrom } from "../stream/rest";
import { resetStream, useStream } from "../stream/store";
import { urgent } from "../stream/urgent";
import { Guests } from "./Guests";
import { sceneOf } from "./globeScene";
import { arrange, countsOf, FILTERS, SORTS } from "./guestOrder";

const drawn = vi.hoisted(() => ({ tables: 0 }));
vi.mock("@tanstack/react-virtual", async (original) => {
  const real = await original<typeof import("@tanstack/react-virtual")>();
  return {
    ...real,
    useVirtualizer: (options: Parameters<typeof real.useVirtualizer>[0]) => {
      drawn.tables++;
      return real.useVirtualizer(options);
    },
  };
});

const MANY = 10_000;
const guest = (vmid: number, more: Partial<Guest> = {}): Guest =>
  ({
    vmid,
    name: `g${vmid % 97}`,
    kind: vmid % 3 === 0 ? "lxc" : "qemu",
    node: `pve${vmid % 4}`,
    status: "running",
    health: "ok",
    template: false,
    tags: [],
    cpu: 0.1,
    cpu_cores: 2,
    mem_used_bytes: 1e9,
    mem_total_bytes: 4e9,
    net_in_bps: 1000,
    net_out_bps: 1000,
    ...more,
  }) as Guest;
const tableOf = (guests: readonly Guest[]): Map<string, Guest> =>
  new Map(guests.map((g) => [String(g.vmid), g]));
const crowd = (): Map<string, Guest> => tableOf(Array.from({ length: MANY }, (_, i) => guest(100 + i)));
const showing = (guests: ReadonlyMap<string, Guest>): Mirror => ({
  ...EMPTY,
  epoch: "a",
  clusterSeq: 1,
  clusterTsMs: 1,
  tables: { ...EMPTY.tables, guest: guests },
});
const moveAll = (seq: number, patch: (vmid: number) => Partial<Guest>): ServerFrame => ({
  type: "change",
  channel: "cluster",
  seq,
  ts_ms: seq,
  up: [...Array(MANY).keys()].map((i) => ["guest", String(100 + i), patch(100 + i)]),
  del: [],
});

describe("the list of ten thousand guests", () => {
  beforeEach(() => act(resetStream));
  afterEach(() => act(resetStream));

  it("is not drawn again when all of them move but none changes its place", () => {
    const before = showing(crowd());
    useStream.setState({ mirror: before, link: { state: "live" } });
    render(<Guests />);
    const rows = screen.getByTestId("guest-table").querySelectorAll('[role="row"]').length;
    expect(rows).toBeLessThan(60);
    drawn.tables = 0;
    const { mirror } = reduce(
      before,
      moveAll(2, (vmid) => ({ cpu: 0.42, net_in_bps: vmid })),
    );
    act(() => useStream.setState({ mirror }));
    expect(screen.getByTestId("guest-100").textContent).toContain("42");
    expect(drawn.tables).toBe(0);
    expect(mirror.tables.node).toBe(before.tables.node);
  });

  it("is drawn again when one falls ill, which then comes first", () => {
    const before = showing(crowd());
    useStream.setState({ mirror: before, link: { state: "live" } });
    render(<Guests />);
    const { mirror } = reduce(before, {
      type: "change",
      channel: "cluster",
      seq: 2,
      ts_ms: 2,
      up: [["guest", "9000", { health: "critical", why: "down" }]],
      del: [],
    });
    act(() => useStream.setState({ mirror }));
    expect(screen.getByTestId("guest-9000").getAttribute("aria-rowindex")).toBe("2");
  });
});

describe("the first picture", () => {
  it("is the answer and the machines; the lists follow in a piece of their own", async () => {
    answerFrom(async () => Response.json({ items: [], next_cursor: null, buckets: [] }));
    render(<Screen onOut={() => undefined} locked={false} />);
    const act = Object.getOwnPropertyDescriptor(globalThis, "IS_REACT_ACT_ENVIRONMENT");
    Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: false });
    try {
      const node = { name: "pve0", status: "online", health: "ok" } as Node;
      const { tables } = showing(crowd());
      useStream.setState({
        mirror: { ...showing(crowd()), tables: { ...tables, node: new Map([["pve0", node]]) } },
        link: { state: "live" },
      });
      await Promise.resolve();
      expect(screen.getByTestId("node-pve0")).toBeTruthy();
      expect(screen.queryByTestId("guest-table")).toBeNull();
      // Ten thousand of them, on a machine that has other work.
      await waitFor(() => expect(screen.getByTestId("guest-100")).toBeTruthy(), { timeout: 10_000 });
    } finally {
      if (act) Object.defineProperty(globalThis, "IS_REACT_ACT_ENVIRONMENT", act);
    }
  }, 20_000);
});

describe("the order of the guests", () => {
  const some = fc.array(
    fc.record({
      vmid: fc.integer({ min: 100, max: 140 }),
      name: fc.constantFrom("a", "B", "ä", "z 1"),
      node: fc.constantFrom("pve1", "pve2"),
      health: fc.constantFrom("ok", "critical", "off") as fc.Arbitrary<Guest["health"]>,
      cpu: fc.constantFrom(0.1, 0.104, 0.5),
    }),
    { maxLength: 30 },
  );
  const question = fc.record({
    filter: fc.constantFrom(...FILTERS.map((f) => f.id)),
    search: fc.constantFrom("", "a", "PVE1", "1 z"),
    sort: fc.record({ by: fc.constantFrom(...SORTS.map((s) => s.by)), down: fc.boolean() }),
  });

  it("is the same whatever the order was before, and the very same list when nothing moved", () => {
    fc.assert(
      fc.property(some, some, question, (now, was, { filter, search, sort }) => {
        const table = tableOf(now.map((g) => guest(g.vmid, g)));
        const before = arrange(tableOf(was.map((g) => guest(g.vmid, g))), filter, search, sort);
        const fresh = arrange(table, filter, search, sort);
        const after = arrange(table, filter, search, sort, before);
        expect(after).toEqual(fresh);
        expect(arrange(new Map(table), filter, search, sort, after)).toBe(after);
      }),
    );
  });

  it("counts for each filter what the filter shows", () => {
    fc.assert(
      fc.property(some, (list) => {
        const table = tableOf(list.map((g) => guest(g.vmid, g)));
        const counts = countsOf(table.values());
        const sort = { by: "vmid", down: false } as const;
        for (const { id } of FILTERS) expect(counts[id]).toBe(arrange(table, id, "", sort).length);
      }),
    );
  });
});

describe("the globe of ten thousand guests", () => {
  const nodes = [0, 1, 2, 3].map((i) => ({ name: `pve${i}`, status: "online" }) as Node);
  const facts = (guests: ReadonlyMap<string, Guest>) => ({
    nodes,
    guests: guests.values(),
    linked: true,
    dark: false,
  });

  it("is the same scene while nothing that it shows has changed, so that nothing is sent to the worker", () => {
    const first = sceneOf(facts(crowd()));
    const moved = new Map([...crowd()].map(([id, g]) => [id, { ...g, cpu: 0.9, net_in_bps: 1001 }]));
    expect(sceneOf(facts(moved), first)).toBe(first);
  });

  it("keeps the places when only looks change, and finds new ones when a guest moves", () => {
    const first = sceneOf(facts(crowd()));
    const ill = sceneOf(facts(crowd().set("200", guest(200, { health: "critical" }))), first);
    expect(ill).not.toBe(first);
    expect(ill.places).toBe(first.places);
    expect([...ill.shape].filter((s) => s !== 0)).toHaveLength(1);
    const away = sceneOf(facts(crowd().set("200", guest(200, { node: "pve3" }))), first);
    expect(away.places).not.toBe(first.places);
    expect(away.places.hub[100]).toBe(3);
  });
});

describe("what must be shown at once", () => {
  const up = (kind: string, patch: object): ServerFrame =>
    ({
      type: "change",
      channel: "cluster",
      seq: 1,
      ts_ms: 1,
      up: [[kind, "x", patch]],
      del: [],
    }) as ServerFrame;
  it.each([
    ["figures of a guest", up("guest", { cpu: 0.2, net_in_bps: 4, started_ms: 5 }), false],
    ["how well a source is seen", up("source", { state: "late", interval_ms: 5, seen_ms: 6 }), false],
    ["a guest's health", up("guest", { cpu: 0.2, health: "critical" }), true],
    ["a node's status", up("node", { status: "offline" }), true],
  ])("%s", (_, frame, now) => {
    expect(urgent(frame)).toBe(now);
  });
});
