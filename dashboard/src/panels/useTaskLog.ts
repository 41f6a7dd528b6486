// Reads the log of one task, and goes on reading while it runs.
import { useEffect, useRef, useState } from "react";
import { type LogLine, taskLog } from "../stream/rest";

const PAGE = 500;
/** The end is what tells how it went; the whole of a long log is a job for the API. */
export const LINES_KEPT_MAX = 2_000;
const FOLLOW_EVERY_MS = 2_000;
/** A failed reading is tried again at this pace, also after the task has ended. */
const RETRY_MS = 5_000;

export interface TaskLog {
  readonly state: "loading" | "ready" | "failed";
  readonly error?: string | undefined;
  readonly lines: readonly LogLine[];
  /** Lines before the first one kept. */
  readonly skipped: number;
}

const NOTHING: TaskLog = { state: "loading", lines: [], skipped: 0 };

/** What Proxmox says of a log without a line; the first real line replaces it. */
const isPlaceholder = (lines: readonly LogLine[]): boolean =>
  lines.length === 1 && lines[0]?.text === "no content";

/** Reads on from `log` to the present end. */
async function readOn(upid: string, log: TaskLog, gone: () => boolean): Promise<TaskLog> {
  let { lines, skipped } = log;
  for (;;) {
    const start = skipped + lines.length;
    const answer = await taskLog(upid, start, PAGE);
    if (!answer.ok) return { state: "failed", error: answer.failure.message, lines, skipped };
    const { lines: more, total, nextStart } = answer.value;
    // A log longer than what is kept is entered near its end.
    if (lines.length === 0 && total !== null && total > LINES_KEPT_MAX && start < total - LINES_KEPT_MAX) {
      skipped = total - LINES_KEPT_MAX;
      continue;
    }
    if (!isPlaceholder(more)) {
      const all = [...lines, ...more];
      const over = Math.max(0, all.length - LINES_KEPT_MAX);
      lines = over > 0 ? all.slice(over) : all;
      skipped += over;
    }
    if (nextStart === null || gone()) return { state: "ready", lines, skipped };
  }
}

export function useTaskLog(upid: string, running: boolean): TaskLog {
  const [kept, setKept] = useState<{ readonly upid: string; readonly log: TaskLog }>({ upid, log: NOTHING });
  const latest = useRef(kept);
  latest.current = kept;
  useEffect(() => {
    let ended = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const step = async (before: TaskLog): Promise<void> => {
      const log = document.hidden ? before : await readOn(upid, before, () => ended);
      if (ended) return;
      if (log !== before) setKept({ upid, log });
      if (log.state === "failed") timer = setTimeout(() => void step(log), RETRY_MS);
      else if (running || document.hidden) timer = setTimeout(() => void step(log), FOLLOW_EVERY_MS);
    };
    // After its end a task is read once more: its last lines came with it.
    void step(latest.current.upid === upid ? latest.current.log : NOTHING);
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [upid, running]);
  return kept.upid === upid ? kept.log : NOTHING;
}
