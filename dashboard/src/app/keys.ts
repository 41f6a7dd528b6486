// Single keys, off while something is being typed or a sheet is open, and altogether for who wants that.
import { useEffect } from "react";
import { create } from "zustand";
import { togglePaused } from "../ui/motion";
import { nextMode, select, useView } from "../ui/view";
import { beginGo, endGo, goBy, STOPS } from "./go";
import { openSheet } from "./sheetState";
import { closeSide, openSide, useSide } from "./sideState";

export interface Key {
  readonly keys: string;
  readonly does: string;
}

export const KEYS: readonly Key[] = [
  { keys: "Ctrl K", does: "find a node, a guest or a command" },
  { keys: "/", does: "find in the guest list" },
  { keys: "?", does: "this list" },
  { keys: "1 2 3", does: "go to a column" },
  { keys: "J K", does: "down and up in a list" },
  { keys: "Enter", does: "open what has the focus" },
  { keys: ".", does: "actions on the node or guest in that row" },
  { keys: "Esc", does: "close the history of a node or guest" },
  { keys: "Ctrl Shift .", does: "kill switch: stops all acting at once" },
  { keys: "T", does: "the terminal; Ctrl Shift X leaves it" },
  { keys: "M", does: "next mode: jarvis, ops, minimal" },
  { keys: "P", does: "pause or resume what moves by itself" },
];

export const GO_KEYS: readonly Key[] = STOPS.map((s) => ({
  keys: `G ${s.key.toUpperCase()}`,
  does: s.label,
}));

const OFF_KEY = "jarvis.keys";

function keptOff(): boolean {
  try {
    return localStorage.getItem(OFF_KEY) === "off";
  } catch {
    return false;
  }
}

/** Speech input and stray elbows type letters: single keys can be turned off. Chords and Escape always work. */
export const useSingleKeys = create<{ readonly on: boolean }>(() => ({ on: !keptOff() }));

export function setSingleKeys(on: boolean): void {
  useSingleKeys.setState({ on });
  try {
    localStorage.setItem(OFF_KEY, on ? "on" : "off");
  } catch {
    // Storage may be refused; the choice then lasts as long as the page.
  }
}

const typing = (t: EventTarget | null): boolean =>
  t instanceof HTMLElement && t.matches("input, textarea, select, [contenteditable], [data-keys='own'] *");

export function useKeys(on: boolean): void {
  useEffect(() => {
    if (!on) return;
    document.addEventListener("keydown", pressed);
    return () => {
      document.removeEventListener("keydown", pressed);
      endGo();
    };
  }, [on]);
}

function pressed(e: KeyboardEvent): void {
  // From everywhere, a dialog and a terminal included. It only ever stops: releasing takes a hand and a word.
  if ((e.ctrlKey || e.metaKey) && e.shiftKey && e.code === "Period") {
    e.preventDefault();
    document.querySelector<HTMLElement>('.chip.kill[data-on="false"]')?.click();
    return;
  }
  if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k" && !ownKeys(e.target)) {
    e.preventDefault();
    if (document.querySelector("dialog[open]")) return;
    openSheet("palette");
    return;
  }
  if (document.querySelector("dialog[open]") || e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented)
    return;
  if (e.key === "Escape") {
    endGo();
    if (!ownKeys(e.target)) back(e.target);
    return;
  }
  if (typing(e.target) || !useSingleKeys.getState().on) return;
  const key = e.key.toLowerCase();
  if (key === "shift") return;
  if (goBy(key)) {
    e.preventDefault();
    return;
  }
  const act = ACTS[key];
  if (!act) return;
  e.preventDefault();
  act();
}

/** A terminal keeps every key for the shell in it. */
const ownKeys = (t: EventTarget | null): boolean =>
  t instanceof HTMLElement && t.closest("[data-keys='own']") !== null;

const ACTS: Readonly<Record<string, () => void>> = {
  "/": () => document.querySelector<HTMLInputElement>('[data-search="guests"]')?.focus(),
  "?": () => openSheet("help"),
  g: beginGo,
  m: nextMode,
  t: terminal,
  p: togglePaused,
  "1": () => column(1),
  "2": () => column(2),
  "3": () => column(3),
  ".": () =>
    document.activeElement?.closest(".node, .guest")?.querySelector<HTMLElement>(".act-dots")?.click(),
  j: () => move(1),
  k: () => move(-1),
};

function back(target: EventTarget | null): void {
  if (useSide.getState().open && !useView.getState().selection) {
    closeSide();
    document.querySelector<HTMLElement>(".head-side")?.focus();
    return;
  }
  if (target instanceof HTMLInputElement && target.type === "search") {
    target.blur();
    return;
  }
  if (useView.getState().selection) select(null);
}

/** Its column may be folded away; it is there once it has been drawn. */
export function terminal(): void {
  openSide();
  const at = "#terminal .xterm-helper-textarea, #terminal .terminal-offer button";
  requestAnimationFrame(() => {
    document.getElementById("terminal")?.scrollIntoView({ block: "nearest" });
    document.querySelector<HTMLElement>(at)?.focus();
  });
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
