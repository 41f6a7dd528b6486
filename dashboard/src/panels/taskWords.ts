// Proxmox's task types in plain words.
import type { Event } from "../protocol/Event";
import type { Task } from "../protocol/Task";
import type { Shape } from "../ui/Glyph";

const WORDS: Readonly<Record<string, string>> = {
  qmstart: "Start",
  qmstop: "Stop",
  qmshutdown: "Shut down",
  qmreboot: "Reboot",
  qmreset: "Reset",
  qmsuspend: "Suspend",
  qmresume: "Resume",
  qmigrate: "Migrate",
  qmclone: "Clone",
  qmcreate: "Create",
  qmdestroy: "Destroy",
  qmrestore: "Restore",
  qmsnapshot: "Snapshot",
  qmdelsnapshot: "Remove snapshot",
  qmrollback: "Roll back",
  qmconfig: "Configure",
  qmmove: "Move disk",
  resize: "Resize disk",
  qmtemplate: "Make template",
  vzstart: "Start",
  vzstop: "Stop",
  vzshutdown: "Shut down",
  vzreboot: "Reboot",
  vzsuspend: "Suspend",
  vzresume: "Resume",
  vzmigrate: "Migrate",
  vzclone: "Clone",
  vzcreate: "Create",
  vzdestroy: "Destroy",
  vzrestore: "Restore",
  vzsnapshot: "Snapshot",
  vzdelsnapshot: "Remove snapshot",
  vzrollback: "Roll back",
  vzdump: "Backup",
  vzmount: "Mount",
  vzumount: "Unmount",
  aptupdate: "Refresh package list",
  startall: "Start all guests",
  stopall: "Stop all guests",
  migrateall: "Migrate all guests",
  vncproxy: "Console",
  vncshell: "Shell",
  spiceproxy: "Console",
  termproxy: "Console",
  srvstart: "Start service",
  srvstop: "Stop service",
  srvrestart: "Restart service",
  srvreload: "Reload service",
  imgcopy: "Copy image",
  imgdel: "Remove image",
  download: "Download",
  replication: "Replicate",
  zfscreate: "Create ZFS pool",
  hastart: "HA start",
  hastop: "HA stop",
  hamigrate: "HA migrate",
  prune: "Prune backups",
  wakeonlan: "Wake",
  acmenewcert: "Order certificate",
  acmerenew: "Renew certificate",
};

const TASK_LINES: ReadonlySet<Event["type"]> = new Set(["task_started", "task_ended", "task_failed"]);

export const taskWord = (kind: string): string =>
  (Object.hasOwn(WORDS, kind) ? WORDS[kind] : undefined) ?? kind;

/** The daemon's line keeps Proxmox's own word, which is what a log is searched for; a person reads the plain one. */
export function plainTitle({ title, type }: Pick<Event, "title" | "type">): string {
  if (!TASK_LINES.has(type)) return title;
  const [kind = ""] = title.split(" ", 1);
  return taskWord(kind) + title.slice(kind.length);
}

export function taskShape(t: Task): Shape {
  switch (t.status) {
    case "running":
      return "running";
    case "ok":
      return "ok";
    case "warnings":
      return "attention";
    case "failed":
      return "critical";
    case "unknown":
      return "unknown";
  }
}

/** Running first, then the newest. */
export function inOrder(tasks: Iterable<Task>): Task[] {
  return [...tasks].sort(
    (a, b) =>
      Number(b.status === "running") - Number(a.status === "running") ||
      b.start_ms - a.start_ms ||
      a.upid.localeCompare(b.upid),
  );
}
