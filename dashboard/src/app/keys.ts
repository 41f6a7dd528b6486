// Single keys, off while something is being typed or a sheet is open.
import { useEffect } from "react";
import { nextMode, select, useView } from "../ui/view";
import { openSheet, useSheet } from "./sheetState";

export const KEYS = [
  { keys: "Ctrl K", does: "find a node, a guest or a command" },
  { keys: "/", does: "find in the guest list" },
  { keys: "?", does: "this list" },
  { keys: "1 2 3", does: "go to a column" },
  { keys: "J K", does: "down and up in a list" },
  { keys: "Enter", does: "open what has the focus" },
  { keys: "Esc", does: "close the history of a node or guest" },
  { keys: "M", does: "next mode: jarvis, ops, minimal" },
] as const;

const typing = (t: EventTarget | null): boolean =>
  t instanceof HTMLElement && t.matches("input, textarea, select, [contenteditable]");

export function useKeys(on: boolean): void {
  useEffect(() => {
    if (!on) return;
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, [on]);
}

function pressed(e: KeyboardEvent): void {
  if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") {
    e.preventDefault();
    openSheet("palette");
    return;
  }
  if (useSheet.getState().open || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === "Escape") {
    back(e.target);
    return;
  }
  if (typing(e.target)) return;
  const act = ACTS[e.key.toLowerCase()];
  if (!act) return;
  e.preventDefault();
  act();
}

const ACTS: Readonly<Record<string, () => void>> = {
  "/": () => document.querySelector<HTMLInputElement>('[data-search="guests"]')?.focus(),
  "?": () => openSheet("help"),
  m: nextMode,
  "1": () => column(1),
  "2": () => column(2),
  "3": () => column(3),
  j: () => move(1),
  k: () => move(-1),
};

function back(target: EventTarget | null): void {
  if (target instanceof HTMLInputElement && target.type === "search") {
    target.blur();
    return;
  }
  if (useView.getState().selection) select(null);
}

function column(n: number): void {
  const box = document.getElementById(`column-${n}`);
  const first = box?.querySelector<HTMLElement>("[data-item], button, [tabindex='0']");
  first?.focus();
}

/** Between the items of the list which has the focus, or the guests. */
function move(by: number): void {
  const here =
    document.activeElement?.closest("[data-list]") ?? document.querySelector('[data-list="guests"]');
  if (!here) return;
  const items = [...here.querySelectorAll<HTMLElement>("[data-item]")].sort(
    (a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top,
  );
  const at = document.activeElement instanceof HTMLElement ? items.indexOf(document.activeElement) : -1;
  const next = items[at === -1 ? 0 : at + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
