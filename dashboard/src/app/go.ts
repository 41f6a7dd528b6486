// "G, then a letter": where each letter leads. The second key must come soon, as two keys typed apart are two keys.
import { create } from "zustand";
import { select } from "../ui/view";
import { isFolded, openSide } from "./sideState";

export interface Stop {
  readonly key: string;
  readonly label: string;
  readonly to: string;
}

export const STOPS: readonly Stop[] = [
  { key: "o", label: "overview of the cluster", to: "overview" },
  { key: "n", label: "nodes", to: "nodes" },
  { key: "g", label: "guests", to: "guests" },
  { key: "s", label: "storage", to: "storage" },
  { key: "a", label: "activity", to: "activity" },
  { key: "t", label: "tasks", to: "tasks" },
  { key: "h", label: "history", to: "history" },
];

const WINDOW_MS = 1500;

interface Going {
  readonly open: boolean;
}

export const useGoing = create<Going>(() => ({ open: false }));
let timer: ReturnType<typeof setTimeout> | undefined;

export function beginGo(): void {
  clearTimeout(timer);
  useGoing.setState({ open: true });
  timer = setTimeout(endGo, WINDOW_MS);
}

export function endGo(): void {
  clearTimeout(timer);
  if (useGoing.getState().open) useGoing.setState({ open: false });
}

/** True when the key was the second of two, whether or not it leads anywhere. */
export function goBy(key: string): boolean {
  if (!useGoing.getState().open) return false;
  endGo();
  const stop = STOPS.find((s) => s.key === key);
  if (stop) goTo(stop.to);
  return true;
}

const FIRST = "[data-item], input, button, select, a[href], [tabindex='0']";

/** Shows a panel and gives the focus to the first thing in it. */
export function goTo(name: string): void {
  if (name === "overview") select(null);
  const panel = document.getElementById(name === "overview" ? "history" : name);
  if (!panel) return;
  if (panel.closest(".right") && isFolded()) {
    openSide();
    requestAnimationFrame(() => show(panel));
  } else show(panel);
}

function show(panel: HTMLElement): void {
  panel.scrollIntoView({ block: "nearest" });
  const items = panel.querySelector<HTMLElement>("[data-item]") ?? panel.querySelector<HTMLElement>(FIRST);
  (items ?? panel).focus({ preventScroll: items === null });
}
