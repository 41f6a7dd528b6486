// Deeds by their names: "stop nextcloud", "wake pve". Made for what was typed, as all of them for all guests are many.
import type { Deed } from "../panels/actions";
import { guestDeeds, nodeDeeds } from "../panels/actions";
import type { Tables } from "../stream/reduce";

/** One letter names nothing yet. */
const VERB_LENGTH_MIN = 2;

export interface PaletteDeed {
  readonly key: string;
  readonly about: string;
  readonly deed: Deed;
}

/** The first word begins a deed's name, the others are found in its target. */
export function deedsFor(
  words: readonly string[],
  tables: Pick<Tables, "node" | "guest" | "storage" | "source">,
  nowMs: number,
  most: number,
): readonly PaletteDeed[] {
  const [verb, ...rest] = words;
  if (verb === undefined || verb.length < VERB_LENGTH_MIN) return [];
  const found: PaletteDeed[] = [];
  const take = (key: string, about: string, text: string, deeds: () => readonly Deed[]): void => {
    if (found.length >= most || !rest.every((w) => text.toLowerCase().includes(w))) return;
    for (const deed of deeds())
      if (deed.label.toLowerCase().startsWith(verb)) found.push({ key: `${deed.tool} ${key}`, about, deed });
  };
  for (const n of tables.node.values()) take(n.name, "node", n.name, () => nodeDeeds(n, tables));
  for (const g of tables.guest.values())
    take(
      String(g.vmid),
      `${g.kind === "lxc" ? "CT" : "VM"} on ${g.node}`,
      `${g.name ?? ""} ${g.vmid} ${g.node}`,
      () => guestDeeds(g, tables, nowMs),
    );
  return found.slice(0, most);
}
