// The reactor: one arc per node, one dot per guest. A picture of facts that the lists also state in words.
import { memo, useEffect, useMemo, useRef } from "react";
import type { Node } from "../protocol/Node";
import { frames } from "../stream/clock";
import { useSight } from "../stream/sight";
import { useCluster, useLive, useStream, useTable } from "../stream/store";
import { percent, ratio, UNKNOWN } from "../ui/format";
import { useView } from "../ui/view";
import { arcPath, arcs, hubs, NODES_ON_RING_MAX, near, point, upsideDown } from "./coreGeometry";
import { drawGlobe, type GlobeScene } from "./globe";
import { Headline } from "./Headline";
import { KeyFigures } from "./KeyFigures";
import "./Core.css";

const GLOBE_PX = 316;
const CPU_ATTENTION = 0.8;
/** Traffic which lights a spoke fully: 1 Gb/s. */
const TRAFFIC_FULL_BPS = 125_000_000;

export function Core() {
  const mode = useView((v) => v.mode);
  const table = useTable("node");
  const sight = useSight("resources");
  const live = useLive();
  const cluster = useCluster();
  const nodes = useMemo(
    () => [...table.values()].sort((a, b) => a.name.localeCompare(b.name)).slice(0, NODES_ON_RING_MAX),
    [table],
  );
  const busy = useStream((s) => [...s.mirror.tables.task.values()].some((t) => t.status === "running"));
  const dark = !live || sight.state === "lost";
  return (
    <section className="core" id="core" aria-label="Cluster at a glance" data-testid="panel-core">
      <Headline />
      {mode !== "minimal" && (
        <div className="reactor" aria-hidden="true" data-dark={dark}>
          <i className="halo" />
          <Globe nodes={nodes} dark={dark} linked={cluster?.quorate === true} moving={mode === "jarvis"} />
          <Spin className="spin-a" degPerS={4} moving={mode === "jarvis" && !dark}>
            <circle r="168" stroke="var(--cy)" strokeOpacity=".55" strokeDasharray="2 14.6" />
            <path d={arcPath(168, 12, 58)} stroke="var(--cy)" strokeOpacity=".7" strokeWidth="1.6" />
            <path d={arcPath(168, 192, 214)} stroke="var(--cy)" strokeOpacity=".7" strokeWidth="1.6" />
          </Spin>
          <Ring nodes={nodes} />
          <Spin className="spin-b" degPerS={busy ? -24 : -2.6} moving={mode === "jarvis" && !dark}>
            {arcs(10).map((a) => (
              <path
                key={a.from}
                d={arcPath(50, a.from + 1, a.to - 1)}
                stroke="var(--cy)"
                strokeOpacity={dark ? 0.25 : 0.85}
                strokeWidth="9"
              />
            ))}
          </Spin>
          <Heart shape={dark ? "unknown" : (cluster?.health ?? "unknown")} />
        </div>
      )}
      <KeyFigures />
    </section>
  );
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

function Ring({ nodes }: { readonly nodes: readonly Node[] }) {
  const places = arcs(nodes.length);
  return (
    <svg className="hud" aria-hidden="true" viewBox="-236 -236 472 472" fill="none">
      {TICK_PATHS.map((t) => (
        <path key={String(t.strong)} d={t.d} stroke="var(--cy)" strokeOpacity={t.strong ? 0.6 : 0.24} />
      ))}
      <circle r="160" stroke="var(--cy)" strokeOpacity=".16" />
      <circle r="60" fill="#061621" fillOpacity=".72" stroke="var(--cy)" strokeOpacity=".5" />
      {nodes.map((n, i) => {
        const arc = places[i];
        return arc ? (
          <NodeArc
            key={n.name}
            name={n.name}
            from={arc.from}
            to={arc.to}
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
  readonly cpu: number | null;
  readonly mem: number | null;
  readonly health: Node["health"];
}

const NodeArc = memo(function NodeArc({ name, from, to, cpu, mem, health }: ArcProps) {
  const hot =
    health === "critical"
      ? "var(--rd)"
      : health === "attention" || (cpu ?? 0) >= CPU_ATTENTION
        ? "var(--am)"
        : "var(--cy)";
  const low = upsideDown({ from, to });
  const id = `arc-${name}`;
  const end = from + (to - from) * Math.min(1, cpu ?? 0);
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
          {name}{" "}
          <tspan style={{ fill: hot === "var(--cy)" ? undefined : hot }}>
            {cpu === null ? UNKNOWN : `${percent(cpu)}%`}
          </tspan>
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

interface SpinProps {
  readonly className: string;
  readonly degPerS: number;
  readonly moving: boolean;
  readonly children: React.ReactNode;
}

const still = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

function Spin({ className, degPerS, moving, children }: SpinProps) {
  const svg = useRef<SVGSVGElement>(null);
  const angle = useRef(0);
  useEffect(() => {
    if (!moving || still()) return;
    let last = performance.now();
    return frames.subscribe(() => {
      const now = performance.now();
      angle.current = (angle.current + ((now - last) / 1000) * degPerS) % 360;
      last = now;
      if (svg.current)
        svg.current.style.transform = `translate(-50%, -50%) rotate(${angle.current.toFixed(2)}deg)`;
    });
  }, [moving, degPerS]);
  return (
    <svg ref={svg} aria-hidden="true" className={`hud ${className}`} viewBox="-236 -236 472 472" fill="none">
      {children}
    </svg>
  );
}

interface GlobeProps {
  readonly nodes: readonly Node[];
  readonly dark: boolean;
  readonly linked: boolean;
  readonly moving: boolean;
}

function Globe({ nodes, dark, linked, moving }: GlobeProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const guests = useTable("guest");
  const turn = useRef(5.38);
  const scene = useMemo((): GlobeScene => {
    const places = hubs(nodes.length);
    const at = new Map(nodes.map((n, i) => [n.name, i]));
    const counts = nodes.map(() => 0);
    for (const g of guests.values()) {
      const hub = g.template ? undefined : at.get(g.node);
      if (hub !== undefined) counts[hub] = (counts[hub] ?? 0) + 1;
    }
    const nth = nodes.map(() => 0);
    const dots: GlobeScene["dots"][number][] = [];
    for (const g of [...guests.values()].sort((a, b) => a.vmid - b.vmid)) {
      const hub = at.get(g.node);
      const place = hub === undefined ? undefined : places[hub];
      if (hub === undefined || !place || g.template) continue;
      const index = nth[hub] ?? 0;
      nth[hub] = index + 1;
      const bps = g.as_of_ms === undefined ? (g.net_in_bps ?? 0) + (g.net_out_bps ?? 0) : 0;
      const traffic = Math.min(1, Math.log1p(bps / 1000) / Math.log1p(TRAFFIC_FULL_BPS / 1000));
      dots.push({
        at: near(place, index, counts[hub] ?? 1),
        hub,
        shape: g.health,
        label: String(g.vmid),
        traffic,
      });
    }
    return {
      hubs: nodes.map((n, i) => ({ at: places[i] ?? [0, 0, 1], live: n.status === "online" })),
      dots,
      linked,
      dark,
    };
  }, [nodes, guests, linked, dark]);
  useEffect(() => {
    const box = canvas.current;
    if (!box) return;
    const size = Math.round(GLOBE_PX * Math.min(2, devicePixelRatio || 1));
    if (box.width !== size) {
      box.width = size;
      box.height = size;
    }
    const style = getComputedStyle(document.documentElement);
    const inks = {
      cy: "rgb(120,230,255)",
      am: rgb(style, "--am"),
      rd: rgb(style, "--rd"),
      grey: "rgb(125,152,166)",
    };
    const draw = (): void => drawGlobe(box, scene, turn.current, inks);
    draw();
    if (!moving || dark || still()) return;
    return frames.subscribe(() => {
      turn.current += 0.0053;
      draw();
    });
  }, [scene, moving, dark]);
  return <canvas ref={canvas} className="globe" width={GLOBE_PX} height={GLOBE_PX} />;
}

function rgb(style: CSSStyleDeclaration, name: string): string {
  const hex = style
    .getPropertyValue(name)
    .trim()
    .match(/^#(..)(..)(..)$/);
  return hex
    ? `rgb(${hex
        .slice(1)
        .map((h) => Number.parseInt(h, 16))
        .join(",")})`
    : "rgb(255,255,255)";
}
