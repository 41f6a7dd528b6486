// The reactor: one arc per node, one dot per guest. A picture of facts that the lists also state in words.
import { memo, useMemo, useRef } from "react";
import type { Node } from "../protocol/Node";
import type { Task } from "../protocol/Task";
import { byName } from "../stream/byName";
import { useSight } from "../stream/sight";
import { useCluster, useLive, useLoadedSoon, useStream, useTable } from "../stream/store";
import { percent, ratio, UNKNOWN } from "../ui/format";
import { useMoving } from "../ui/motion";
import { useView } from "../ui/view";
import { arcChars, arcPath, arcs, labelOf, NODES_ON_RING_MAX, point, upsideDown } from "./coreGeometry";
import { type GlobeScene, sceneOf } from "./globeScene";
import { Headline } from "./Headline";
import { KeyFigures } from "./KeyFigures";
import { ReactorCanvas } from "./ReactorCanvas";
import "./Core.css";

export function Core() {
  const mode = useView((v) => v.mode);
  const table = useTable("node");
  const sight = useSight("resources");
  const live = useLive();
  const cluster = useCluster();
  const nodes = useMemo(
    () =>
      [...table.values()]
        // Where not all have a place, none that is unwell may be left out.
        .sort((a, b) => Number(a.health === "ok") - Number(b.health === "ok") || byName(a.name, b.name))
        .slice(0, NODES_ON_RING_MAX)
        .sort((a, b) => byName(a.name, b.name)),
    [table],
  );
  const busy = useStream((s) => isBusy(s.mirror.tables.task));
  const moving = useMoving();
  const dark = !live || sight.state === "lost";
  return (
    <section className="core" id="core" aria-label="Cluster at a glance" data-testid="panel-core">
      <Headline />
      {mode !== "minimal" && (
        <div className="reactor" aria-hidden="true" data-dark={dark}>
          <i className="halo" />
          <Moving
            nodes={nodes}
            dark={dark}
            linked={cluster?.quorate === true}
            moving={moving}
            busy={busy}
            mode={mode}
          />
          <Ring nodes={nodes} />
          <Heart shape={dark ? "unknown" : (cluster?.health ?? "unknown")} />
        </div>
      )}
      {mode !== "minimal" && table.size > nodes.length && (
        <p className="ring-more">
          {`${nodes.length} of ${table.size} nodes on the ring, those that are not well first`}
        </p>
      )}
      <KeyFigures />
    </section>
  );
}

function isBusy(tasks: ReadonlyMap<string, Task>): boolean {
  for (const t of tasks.values()) if (t.status === "running") return true;
  return false;
}

const TICKS = Array.from({ length: 120 }, (_, i) => {
  const strong = i % 5 === 0;
  const a = point(strong ? 203 : 206, i * 3);
  const b = point(210, i * 3);
  return { key: i, d: `M${a.x.toFixed(2)} ${a.y.toFixed(2)}L${b.x.toFixed(2)} ${b.y.toFixed(2)}`, strong };
});
const TICK_PATHS = [true, false].map((strong) => ({
  strong,
  d: TICKS.filter((t) => t.strong === strong)
    .map((t) => t.d)
    .join(""),
}));

/** Up to so many nodes the names on the ring keep their size however small the ring is. */
const FEW = 6;

function Ring({ nodes }: { readonly nodes: readonly Node[] }) {
  const places = arcs(nodes.length);
  return (
    <svg
      className="hud"
      aria-hidden="true"
      viewBox="-236 -236 472 472"
      fill="none"
      data-few={nodes.length <= FEW}
    >
      {TICK_PATHS.map((t) => (
        <path key={String(t.strong)} d={t.d} stroke="var(--cy)" strokeOpacity={t.strong ? 0.6 : 0.24} />
      ))}
      <circle r="160" stroke="var(--cy)" strokeOpacity=".16" />
      {nodes.map((n, i) => {
        const arc = places[i];
        return arc ? (
          <NodeArc
            key={n.name}
            name={n.name}
            from={arc.from}
            to={arc.to}
            few={nodes.length <= FEW}
            cpu={n.as_of_ms === undefined && n.cpu !== undefined ? Math.round(n.cpu * 100) / 100 : null}
            mem={n.as_of_ms === undefined ? roundedRatio(n) : null}
            health={n.health}
          />
        ) : null;
      })}
    </svg>
  );
}

