// A screen on a wall: scaled to be read from three metres, never burning in, never asleep, with no pointer.
import { useEffect } from "react";
import { seconds, serverNowMs } from "../stream/clock";
import { useStream } from "../stream/store";

/** Size of the composition before scaling. */
const WIDTH_PX = 1010;
const HEIGHT_PX = 568;
const ORBIT_EVERY_MS = 60_000;
const ORBIT: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, 0],
  [2, 1],
  [3, 2],
  [2, 3],
  [1, 2],
  [0, 1],
  [-1, 0],
  [-2, -1],
  [-3, -2],
  [-2, -3],
  [-1, -2],
  [0, -1],
];
const POINTER_HIDES_MS = 5_000;
const DIM_AFTER_MS = 600_000;

export function useWall(on: boolean): void {
  useEffect(() => {
    if (!on) return;
    const stops = [scale(), orbit(), hidePointer(), stayAwake()];
    return () => {
      for (const stop of stops) stop();
    };
  }, [on]);
}

function scale(): () => void {
  const apply = (): void =>
    document.documentElement.style.setProperty(
      "--wall-zoom",
      Math.min(innerWidth / WIDTH_PX, innerHeight / HEIGHT_PX).toFixed(3),
    );
  apply();
  addEventListener("resize", apply);
  return () => removeEventListener("resize", apply);
}

/** A step a minute, and dim after ten quiet ones. */
function orbit(): () => void {
  return seconds.subscribe(() => {
    const root = document.documentElement;
    const now = serverNowMs();
    const [x, y] = ORBIT[Math.floor(now / ORBIT_EVERY_MS) % ORBIT.length] ?? [0, 0];
    root.style.setProperty("--orbit", `${x}px ${y}px`);
    const { events, tables } = useStream.getState().mirror;
    const well = tables.cluster.get("cluster")?.health === "ok";
    root.toggleAttribute("data-dim", well && now - (events[0]?.ts_ms ?? now) > DIM_AFTER_MS);
  });
}

function hidePointer(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const moved = (): void => {
    document.documentElement.removeAttribute("data-no-pointer");
    clearTimeout(timer);
    timer = setTimeout(
      () => document.documentElement.toggleAttribute("data-no-pointer", true),
      POINTER_HIDES_MS,
    );
  };
  moved();
  addEventListener("pointermove", moved);
  return () => {
    clearTimeout(timer);
    removeEventListener("pointermove", moved);
  };
}

/** Only a secure page may; elsewhere the display's own setting decides. */
function stayAwake(): () => void {
  const ask = (): void => {
    if (!document.hidden) void navigator.wakeLock?.request("screen").catch(() => undefined);
  };
  ask();
  document.addEventListener("visibilitychange", ask);
  return () => document.removeEventListener("visibilitychange", ask);
}
