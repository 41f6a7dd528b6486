// One thing in full: its facts and its past. The cluster by default, a node or a guest when one is chosen.
import { memo, useState } from "react";
import { useCluster, useLoadedSoon, useRecord, useStream } from "../stream/store";
import { totals } from "../stream/sums";
import { Chart } from "../ui/Chart";
import { bytesText, decimal, percentUnit, rateText, ratio } from "../ui/format";
import { Note } from "../ui/Panel";
import { useView } from "../ui/view";
import { ActButtons, ContainersButton } from "./ActMenu";
import { Drawer } from "./Drawer";
import { ClusterFacts, GuestFacts, NodeFacts } from "./facts";
import { guestName } from "./guestOrder";
import { TaskDrawer } from "./TaskDrawer";
import { RANGES, type Range, useHistory } from "./useHistory";
import "./HistoryDrawer.css";

interface ChartSpec {
  readonly title: string;
  readonly metrics: readonly (readonly [metric: string, label: string])[];
  readonly format: (v: number | null) => string;
  readonly top?: number | undefined;
}

const CPU: ChartSpec = { title: "CPU", metrics: [["cpu", "CPU"]], format: percentUnit, top: 1 };
const MEMORY: ChartSpec = { title: "Memory", metrics: [["mem_used_bytes", "used"]], format: bytesText };
const NETWORK: ChartSpec = {
  title: "Network",
  metrics: [
    ["net_in_bps", "in"],
    ["net_out_bps", "out"],
  ],
  format: rateText,
};
const DISK: ChartSpec = {
  title: "Disk",
  metrics: [
    ["disk_read_bps", "read"],
    ["disk_write_bps", "write"],
  ],
  format: (v) => `${bytesText(v)}/s`,
};
const LOAD: ChartSpec = { title: "Load", metrics: [["load1", "load"]], format: (v) => decimal(v, 2) };
const IOWAIT: ChartSpec = { title: "Waiting for disks", metrics: [["iowait", "wait"]], format: percentUnit };

const CHARTS: Readonly<Record<"cluster" | "node" | "guest", readonly ChartSpec[]>> = {
  cluster: [CPU, MEMORY, NETWORK],
  node: [CPU, MEMORY, LOAD, IOWAIT],
  guest: [CPU, MEMORY, NETWORK, DISK],
};
const METRICS = {
  cluster: CHARTS.cluster.flatMap((c) => c.metrics.map(([m]) => m)),
  node: CHARTS.node.flatMap((c) => c.metrics.map(([m]) => m)),
  guest: CHARTS.guest.flatMap((c) => c.metrics.map(([m]) => m)),
};

export function HistoryDrawer() {
  const selection = useView((v) => v.selection);
  if (selection?.kind === "node") return <NodeDrawer key={selection.id} id={selection.id} />;
  if (selection?.kind === "guest") return <GuestDrawer key={selection.id} id={selection.id} />;
  if (selection?.kind === "task") return <TaskDrawer key={selection.id} upid={selection.id} />;
  return <ClusterDrawer />;
}

function ClusterDrawer() {
  const cluster = useCluster();
  const loaded = useLoadedSoon();
  const memTotal = useStream((s) => totals(s.mirror.tables).memTotalBytes);
  return (
    <Drawer
      title={cluster?.name || "Cluster"}
      shape={cluster?.health ?? "unknown"}
      about="cluster"
      tools={<ContainersButton />}
      chosen={false}
    >
      <ClusterFacts />
      {loaded && cluster && <Charts subject="cluster" entity="cluster" memTotal={memTotal ?? undefined} />}
    </Drawer>
  );
}

function NodeDrawer({ id }: { readonly id: string }) {
  const node = useRecord("node", id);
  return (
    <Drawer title={id} shape={node?.health ?? "unknown"} about="node" chosen>
      {node ? (
        <>
          {node.why && <p className={`drawer-why tone-${node.health}`}>{node.why}</p>}
          <ActButtons kind="node" id={id} />
          <NodeFacts node={node} />
          <Charts subject="node" entity={`node/${id}`} memTotal={node.mem_total_bytes} />
        </>
      ) : (
        <Gone what={`Node ${id}`} />
      )}
    </Drawer>
  );
}

function GuestDrawer({ id }: { readonly id: string }) {
  const guest = useRecord("guest", id);
  return (
    <Drawer
      title={guest ? guestName(guest) : `guest ${id}`}
      shape={guest?.health ?? "unknown"}
      about={guest ? `${guest.kind === "lxc" ? "CT" : "VM"} ${id}` : "guest"}
      chosen
    >
      {guest ? (
        <>
          {guest.why && <p className={`drawer-why tone-${guest.health}`}>{guest.why}</p>}
          <ActButtons kind="guest" id={id} />
          <GuestFacts guest={guest} />
          <Charts subject="guest" entity={`${guest.kind}/${id}`} memTotal={guest.mem_total_bytes} />
        </>
      ) : (
        <Gone what={`Guest ${id}`} />
      )}
    </Drawer>
  );
}

function Gone({ what }: { readonly what: string }) {
  return <Note text={`${what} is not in the cluster.`} more="It was removed, or this address is wrong." />;
}

interface ChartsProps {
  readonly subject: "cluster" | "node" | "guest";
  readonly entity: string;
  readonly memTotal: number | undefined;
}

/** Its facts change each second, its charts do not: they are drawn again only when read again. */
const Charts = memo(function Charts({ subject, entity, memTotal }: ChartsProps) {
  const [range, setRange] = useState<Range>(RANGES[0]);
  const past = useHistory(entity, METRICS[subject], range);
  return (
    <div className="charts">
      <fieldset className="chip seg ranges" aria-label="Time shown">
        {RANGES.map((r) => (
          <button key={r.id} type="button" aria-pressed={range.id === r.id} onClick={() => setRange(r)}>
            {r.label}
          </button>
        ))}
      </fieldset>
      {CHARTS[subject].map((c) => (
        <Chart
          key={c.title}
          title={c.title}
          series={c.metrics.map(([metric, label]) => ({ label, buckets: past.buckets[metric] ?? [] }))}
          fromMs={past.fromMs}
          toMs={past.toMs}
          top={c === MEMORY ? memTotal : c.top}
          format={
            c === MEMORY && memTotal && subject !== "cluster"
              ? (v) => `${bytesText(v)} · ${percentUnit(ratio(v, memTotal))}`
              : c.format
          }
          state={past.state}
          error={past.error}
        />
      ))}
    </div>
  );
});
