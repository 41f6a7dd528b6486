// The facts of a cluster, a node or a guest as pairs of name and value. Unknown facts are left out or "—".
import type { ReactNode } from "react";
import type { Guest } from "../protocol/Guest";
import type { Node } from "../protocol/Node";
import { useAt } from "../stream/clock";
import { useSight } from "../stream/sight";
import { useCluster, useTable } from "../stream/store";
import {
  bytesOf,
  bytesText,
  celsius,
  count,
  decimal,
  duration,
  percentUnit,
  rateText,
  ratio,
  stamp,
  UNKNOWN,
} from "../ui/format";
import { sightWords } from "../ui/SightMark";

/** `age` in words where its own source is not current, while others may be. */
export type Fact = readonly [name: string, value: ReactNode, age?: string | null];

/** Longer than this it has a line of its own, where two facts share one. */
const HALF_LINE_CHARS = 16;
const isLong = (v: ReactNode): boolean => typeof v === "string" && v.length > HALF_LINE_CHARS;

interface FactsProps {
  readonly facts: readonly (Fact | null)[];
  /** When the figures were seen, if that is past: they are not drawn like those of now. */
  readonly asOfMs?: number | undefined;
}

export function Facts({ facts, asOfMs }: FactsProps) {
  return (
    <dl className="facts" data-stale={asOfMs !== undefined || undefined}>
      {facts.map(
        (f) =>
          f && (
            <div
              key={f[0]}
              className={isLong(f[1]) ? "fact-long" : undefined}
              data-stale={(f[2] ?? null) !== null || undefined}
            >
              <dt>{f[0]}</dt>
              <dd title={f[2] ?? undefined}>{f[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

const when = <T,>(v: T | undefined, text: (v: T) => ReactNode, name: string): Fact | null =>
  v === undefined ? null : [name, text(v)];

const aged = (age: string | null, fact: Fact | null): Fact | null => fact && [fact[0], fact[1], age];

function Uptime({ startedMs }: { readonly startedMs: number | undefined }) {
  const text = useAt((now) => (startedMs === undefined ? UNKNOWN : duration(now - startedMs)));
  return <>{text}</>;
}

/** How long ago; the exact time for whoever points at it. */
function LastSeen({ atMs }: { readonly atMs: number }) {
  const age = useAt((now) => duration(now - atMs));
  return (
    <span className="tone-attention" title={stamp(atMs)}>
      {age} ago
    </span>
  );
}

const usage = (used: number | undefined, total: number | undefined): string => {
  const of = bytesOf(used, total);
  const share = ratio(used, total);
  return `${of.value}${of.unit && ` ${of.unit}`}${share === null ? "" : ` · ${percentUnit(share)}`}`;
};

export function ClusterFacts() {
  const cluster = useCluster();
  const guests = useTable("guest");
  if (!cluster) return null;
  const vms = [...guests.values()].filter((g) => g.kind === "qemu").length;
  return (
    <Facts
      facts={[
        ["Nodes online", `${cluster.nodes_online} / ${cluster.nodes_total}`],
        ["Guests running", `${cluster.guests_running} / ${cluster.guests_total}`],
        ["Kinds", `${count(vms, "VM")}, ${count(guests.size - vms, "CT")}`],
        when(cluster.quorate, (q) => (q ? "held" : "lost"), "Quorum"),
        when(cluster.quorum, (q) => count(q, "vote"), "Votes needed"),
        when(cluster.pve_version, (v) => v, "Proxmox VE"),
        when(cluster.contradiction, (c) => c, "Contradiction"),
      ]}
    />
  );
}

const sharesOf =
  (node: Node) =>
  (mounted: number): string => {
    const dead = node.shares_dead ?? [];
    return dead.length > 0 ? `${mounted}, no answer from ${dead.join(", ")}` : `${mounted} mounted`;
  };

export function NodeFacts({ node }: { readonly node: Node }) {
  const guests = useTable("guest");
  const here = [...guests.values()].filter((g) => g.node === node.name);
  const running = here.filter((g) => g.status === "running").length;
  const detailAge = sightWords(useSight(`node/${node.name}`));
  const sensorsAge = sightWords(useSight(`sensors/${node.name}`));
  const detail = (fact: Fact | null): Fact | null => aged(detailAge, fact);
  const sensors = (fact: Fact | null): Fact | null => aged(sensorsAge, fact);
  const lastSeen = (t: number): ReactNode => <LastSeen atMs={t} />;
  return (
    <Facts
      asOfMs={node.as_of_ms}
      facts={[
        ["Status", node.status],
        when(node.as_of_ms, (t) => <LastSeen key="s" atMs={t} />, "Figures from"),
        [
          "Running for",
          <Uptime key="u" startedMs={node.as_of_ms === undefined ? node.started_ms : undefined} />,
        ],
        [
          "CPU",
          `${percentUnit(node.cpu)}${node.cpu_cores === undefined ? "" : ` of ${count(node.cpu_cores, "core")}`}`,
        ],
        ["Memory", usage(node.mem_used_bytes, node.mem_total_bytes)],
        ["System disk", usage(node.disk_used_bytes, node.disk_total_bytes)],
        when(detailAge === null ? undefined : node.detail_as_of_ms, lastSeen, "Detail from"),
        detail(when(node.swap_total_bytes, (t) => usage(node.swap_used_bytes, t), "Swap")),
        detail(["Load", [node.load1, node.load5, node.load15].map((v) => decimal(v, 2)).join("  ")]),
        detail(when(node.iowait, percentUnit, "Waiting for disks")),
        when(sensorsAge === null ? undefined : node.sensors_as_of_ms, lastSeen, "Sensors from"),
        sensors(when(node.temp_c, celsius, "Temperature")),
        sensors(when(node.shares_mounted, sharesOf(node), "Shares")),
        sensors(
          when(
            node.units_failed?.length ? node.units_failed : undefined,
            (u) => u.join(", "),
            "Failed units",
          ),
        ),
        ["Guests running", `${running} / ${here.length}`],
        when(node.ip, (v) => v, "Address"),
        detail(when(node.cpu_model, (v) => v, "Processor")),
        detail(when(node.kernel, (v) => v, "Kernel")),
        detail(when(node.pve_version, (v) => v, "Proxmox VE")),
      ]}
    />
  );
}

export function GuestFacts({ guest }: { readonly guest: Guest }) {
  return (
    <Facts
      asOfMs={guest.as_of_ms}
      facts={[
        ["Status", guest.template ? "template" : guest.status],
        when(guest.as_of_ms, (t) => <LastSeen key="s" atMs={t} />, "Figures from"),
        ["Node", guest.node],
        [
          "Running for",
          <Uptime key="u" startedMs={guest.as_of_ms === undefined ? guest.started_ms : undefined} />,
        ],
        [
          "CPU",
          `${percentUnit(guest.cpu)}${guest.cpu_cores === undefined ? "" : ` of ${count(guest.cpu_cores, "core")}`}`,
        ],
        ["Memory", usage(guest.mem_used_bytes, guest.mem_total_bytes)],
        when(guest.mem_host_bytes, bytesText, "Costs its node"),
        ["Disk", usage(guest.disk_used_bytes, guest.disk_total_bytes)],
        ["Network in", rateText(guest.net_in_bps)],
        ["Network out", rateText(guest.net_out_bps)],
        when(guest.lock, (v) => v, "Locked by"),
        when(guest.ha_state, (v) => v, "HA"),
        when(guest.pool, (v) => v, "Pool"),
        guest.tags.length > 0 ? ["Tags", guest.tags.join(", ")] : null,
      ]}
    />
  );
}
