// Which guests are shown and in which order. Pure.

import type { Guest } from "../protocol/Guest";
import { byName } from "../stream/byName";
import { plain } from "../ui/plain";

export type Filter = "all" | "vm" | "ct" | "issues";
export type SortBy = "vmid" | "name" | "node" | "cpu" | "mem";

export interface Sort {
  readonly by: SortBy;
  readonly down: boolean;
}

export const FILTERS: readonly { readonly id: Filter; readonly label: string }[] = [
  { id: "all", label: "All" },
  { id: "vm", label: "VM" },
  { id: "ct", label: "CT" },
  { id: "issues", label: "Issues" },
];

export const SORTS: readonly { readonly by: SortBy; readonly label: string; readonly about: string }[] = [
  { by: "vmid", label: "ID", about: "number" },
  { by: "name", label: "Name", about: "name" },
  { by: "node", label: "Node", about: "node" },
  { by: "cpu", label: "CPU", about: "processor use" },
  { by: "mem", label: "Mem", about: "memory use" },
];

export const guestName = (g: Guest): string => (g.name === undefined ? `guest ${g.vmid}` : plain(g.name));
export const hasIssue = (g: Guest): boolean =>
  g.health === "attention" || g.health === "critical" || g.health === "unknown";

export function matches(g: Guest, filter: Filter): boolean {
  switch (filter) {
    case "all":
      return true;
    case "vm":
      return g.kind === "qemu";
    case "ct":
      return g.kind === "lxc";
    case "issues":
      return hasIssue(g);
  }
}

/** What is looked for, read once for all guests; null finds every guest. */
function finder(search: string): ((g: Guest) => boolean) | null {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  return (g) => {
    const text = [String(g.vmid), guestName(g), g.node, g.status, g.pool ?? "", ...g.tags]
      .join(" ")
      .toLowerCase();
    return words.every((w) => text.includes(w));
  };
}

/** How many guests each filter shows, in one walk over them. */
export function countsOf(guests: Iterable<Guest>): Readonly<Record<Filter, number>> {
  const counts = { all: 0, vm: 0, ct: 0, issues: 0 };
  for (const g of guests) {
    counts.all++;
    if (g.kind === "qemu") counts.vm++;
    else counts.ct++;
    if (hasIssue(g)) counts.issues++;
  }
  return counts;
}

export function templatesOf(guests: Iterable<Guest>): number {
  let n = 0;
  for (const g of guests) if (g.template) n++;
  return n;
}

const share = (used: number | undefined, total: number | undefined): number =>
  used !== undefined && total !== undefined && total > 0 ? used / total : -1;

/** What a guest is ordered by, found once and not at each comparison. */
const KEY: Readonly<Record<SortBy, (g: Guest) => string | number>> = {
  vmid: (g) => g.vmid,
  name: guestName,
  node: (g) => g.node,
  // In whole percent, as shown: rows must not change places for what nobody can see.
  cpu: (g) => Math.round((g.cpu ?? -1) * 100),
  mem: (g) => Math.round(share(g.mem_used_bytes, g.mem_total_bytes) * 100),
};

interface Placed {
  readonly vmid: number;
  readonly key: string | number;
  readonly issue: boolean;
}

const compareKeys = (a: string | number, b: string | number): number =>
  typeof a === "number" && typeof b === "number" ? a - b : byName(String(a), String(b));

/**
 * What is unwell comes first unless a figure is asked for; equal ones by number.
 * `before` is the last answer: ten thousand guests hardly change places in a second, and what is nearly in order is
 * soon in order. It is given back itself when nothing moved, so that nothing is drawn for that.
 */
export function arrange(
  guests: ReadonlyMap<string, Guest>,
  filter: Filter,
  search: string,
  sort: Sort,
  before: readonly string[] = [],
): readonly string[] {
  const found = finder(search);
  const keyOf = KEY[sort.by];
  const kept = new Map<string, Placed>();
  const put = (id: string, g: Guest | undefined): void => {
    if (!g || !matches(g, filter) || (found && !found(g))) return;
    kept.set(id, { vmid: g.vmid, key: keyOf(g), issue: hasIssue(g) });
  };
  for (const id of before) put(id, guests.get(id));
  for (const [id, g] of guests) if (!kept.has(id)) put(id, g);
  const sign = sort.down ? -1 : 1;
  const worstFirst = sort.by === "vmid" && !sort.down;
  const order = [...kept].sort(
    ([, a], [, b]) =>
      (worstFirst ? Number(b.issue) - Number(a.issue) : 0) ||
      sign * (compareKeys(a.key, b.key) || a.vmid - b.vmid),
  );
  if (order.length === before.length && order.every(([id], i) => id === before[i])) return before;
  return order.map(([id]) => id);
}
