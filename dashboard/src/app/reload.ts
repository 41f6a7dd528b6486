// When the page loads itself anew: it no longer fits what is served. What nobody can mend by that is not tried for ever.
import { useEffect, useRef } from "react";
import { useStream } from "../stream/store";

/** A daemon of another build may speak of things this page does not know. */
export function useReloadOnNewBuild(): void {
  const build = useStream((s) => s.mirror.build);
  const first = useRef<string | null>(null);
  useEffect(() => {
    if (build === null) return;
    first.current ??= build;
    if (build !== first.current) location.reload();
  }, [build]);
}

/** An upgrade may keep the name of the build and still replace the files that this page has not loaded yet. */
export function useReloadOnMissingFile(): void {
  useEffect(() => {
    const reload = (): void => {
      // Without a network every file is missing, and a reload would take away the page that waits for it.
      if (useStream.getState().link.state === "live" && firstInAWhile()) location.reload();
    };
    addEventListener("vite:preloadError", reload);
    return () => removeEventListener("vite:preloadError", reload);
  }, []);
}

/** Outlives the reload, and not the tab. */
const TRIED_KEY = "jarvis.reload.tried";
/** A file that is missing after a reload too is missing on the server: no upgrade follows another so soon. */
const AGAIN_MS = 10 * 60_000;

function firstInAWhile(): boolean {
  const nowMs = Date.now();
  try {
    const triedMs = Number(sessionStorage.getItem(TRIED_KEY) ?? Number.NEGATIVE_INFINITY);
    // A clock that was set back must not put the next try off for hours.
    if (Math.abs(nowMs - triedMs) < AGAIN_MS) return false;
    sessionStorage.setItem(TRIED_KEY, String(nowMs));
    return true;
  } catch {
    // Storage may be refused. What cannot be remembered could be tried without end.
    return false;
  }
}
