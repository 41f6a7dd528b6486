// One task in full: who began it, on what, how long it took, and its log as it is written.

import { useEffect, useRef } from "react";
import type { Task } from "../protocol/Task";
import { useAt } from "../stream/clock";
import type { LogLine } from "../stream/rest";
import { useRecord } from "../stream/store";
import { count, duration, ended, stamp, utc } from "../ui/format";
import { Note } from "../ui/Panel";
import { plain } from "../ui/plain";
import { select } from "../ui/view";
import { Drawer } from "./Drawer";
import { type Fact, Facts } from "./facts";
import { taskShape, taskWord } from "./taskWords";
import { type TaskLog, useTaskLog } from "./useTaskLog";
import "./TaskDrawer.css";

export function TaskDrawer({ upid }: { readonly upid: string }) {
  const task = useRecord("task", upid);
  const guest = useRecord("guest", task?.vmid === undefined ? null : String(task.vmid));
  const target = plain(guest?.name ?? task?.target ?? task?.node ?? "");
  return (
    <Drawer
      title={task ? `${taskWord(task.kind)} ${target}` : "Task"}
      shape={task ? taskShape(task) : "unknown"}
      about={task ? `task · ${task.status}` : "task"}
      chosen
      what="Log"
      testId="task-drawer"
    >
      {task ? (
        <>
          <TaskFacts task={task} />
          <Log upid={upid} running={task.status === "running"} />
        </>
      ) : (
        <Note
          text="This task is not in the list any more."
          more="The daemon keeps the newest tasks of each node. Proxmox keeps the log itself."
        />
      )}
    </Drawer>
  );
}

function TaskFacts({ task }: { readonly task: Task }) {
  const took = useAt((now) => duration((task.end_ms ?? now) - task.start_ms));
  const { vmid } = task;
  const facts: readonly (Fact | null)[] = [
    ["Node", task.node],
    ["By", task.user],
    ["Began", <time key="t" title={utc(task.start_ms)}>{`${stamp(task.start_ms)}`}</time>],
    [task.status === "running" ? "Running for" : "Took", took],
    vmid === undefined
      ? null
      : [
          "Guest",
          <button
            key="g"
            type="button"
            className="fact-link"
            onClick={() => select({ kind: "guest", id: String(vmid) })}
          >
            {vmid}
          </button>,
        ],
    ["Type", task.kind],
  ];
  return (
    <>
      {task.exit !== undefined && task.status !== "ok" && (
        <p className={`drawer-why tone-${task.status === "failed" ? "critical" : "attention"}`}>
          {task.exit}
        </p>
      )}
      <Facts facts={facts} />
    </>
  );
}

function Log({ upid, running }: { readonly upid: string; readonly running: boolean }) {
  const log = useTaskLog(upid, running);
  return (
    <section className="log" aria-label="Log">
      <p className="log-head">
        <span className="lab">Log</span>
        <span className="dim">
          {running
            ? "being written"
            : log.state === "ready"
              ? count(log.skipped + log.lines.length, "line")
              : ""}
        </span>
      </p>
      {log.state === "failed" && (
        <p className="drawer-why tone-attention" role="status">
          {ended(log.error ?? "")} I try again every few seconds.
        </p>
      )}
      {log.state === "loading" && <p className="dim">Reading …</p>}
      {log.state === "ready" && log.lines.length === 0 && (
        <p className="dim">Nothing has been written yet.</p>
      )}
      {log.lines.length > 0 && <Lines log={log} running={running} />}
    </section>
  );
}

/** Nearer to the end than this, new lines are followed. */
const FOLLOW_WITHIN_PX = 40;

function Lines({ log, running }: { readonly log: TaskLog; readonly running: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new line moves the end
  useEffect(() => {
    if (follow.current) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [log.lines]);
  const scrolled = (): void => {
    const b = box.current;
    if (b) follow.current = b.scrollHeight - b.scrollTop - b.clientHeight < FOLLOW_WITHIN_PX;
  };
  return (
    <div
      ref={box}
      className="log-lines scroll"
      role="log"
      aria-live={running ? "polite" : "off"}
      aria-label="Lines"
      tabIndex={0}
      onScroll={scrolled}
      data-testid="task-log"
    >
      {log.skipped > 0 && <p className="dim">{count(log.skipped, "earlier line")} not shown</p>}
      {log.lines.map((l) => (
        <p key={l.n} className={toneOf(l)}>
          {l.text || "\u00a0"}
        </p>
      ))}
    </div>
  );
}

function toneOf({ text }: LogLine): string | undefined {
  if (/^(TASK ERROR|ERROR|command .* failed)/i.test(text)) return "tone-critical";
  if (/^(TASK WARNINGS|WARN)/i.test(text)) return "tone-attention";
  return undefined;
}
