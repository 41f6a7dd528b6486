// What Proxmox is doing and what came of it.

import { memo, useMemo } from "react";
import type { Task } from "../protocol/Task";
import { useAt } from "../stream/clock";
import { useSight } from "../stream/sight";
import { useLoadedSoon, useRecord, useTable } from "../stream/store";
import { clock, day, duration, stamp, utc } from "../ui/format";
import { Glyph } from "../ui/Glyph";
import { Note, Panel } from "../ui/Panel";
import { plain } from "../ui/plain";
import { SightMark } from "../ui/SightMark";
import { Skeleton } from "../ui/Skeleton";
import { select, useView } from "../ui/view";
import { inOrder, taskShape, taskWord } from "./taskWords";
import "./Tasks.css";

/** The daemon keeps more; a list longer than this is what REST is for. */
const SHOWN_MAX = 60;

export function Tasks() {
  const table = useTable("task");
  const loaded = useLoadedSoon();
  const sight = useSight("tasks");
  const list = useMemo(() => inOrder(table.values()).slice(0, SHOWN_MAX), [table]);
  const running = list.filter((t) => t.status === "running").length;
  const failed = list.filter((t) => t.status === "failed").length;
  const meta = (
    <>
      <SightMark sight={sight} />
      {failed > 0 && <span className="tone-critical">{failed} failed · </span>}
      {running} running
    </>
  );
  return (
    <Panel title="Tasks" name="tasks" meta={loaded ? meta : undefined} sight={sight.state} fades>
      {!loaded && <Skeleton rows={6} height={48} />}
      {loaded && list.length === 0 && (
        <Note
          text="No tasks."
          more="Starts, stops, backups and migrations appear here, whoever began them."
        />
      )}
      {loaded && list.length > 0 && (
        <ol className="tasks scroll" aria-label="Tasks" data-list="tasks">
          {list.map((t) => (
            <TaskRow key={t.upid} task={t} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

const TaskRow = memo(function TaskRow({ task }: { readonly task: Task }) {
  const guest = useRecord("guest", task.vmid === undefined ? null : String(task.vmid));
  const took = useAt((now) => duration((task.end_ms ?? now) - task.start_ms));
  const old = useAt((now) => day(now) !== day(task.start_ms));
  const chosen = useView((v) => v.selection?.kind === "task" && v.selection.id === task.upid);
  const { vmid } = task;
  const target = vmid === undefined ? task.target : plain(guest?.name ?? `guest ${vmid}`);
  return (
    <li className="task" data-status={task.status} data-chosen={chosen} data-testid="task">
      <Glyph shape={taskShape(task)} word={task.status} />
      <div>
        <p className="cut">
          <button
            type="button"
            className="stretch task-open"
            data-item
            onClick={() => select({ kind: "task", id: task.upid })}
          >
            {taskWord(task.kind)}
            <span className="sr">: show the log</span>
          </button>{" "}
          {target !== undefined &&
            (vmid === undefined ? (
              <b>{target}</b>
            ) : (
              <button
                type="button"
                className="task-target"
                title={target}
                onClick={() => select({ kind: "guest", id: String(vmid) })}
              >
                {target}
              </button>
            ))}
          {vmid !== undefined && <span className="task-id"> {vmid}</span>}
        </p>
        <small className="cut" title={task.upid}>
          {task.node} · {task.user}
        </small>
      </div>
      <div className="task-when">
        <time dateTime={new Date(task.start_ms).toISOString()} title={utc(task.start_ms)}>
          {old ? stamp(task.start_ms) : clock(task.start_ms)}
        </time>
        <small
          className={
            task.status === "failed" ? "tone-critical" : task.status === "warnings" ? "tone-attention" : ""
          }
          title={task.exit}
        >
          {outcome(task, took)}
        </small>
      </div>
    </li>
  );
});

function outcome(task: Task, took: string): string {
  switch (task.status) {
    case "running":
      return `running ${took}`;
    case "ok":
      return `done in ${took}`;
    case "unknown":
      return "ended, outcome unknown";
    default:
      return task.exit ?? task.status;
  }
}
