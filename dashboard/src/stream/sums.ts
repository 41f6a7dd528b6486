// Sums over records which the daemon sends one by one: the key numbers of the whole cluster. Pure.
import type { Node } from "../protocol/Node";
import type { Storage } from "../protocol/Storage";
import { byName } from "./byName";
import type { Tables } from "./reduce";

export interface Totals {
  /** Share of all cores of the nodes in sight; null while no node is. */
  readonly cpu: number | null;
  readonly cores: number | null;
  readonly load1: number | null;
  /** Nodes in the other sums whose load is not in this one: it has a source of its own. */
  readonly loadMissing: number;
  readonly memUsedBytes: number | null;
  readonly memTotalBytes: number | null;
  readonly netInBps: number | null;
  readonly netOutBps: number | null;
  /** Nodes whose figures are not in the sums. */
  readonly missing: number;
}

const live = (n: Node): boolean => n.as_of_ms === undefined && n.status === "online";

/** Load is read apart from the rest: a node can be in sight while this is an old one. */
function loadOf(n: Node, sources: Tables["source"]): number | undefined {
  return sources.get(`node/${n.name}`)?.state === "lost" ? undefined : n.load1;
}

export function totals(tables: Tables): Totals {
  let busy = 0;
  let cores = 0;
  let load = 0;
  let loads = 0;
  let loadMissing = 0;
  let memUsed = 0;
  let memTotal = 0;
  let missing = 0;
  for (const n of tables.node.values()) {
    if (!live(n) || n.cpu === undefined || n.cpu_cores === undefined) {
      missing++;
      continue;
    }
    busy += n.cpu * n.cpu_cores;
    cores += n.cpu_cores;
    const load1 = loadOf(n, tables.source);
    if (load1 === undefined) loadMissing++;
    else {
      load += load1;
      loads++;
    }
    if (n.mem_used_bytes !== undefined && n.mem_total_bytes !== undefined) {
      memUsed += n.mem_used_bytes;
      memTotal += n.mem_total_bytes;
    }
  }
  const net = traffic(tables);
  return {
    cpu: cores > 0 ? busy / cores : null,
    cores: cores > 0 ? cores : null,
    load1: loads > 0 ? load : null,
    loadMissing,
    memUsedBytes: memTotal > 0 ? memUsed : null,
    memTotalBytes: memTotal > 0 ? memTotal : null,
    netInBps: net?.inBps ?? null,
    netOutBps: net?.outBps ?? null,
    missing,
  };
}

/** Traffic of the guests together; Proxmox tells none for nodes in its list. */
function traffic(tables: Tables): { inBps: number; outBps: number } | null {
  let inBps = 0;
  let outBps = 0;
  let told = false;
  for (const g of tables.guest.values()) {
    if (g.as_of_ms !== undefined || g.net_in_bps === undefined || g.net_out_bps === undefined) continue;
    inBps += g.net_in_bps;
    outBps += g.net_out_bps;
    told = true;
  }
  return told ? { inBps, outBps } : null;
}

export interface Pool {
  readonly key: string;
  readonly name: string;
  /** Node of a local storage; null for a shared one. */
  readonly node: string | null;
  readonly nodes: readonly string[];
  /** Nodes on which a shared storage is not available now. */
  readonly away: readonly string[];
  /** The one with the newest figures stands for all. */
  readonly best: Storage;
}

/** Shared storages once, local ones per node. */
export function pools(storages: Iterable<Storage>): Pool[] {
  const groups = new Map<string, Storage[]>();
  for (const s of storages) {
    const key = s.shared ? s.storage : `${s.node}/${s.storage}`;
    const group = groups.get(key);
    if (group) group.push(s);
    else groups.set(key, [s]);
  }
  const result: Pool[] = [];
  for (const [key, group] of groups) {
    const best = group.reduce((a, b) => (better(b, a) ? b : a));
    result.push({
      key,
      name: best.storage,
      node: best.shared ? null : best.node,
      nodes: group.map((s) => s.node),
      away: group.filter((s) => s.status !== "available").map((s) => s.node),
      best,
    });
  }
  return result.sort(
    (a, b) =>
      RANK[a.best.health] - RANK[b.best.health] ||
      Number(b.away.length > 0) - Number(a.away.length > 0) ||
      Number(b.best.shared) - Number(a.best.shared) ||
      byName(a.name, b.name) ||
      byName(a.key, b.key),
  );
}

/** What is full before what is merely away somewhere: there is room for a few lines only. */
const RANK: Readonly<Record<Storage["health"], number>> = {
  critical: 0,
  attention: 1,
  unknown: 2,
  off: 3,
  ok: 4,
};

function better(a: Storage, b: Storage): boolean {
  const rank = (s: Storage): number =>
    (s.status === "available" ? 2 : 0) + (s.as_of_ms === undefined ? 1 : 0);
  return rank(a) > rank(b);
}
