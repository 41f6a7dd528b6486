import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Event } from "../protocol/Event";
import type { ServerFrame } from "../protocol/ServerFrame";
import { decodeFrame } from "./decode";
import { EMPTY, KINDS, type Mirror, mergePatch, reduce } from "./reduce";

const line = (id: number): Event => ({
  id,
  ts_ms: id * 1000,
  type: "system",
  severity: "info",
  source: "sys",
  title: `line ${id}`,
});
const hello = (epoch: string): ServerFrame => ({
  type: "hello",
  proto: 1,
  epoch,
  build: "b",
  server_time_ms: 0,
  heartbeat_ms: 15000,
});
const empty = { cluster: {}, node: {}, guest: {}, storage: {}, task: {}, source: {} };
const snap = (seq: number, node: Record<string, unknown>): ServerFrame =>
  ({ type: "snapshot", channel: "cluster", seq, ts_ms: seq, entities: { ...empty, node } }) as ServerFrame;
const change = (
  seq: number,
  up: [string, string, Record<string, unknown>][],
  del: [string, string][] = [],
): ServerFrame => ({ type: "change", channel: "cluster", seq, ts_ms: seq, up, del }) as ServerFrame;
const play = (frames: readonly ServerFrame[], from: Mirror = EMPTY): Mirror =>
  frames.reduce((m, f) => reduce(m, f).mirror, from);
const nodes = (m: Mirror): unknown => Object.fromEntries(m.tables.node);

describe("the reducer", () => {
  it("applies changes in order to the snapshot", () => {
    const m = play([
      hello("a"),
      snap(5, { pve: { name: "pve", cpu: 0.1, why: "x" } }),
      change(6, [["node", "pve", { cpu: 0.2, why: null }]]),
    ]);
    expect(nodes(m)).toEqual({ pve: { name: "pve", cpu: 0.2 } });
    expect(m.clusterSeq).toBe(6);
  });

  it("creates what is new and removes what is gone", () => {
    const m = play([
      hello("a"),
      snap(1, { a: { name: "a" } }),
      change(2, [["node", "b", { name: "b" }]], [["node", "a"]]),
    ]);
    expect(nodes(m)).toEqual({ b: { name: "b" } });
  });

  it("asks for a snapshot at a gap and applies nothing until it comes", () => {
    const before = play([hello("a"), snap(1, { a: { cpu: 1 } })]);
    const step = reduce(before, change(3, [["node", "a", { cpu: 3 }]]));
    expect(step.resync).toBe("cluster");
    expect(step.mirror).toBe(before);
    expect(nodes(play([snap(9, { a: { cpu: 9 } })], step.mirror))).toEqual({ a: { cpu: 9 } });
  });

  it("ignores what it has already applied", () => {
    const m = play([hello("a"), snap(4, { a: { cpu: 4 } })]);
    expect(reduce(m, change(4, [["node", "a", { cpu: 0 }]]))).toEqual({ mirror: m });
  });

  it("applies nothing of a new epoch before its snapshot, and keeps what is on screen", () => {
    const old = play([hello("a"), snap(1, { a: { cpu: 1 } })]);
    const greeted = play([hello("b")], old);
    expect(nodes(greeted)).toEqual({ a: { cpu: 1 } });
    const step = reduce(greeted, change(2, [["node", "a", { cpu: 2 }]]));
    expect(step.resync).toBe("cluster");
    expect(nodes(step.mirror)).toEqual({ a: { cpu: 1 } });
  });

  it("counts a change of unknown kinds but keeps nothing of it", () => {
    const m = play([
      hello("a"),
      snap(1, {}),
      change(2, [["dragon", "x", { fire: true }]], [["dragon", "y"]]),
    ]);
    expect(m.clusterSeq).toBe(2);
    expect(Object.keys(m.tables).sort()).toEqual([...KINDS].sort());
  });

  it("leaves every other record and table as the same object", () => {
    const before = play([hello("a"), snap(1, { a: { cpu: 1 }, b: { cpu: 1 } })]);
    const after = play([change(2, [["node", "a", { cpu: 2 }]])], before);
    expect(after.tables.node.get("b")).toBe(before.tables.node.get("b"));
    expect(after.tables.guest).toBe(before.tables.guest);
    expect(before.tables.node.get("a")).toEqual({ cpu: 1 });
  });

  it("keeps events newest first and joins a snapshot that touches them", () => {
    let m = play([
      { type: "snapshot", channel: "events", seq: 3, ts_ms: 0, events: [line(1), line(2), line(3)] },
    ]);
    m = play([{ type: "event", channel: "events", seq: 4, event: line(4) }], m);
    m = play(
      [{ type: "snapshot", channel: "events", seq: 6, ts_ms: 0, events: [line(4), line(5), line(6)] }],
      m,
    );
    expect(m.events.map((e) => e.id)).toEqual([6, 5, 4, 3, 2, 1]);
  });

  it("drops older events rather than hide a hole between them and a snapshot", () => {
    let m = play([{ type: "snapshot", channel: "events", seq: 3, ts_ms: 0, events: [line(2), line(3)] }]);
    expect(reduce(m, { type: "event", channel: "events", seq: 9, event: line(9) }).resync).toBe("events");
    m = play([{ type: "snapshot", channel: "events", seq: 9, ts_ms: 0, events: [line(8), line(9)] }], m);
    expect(m.events.map((e) => e.id)).toEqual([9, 8]);
  });
});

