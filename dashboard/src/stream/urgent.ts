// Whether a change must be on the screen at once, or may wait for the next second with the other figures. Pure.
// Each picture costs the same however little is new in it, so figures that only move share one a second.
import type { ServerFrame } from "../protocol/ServerFrame";

/** Figures, and how old they are: what a calm cluster sends all the time. */
const CALM: ReadonlySet<string> = new Set([
  "cpu",
  "mem_used_bytes",
  "mem_host_bytes",
  "disk_used_bytes",
  "swap_used_bytes",
  "used_bytes",
  "net_in_bps",
  "net_out_bps",
  "disk_read_bps",
  "disk_write_bps",
  "load1",
  "load5",
  "load15",
  "iowait",
  "seen_ms",
  "detail_as_of_ms",
  "temp_c",
  "sensors_as_of_ms",
  // Counted back from a time of running that is told in whole seconds, it moves by one now and then.
  "started_ms",
]);

export function urgent(frame: ServerFrame): boolean {
  if (frame.type !== "change") return true;
  // How well a source is seen is told by clocks, which tick once a second themselves.
  return frame.del.length > 0 || frame.up.some(([kind, , patch]) => kind !== "source" && tells(patch));
}

function tells(patch: object): boolean {
  for (const key in patch) if (!CALM.has(key)) return true;
  return false;
}
