// Which guests are shown and in which order. Pure.

import type { Guest } from "../protocol/Guest";
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

export function finds(g: Guest, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const text = [String(g.vmid), guestName(g), g.node, g.status, g.pool ?? "", ...g.tags]
    .join(" ")
    .toLowerCase();
  return words.every((w) => text.includes(w));
}

const share = (used: number | undefined, total: number | undefined): number =>
  used !== undefined && total !== undefined && total > 0 ? used / total : -1;

const COMPARE: Readonly<Record<SortBy, (a: Guest, b: Guest) => number>> = {
  vmid: () => 0,
  name: (a, b) => guestName(a).localeCompare(guestName(b)),
  node: (a, b) => a.node.localeCompare(b.node),
  // Compared in whole percent, as shown: rows must not change places for what nobody can see.
  cpu: (a, b) => Math.round((a.cpu ?? -1) * 100) - Math.round((b.cpu ?? -1) * 100),
  mem: (a, b) =>
    Math.round(share(a.mem_used_bytes, a.mem_total_bytes) * 100) -
    Math.round(share(b.mem_used_bytes, b.mem_total_bytes) * 100),
};

/** What is unwell comes first unless a figure is asked for; equal ones by number. */
export function arrange(guests: Iterable<Guest>, filter: Filter, search: string, sort: Sort): string[] {
  const kept: Guest[] = [];
  for (const g of guests) if (matches(g, filter) && finds(g, search)) kept.push(g);
  const sign = sort.down ? -1 : 1;
  const worstFirst = sort.by === "vmid" && !sort.down;
  kept.sort(
    (a, b) =>
      (worstFirst ? Number(hasIssue(b)) - Number(hasIssue(a)) : 0) ||
      sign * (COMPARE[sort.by](a, b) || a.vmid - b.vmid),
  );
  return kept.map((g) => String(g.vmid));
}