function roundedRatio(n: Node): number | null {
  const r = ratio(n.mem_used_bytes, n.mem_total_bytes);
  return r === null ? null : Math.round(r * 100) / 100;
}

interface ArcProps {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly few: boolean;
  readonly cpu: number | null;
  readonly mem: number | null;
  readonly health: Node["health"];
}

const NodeArc = memo(function NodeArc({ name, from, to, few, cpu, mem, health }: ArcProps) {
  const hot = health === "critical" ? "var(--rd)" : health === "attention" ? "var(--am)" : "var(--cy)";
  const low = upsideDown({ from, to });
  const id = `arc-${name}`;
  const end = from + (to - from) * Math.min(1, cpu ?? 0);
  const label = labelOf(name, cpu === null ? UNKNOWN : `${percent(cpu)}%`, arcChars(to - from, few));
  return (
    <g data-arc={name}>
      <path id={id} d={arcPath(low ? 228 : 219, from, to, low)} />
      <path
        d={arcPath(190, from, to)}
        stroke="#143041"
        strokeWidth="11"
        strokeDasharray={cpu === null ? "2 5" : undefined}
      />
      {cpu !== null && cpu > 0 && (
        <>
          <path d={arcPath(190, from, end)} stroke={hot} strokeWidth="17" opacity=".14" />
          <path d={arcPath(190, from, end)} stroke={hot} strokeWidth="11" strokeDasharray="4.2 1.4" />
        </>
      )}
      <path d={arcPath(178, from, to)} stroke="#143041" strokeWidth="3" />
      {mem !== null && mem > 0 && (
        <path
          d={arcPath(178, from, from + (to - from) * Math.min(1, mem))}
          stroke="#7fb6cc"
          strokeOpacity=".8"
          strokeWidth="3"
        />
      )}
      <text className="arc">
        <textPath href={`#${id}`} startOffset="50%" textAnchor="middle">
          {label.name}
          {label.figure && (
            <tspan dx="6" style={{ fill: hot === "var(--cy)" ? undefined : hot }}>
              {label.figure}
            </tspan>
          )}
        </textPath>
      </text>
    </g>
  );
});

const HEART_PATH: Readonly<Record<Node["health"], string>> = {
  ok: "M-9.5 .5L-2.5 7.5L10 -7",
  attention: "M0 -13L11.3 6.5H-11.3Z",
  critical: "M0 -13L12 0L0 13L-12 0Z",
  unknown: "M-7 0H7",
  off: "M-7 0H7",
};

function Heart({ shape }: { readonly shape: Node["health"] }) {
  return (
    <svg aria-hidden="true" className={`hud heart heart-${shape}`} viewBox="-236 -236 472 472" fill="none">
      <circle r="38" stroke="#9fe9ff" strokeOpacity=".75" strokeWidth="1.2" />
      <circle className="heart-glow" r="27" />
      <circle className="heart-disc" r="22" />
      <path
        d={HEART_PATH[shape]}
        stroke="#0b4a63"
        strokeWidth="2.6"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </svg>
  );
}

interface MovingProps {
  readonly nodes: readonly Node[];
  readonly dark: boolean;
  readonly linked: boolean;
  readonly moving: boolean;
  readonly busy: boolean;
  readonly mode: string;
}

function Moving({ nodes, dark, linked, moving, busy, mode }: MovingProps) {
  const soon = useLoadedSoon();
  const guests = useTable("guest");
  const last = useRef<GlobeScene | undefined>(undefined);
  // Figures change each second, what is drawn of them seldom: then it is the same scene again.
  const scene = useMemo(() => {
    // The globe fills a moment after the figures: a dot for each of ten thousand guests takes its time.
    last.current = sceneOf({ nodes, guests: soon ? guests.values() : [], linked, dark }, last.current);
    return last.current;
  }, [nodes, guests, linked, dark, soon]);
  return <ReactorCanvas scene={scene} moving={moving && !dark} busy={busy} mode={mode} />;
}
