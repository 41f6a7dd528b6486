import { describe, expect, it } from "vitest";
import recording from "../demo/recording.json";
import type { Node } from "../protocol/Node";
import type { ServerFrame } from "../protocol/ServerFrame";
import type { Source } from "../protocol/Source";
import { EMPTY, reduce, type Tables } from "./reduce";
import { totals } from "./sums";

const { tables } = (recording.frames.slice(0, 3) as unknown as ServerFrame[]).reduce(
  (m, f) => reduce(m, f).mirror,
  EMPTY,
);
const names = [...tables.node.keys()];
const [first = "", ...others] = names;

/** Every node has a load of one. */
function cluster(states: Readonly<Record<string, Source["state"]>>, more: Partial<Node> = {}): Tables {
  const node = new Map([...tables.node].map(([name, n]): [string, Node] => [name, { ...n, load1: 1 }]));
  node.set(first, { ...(node.get(first) as Node), ...more });
  const source = new Map(tables.source);
  for (const [name, state] of Object.entries(states)) {
    const was = source.get(`node/${name}`) as Source;
    source.set(`node/${name}`, { ...was, state });
  }
  return { ...tables, node, source };
}

describe("the load of the cluster", () => {
  it("is that of all nodes while all are seen, or seen late", () => {
    expect(totals(cluster({}))).toMatchObject({ load1: names.length, loadMissing: 0, missing: 0 });
    expect(totals(cluster({ [first]: "late" }))).toMatchObject({ load1: names.length, loadMissing: 0 });
  });
  it("leaves out a node whose detail is lost, and says so; its other figures stay in their sums", () => {
    const whole = totals(cluster({}));
    const sum = totals(cluster({ [first]: "lost" }));
    expect(sum).toMatchObject({ load1: others.length, loadMissing: 1, missing: 0 });
    expect([sum.cpu, sum.memUsedBytes]).toEqual([whole.cpu, whole.memUsedBytes]);
  });
  it("is not known when that of every node is lost", () => {
    const all = Object.fromEntries(names.map((n) => [n, "lost"] as const));
    expect(totals(cluster(all))).toMatchObject({ load1: null, loadMissing: names.length });
  });
  it("does not count a node twice that is out of sight as a whole", () => {
    const sum = totals(cluster({ [first]: "lost" }, { as_of_ms: 1 }));
    expect(sum).toMatchObject({ load1: others.length, loadMissing: 0, missing: 1 });
  });
});
