// Whether decoration moves: only in jarvis mode, only while nobody paused it, and never against the system's setting.
import { useSyncExternalStore } from "react";
import { create } from "zustand";
import { useView } from "./view";

const KEY = "jarvis.motion";
const REDUCED = "(prefers-reduced-motion: reduce)";

/** Storage may be refused; the choice then lasts as long as the page. */
function keptPaused(): boolean {
  try {
    return localStorage.getItem(KEY) === "paused";
  } catch {
    return false;
  }
}

export const usePaused = create<{ readonly paused: boolean }>(() => ({ paused: keptPaused() }));

export function togglePaused(): void {
  const paused = !usePaused.getState().paused;
  usePaused.setState({ paused });
  try {
    localStorage.setItem(KEY, paused ? "paused" : "moving");
  } catch {
    // See keptPaused.
  }
}

const watchReduced = (changed: () => void): (() => void) => {
  const query = matchMedia(REDUCED);
  query.addEventListener("change", changed);
  return () => query.removeEventListener("change", changed);
};

/** True where the system asks for stillness: then there is nothing to pause. */
export function useReduced(): boolean {
  return useSyncExternalStore(watchReduced, () => matchMedia(REDUCED).matches);
}

export function useMoving(): boolean {
  const mode = useView((v) => v.mode);
  const paused = usePaused((s) => s.paused);
  return !useReduced() && !paused && mode === "jarvis";
}
