// The state of the cluster where only a tab is seen: in its title and in its icon. Pure but for the last function.
import { useEffect } from "react";
import type { Outlook } from "../stream/outlook";
import type { Tables } from "../stream/reduce";
import { SHAPE_CHARACTER } from "../ui/Glyph";

type Health = { readonly health: string };

/** How many things are not well; shown as a number on the icon. */
export function unwell(tables: Pick<Tables, "node" | "guest" | "storage">): number {
  let bad = 0;
  const count = (rows: ReadonlyMap<string, Health>): void => {
    for (const { health } of rows.values()) if (health === "attention" || health === "critical") bad++;
  };
  count(tables.node);
  count(tables.guest);
  count(tables.storage);
  return bad;
}

/** What waits for a person comes before what is unwell: it has an end. */
export function titleOf(o: Outlook, waiting: number): string {
  const wait = waiting > 0 ? `(${waiting}) ` : "";
  return `${wait}${SHAPE_CHARACTER[o.shape]} ${o.headline || "Jarvis"} · Jarvis`;
}

const INK: Readonly<Record<Outlook["shape"], string>> = {
  ok: "#4fd8ff",
  attention: "#ffb84a",
  critical: "#ff6b80",
  unknown: "#8aa4b2",
};

/** Colour alone is not enough on a tab either: the core of the icon has the state's shape. */
const CORE: Readonly<Record<Outlook["shape"], string>> = {
  ok: '<circle cx="16" cy="16" r="5"/>',
  attention: '<path d="M16 9l7 12H9z"/>',
  critical: '<path d="M16 8l8 8-8 8-8-8z"/>',
  unknown: '<path d="M10 14.5h12v3H10z"/>',
};

const COUNT_MAX = 9;

export function iconOf(shape: Outlook["shape"], count: number): string {
  const ink = INK[shape];
  const text = count > COUNT_MAX ? `${COUNT_MAX}+` : String(count);
  const badge =
    count > 0
      ? `<circle cx="23" cy="23" r="9" fill="#04070b"/><circle cx="23" cy="23" r="8" fill="${ink}"/>` +
        `<text x="23" y="27" text-anchor="middle" font-family="sans-serif" font-weight="700" font-size="${text.length > 1 ? 9 : 12}" fill="#04070b">${text}</text>`
      : "";
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#04070b"/>` +
    `<circle cx="16" cy="16" r="11.5" fill="none" stroke="${ink}" stroke-width="3" stroke-dasharray="6 3"/>` +
    `<g fill="${ink}">${CORE[shape]}</g>${badge}</svg>`
  );
}

/** Only what changed is written: a browser fetches a new icon each time. */
export function useTab(title: string, icon: string): void {
  useEffect(() => {
    document.title = title;
  }, [title]);
  useEffect(() => {
    let link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    if (!link) {
      link = document.createElement("link");
      link.rel = "icon";
      document.head.append(link);
    }
    link.type = "image/svg+xml";
    link.href = `data:image/svg+xml,${encodeURIComponent(icon)}`;
  }, [icon]);
}