describe("merge patch", () => {
  it.each([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("RFC 7396, appendix A: %j with %j gives %j", (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result);
  });

  it("cannot reach a prototype", () => {
    const merged = mergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}')) as Record<string, unknown>;
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
  });
});

/** A daemon in miniature: a state, numbered changes, and a snapshot of any moment. */
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("set" as const),
      id: fc.integer({ min: 0, max: 4 }),
      cpu: fc.option(fc.integer({ min: 0, max: 9 }), { nil: null }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("remove" as const), id: fc.integer({ min: 0, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);

describe("any interleaving of lost, doubled and late frames", () => {
  it("ends in the daemon's state once one resync is answered", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(command, fc.constantFrom("deliver", "lose", "double", "hold")), { maxLength: 60 }),
        (steps) => {
          let server: Record<string, Record<string, unknown>> = {};
          let seq = 1;
          let epoch = 1;
          let mirror = play([hello("1"), snap(1, {})]);
          let held: ServerFrame[] = [];
          const take = (f: ServerFrame): void => {
            const step = reduce(mirror, f);
            mirror = step.mirror;
          };
          for (const [c, fate] of steps) {
            if (c.do === "restart") {
              epoch++;
              seq = 1;
              held = [];
              take(hello(String(epoch)));
              take(snap(seq, structuredClone(server)));
              continue;
            }
            const id = `n${c.id}`;
            seq++;
            let frame: ServerFrame;
            if (c.do === "remove") {
              const { [id]: _, ...rest } = server;
              server = rest;
              frame = change(seq, [], [["node", id]]);
            } else {
              const { cpu: _, ...rest } = server[id] ?? {};
              server = { ...server, [id]: c.cpu === null ? rest : { ...rest, cpu: c.cpu } };
              frame = change(seq, [["node", id, { cpu: c.cpu }]]);
            }
            if (fate === "lose") continue;
            if (fate === "hold") {
              held.push(frame);
              continue;
            }
            take(frame);
            if (fate === "double") take(frame);
            for (const f of held.splice(0)) take(f);
          }
          // Whatever is applied is a true state of the past: either ours is current, or the next change shows the gap.
          seq++;
          const probe = reduce(mirror, change(seq, []));
          const end = probe.resync ? play([snap(seq, structuredClone(server))], probe.mirror) : probe.mirror;
          expect(nodes(end)).toEqual(server);
          expect(end.clusterSeq).toBe(seq);
        },
      ),
      { numRuns: 400 },
    );
  });

  it("loses and doubles no event", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 40 }), (delivered) => {
        let m = play([{ type: "snapshot", channel: "events", seq: 0, ts_ms: 0, events: [] }]);
        const all: Event[] = [];
        for (const arrives of delivered) {
          const e = line(all.length + 1);
          all.push(e);
          if (!arrives) continue;
          const step = reduce(m, { type: "event", channel: "events", seq: e.id, event: e });
          m = step.resync
            ? play([{ type: "snapshot", channel: "events", seq: e.id, ts_ms: 0, events: all }], step.mirror)
            : step.mirror;
        }
        const seen = m.events.map((e) => e.id);
        expect(seen).toEqual([...Array(seen[0] ?? 0).keys()].map((i) => i + 1).reverse());
      }),
    );
  });
});

describe("decoding", () => {
  it("never throws and takes only frames it knows", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (raw) => void decodeFrame(raw)));
    expect(decodeFrame('{"type":"chat.piece","text":"x"}')).toBeNull();
    expect(
      decodeFrame('{"type":"change","channel":"cluster","seq":1,"up":[["node","a"]],"del":[]}'),
    ).toBeNull();
    expect(decodeFrame('{"type":"toString"}')).toBeNull();
    expect(decodeFrame('{"type":"lag","channel":"cluster"}')).toEqual({ type: "lag", channel: "cluster" });
  });
});

/** Frames and the state they must give, written by the daemon's own tests. */
const FIXTURES = join(import.meta.dirname, "../../../tests/fixtures/stream/");
const files = ((): string[] => {
  try {
    return readdirSync(FIXTURES).filter((f) => f.endsWith(".json"));
  } catch {
    return [];
  }
})();

describe.runIf(files.length > 0)("frames written by the daemon", () => {
  it.each(files)("%s gives the state it states", (file) => {
    const { frames, entities, seq, events, unknown = [] } = JSON.parse(readFileSync(FIXTURES + file, "utf8"));
    let m = EMPTY;
    for (const [place, f] of frames.entries()) {
      const decoded = decodeFrame(JSON.stringify(f));
      if (unknown.includes(place)) {
        expect(decoded, JSON.stringify(f)).toBeNull();
        continue;
      }
      expect(decoded, JSON.stringify(f).slice(0, 80)).not.toBeNull();
      if (decoded) m = reduce(m, decoded).mirror;
    }
    for (const kind of KINDS) expect(Object.fromEntries(m.tables[kind]), kind).toEqual(entities[kind]);
    if (seq !== undefined) expect(m.clusterSeq).toBe(seq);
    if (events !== undefined) expect(m.events).toEqual([...events].reverse());
  });
});
