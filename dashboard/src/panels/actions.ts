// What can be done to a thing in its present state, and what must be said for it. Whether it may be done is the
// daemon's to decide; this only offers what makes sense. Pure.

import type { Guest } from "../protocol/Guest";
import type { Node } from "../protocol/Node";
import type { Storage } from "../protocol/Storage";
import type { Order } from "../stream/act";
import { byName } from "../stream/byName";
import type { Tables } from "../stream/reduce";
import { plain } from "../ui/plain";

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  /** To choose from; free text where empty. */
  readonly options: readonly string[];
  /** Only one of `options` is an answer, also when there is none. */
  readonly choose?: boolean;
  readonly hint?: string;
  /** What there is is asked of the daemon when the form opens; typed by hand where it cannot say. */
  readonly from?: ChoiceSource;
}

/** Lists that are no part of the stream. */
export type ChoiceSource =
  | { readonly list: "services"; readonly node: string }
  | { readonly list: "snapshots"; readonly vmid: number };

export interface Deed {
  readonly tool: string;
  /** What the button says. */
  readonly label: string;
  /** Takes something away. */
  readonly grave: boolean;
  /** "container 107 nextcloud" */
  readonly target: string;
  readonly args: Order["args"];
  readonly fields: readonly Field[];
}

const deed = (
  tool: string,
  label: string,
  target: string,
  args: Order["args"],
  more: Partial<Deed> = {},
): Deed => ({ tool, label, target, args, grave: false, fields: [], ...more });

const grave = { grave: true } as const;

export function guestDeeds(g: Guest, tables: Pick<Tables, "node" | "storage">, nowMs: number): Deed[] {
  if (g.template) return [];
  const target = `${g.kind === "lxc" ? "container" : "VM"} ${g.vmid}${g.name ? ` ${plain(g.name)}` : ""}`;
  const args = { vmid: g.vmid };
  const make = (tool: string, label: string, more: Partial<Deed> = {}): Deed =>
    deed(tool, label, target, args, more);
  const stop = make("stop_guest", "Stop", grave);
  const running = [
    make("shutdown_guest", "Shut down", grave),
    make("reboot_guest", "Reboot", grave),
    stop,
    make("suspend_guest", "Suspend", grave),
  ];
  const byStatus: Readonly<Record<Guest["status"], Deed[]>> = {
    running,
    stopped: [make("start_guest", "Start")],
    paused: [make("resume_guest", "Resume"), stop],
    suspended: [make("resume_guest", "Resume"), stop],
    prelaunch: [stop],
    unknown: [],
  };
  return [
    ...byStatus[g.status],
    make("create_snapshot", "Snapshot", { fields: [snapshotName(nowMs)] }),
    make("start_backup", "Back up", { fields: [backupStorage(g, tables.storage.values())] }),
    make("migrate_guest", "Migrate", { ...grave, fields: [otherNode(g, tables.node.values())] }),
    make("delete_snapshot", "Delete a snapshot", {
      ...grave,
      fields: [
        {
          name: "name",
          label: "Snapshot",
          value: "",
          options: [],
          hint: "Its name, as Proxmox lists it.",
          from: { list: "snapshots", vmid: g.vmid },
        },
      ],
    }),
  ];
}

function snapshotName(nowMs: number): Field {
  const stamp = new Date(nowMs).toISOString().slice(0, 16).replace(/[-:]/g, "").replace("T", "_");
  return { name: "name", label: "Name", value: `jarvis_${stamp}`, options: [] };
}

function backupStorage(g: Guest, storages: Iterable<Storage>): Field {
  const options = [...storages]
    .filter((s) => s.node === g.node && s.status === "available" && s.content.includes("backup"))
    .map((s) => s.storage)
    .sort(byName);
  const hint = `No storage of ${g.node} is there and takes backups.`;
  return { name: "storage", label: "To storage", value: options[0] ?? "", options, choose: true, hint };
}

function otherNode(g: Guest, nodes: Iterable<Node>): Field {
  const options = [...nodes]
    .filter((n) => n.name !== g.node && n.status === "online")
    .map((n) => n.name)
    .sort(byName);
  const hint = "No other node is online.";
  return { name: "to", label: "To node", value: options[0] ?? "", options, choose: true, hint };
}

export function nodeDeeds(n: Node, { source }: Pick<Tables, "source">): Deed[] {
  const sensed = source.get(`sensors/${n.name}`)?.state !== "lost";
  const target = `node ${n.name}`;
  const args = { node: n.name };
  if (n.status !== "online") return [deed("wake_node", "Wake", target, args)];
  return [
    deed("restart_service", "Restart a service", target, args, {
      fields: [
        {
          name: "unit",
          label: "Service",
          // What has failed is most likely meant; what had failed when it was last seen may be well by now.
          value: ((sensed && n.units_failed?.[0]) || "").replace(/\.service$/, ""),
          options: [],
          hint: "As systemd names it: pveproxy, smbd …",
          from: { list: "services", node: n.name },
        },
      ],
    }),
    deed("reboot_node", "Reboot", target, args, grave),
    deed("shutdown_node", "Shut down", target, args, grave),
  ];
}

export interface ContainerFacts {
  readonly host: string;
  readonly name: string;
  readonly running: boolean;
}

/** Containers are no records of the cluster: host and name come from the list that a read gives. */
export function containerDeeds({ host, name, running }: ContainerFacts): Deed[] {
  const target = `${name} on ${host}`;
  const args = { host, name };
  if (!running) return [deed("docker_start", "Start container", target, args)];
  return [
    deed("docker_restart", "Restart container", target, args, grave),
    deed("docker_stop", "Stop container", target, args, grave),
  ];
}

/** The order of a deed with its fields filled in; null while one is empty. */
export function orderOf(d: Deed, filled: Readonly<Record<string, string>>): Order | null {
  const given = d.fields.map((f) => [f.name, (filled[f.name] ?? f.value).trim()] as const);
  if (given.some(([, v]) => v === "")) return null;
  return { tool: d.tool, args: { ...d.args, ...Object.fromEntries(given) } };
}
