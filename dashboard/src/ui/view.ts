// What the operator has chosen to see: mode, selection, wall. The mode is kept; the selection is the address.
import { create } from "zustand";

export const MODES = ["jarvis", "ops", "minimal"] as const;
export type Mode = (typeof MODES)[number];

export interface Selection {
  readonly kind: "node" | "guest" | "task";
  readonly id: string;
}

export interface View {
  readonly mode: Mode;
  readonly wall: boolean;
  readonly selection: Selection | null;
}

const MODE_KEY = "jarvis.mode";
const asMode = (v: string | null): Mode | undefined => MODES.find((m) => m === v);

/** Storage may be refused; the choice then lasts as long as the page. */
function keptMode(): Mode | undefined {
  try {
    return asMode(localStorage.getItem(MODE_KEY));
  } catch {
    return undefined;
  }
}

const KIND_OF: Readonly<Record<string, Selection["kind"]>> = { n: "node", g: "guest", t: "task" };

export function selectionOf(path: string): Selection | null {
  const [, letter, id] = path.match(/^\/([ngt])\/([^/]+)$/) ?? [];
  const kind = KIND_OF[letter ?? ""];
  if (!kind || !id) return null;
  try {
    return { kind, id: decodeURIComponent(id) };
  } catch {
    return null;
  }
}

export function pathOf(s: Selection | null): string {
  return s ? `/${s.kind.charAt(0)}/${encodeURIComponent(s.id)}` : "/";
}

const asked = new URLSearchParams(location.search);

export const useView = create<View>(() => ({
  mode: asMode(asked.get("mode")) ?? keptMode() ?? "jarvis",
  wall: asked.has("wall"),
  selection: selectionOf(location.pathname),
}));

export function setMode(mode: Mode): void {
  useView.setState({ mode });
  try {
    localStorage.setItem(MODE_KEY, mode);
  } catch {
    // See keptMode.
  }
}

export function nextMode(): void {
  const at = MODES.indexOf(useView.getState().mode);
  setMode(MODES[(at + 1) % MODES.length] ?? "jarvis");
}

export function select(selection: Selection | null): void {
  const before = useView.getState().selection;
  if (before?.kind === selection?.kind && before?.id === selection?.id) return;
  history.pushState(null, "", pathOf(selection) + location.search);
  useView.setState({ selection });
}

addEventListener("popstate", () => useView.setState({ selection: selectionOf(location.pathname) }));
