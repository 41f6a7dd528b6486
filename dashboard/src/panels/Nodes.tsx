// The machines: load, memory, time running, and what is wrong with one.
import { memo, useCallback, useMemo } from "react";
import type { Node } from "../protocol/Node";
import { byName } from "../stream/byName";
import { serverNowMs, useAt } from "../stream/clock";
import { GAP_MS, SERIES_SPAN_MS, samplesOf, watchSeries } from "../stream/series";
import { useSight } from "../stream/sight";
import { useCluster, useLoaded, useRecord, useTable } from "../stream/store";
import { Bar, type Tone, toneAt, toneOf } from "../ui/Bar";
import {
  bytesOf,
  celsius,
  count,
  decimal,
  duration,
  durationShort,
  percentUnit,
  ratio,
  UNKNOWN,
} from "../ui/format";
import { StateGlyph } from "../ui/Glyph";
import { Note, Panel } from "../ui/Panel";
import { RingGauge } from "../ui/RingGauge";
import { SightMark, sightWords } from "../ui/SightMark";
import { Skeleton } from "../ui/Skeleton";
import { Sparkline } from "../ui/Sparkline";
import { select, useView } from "../ui/view";
import { ActMenu } from "./ActMenu";
import "./Nodes.css";

/** Where the daemon begins to worry; drawn as a mark. */
const MEM_MARK = 0.9;
/** Above this many the cards become single lines. */
const CARDS_MAX = 5;

const RANK: Readonly<Record<Node["health"], number>> = {
  critical: 0,
  attention: 1,
  unknown: 2,
  off: 3,
  ok: 4,
};

export function Nodes() {
  const table = useTable("node");
  const wall = useView((v) => v.wall);
  const cluster = useCluster();
  const loaded = useLoaded();
  const sight = useSight("resources");
  const names = useMemo(() => {
    const nodes = [...table.values()].sort((a, b) => byName(a.name, b.name));
    // On a wall nobody clicks, so what is unwell may move to the top; where not all are in sight, it must.
    if (wall || nodes.length > CARDS_MAX) nodes.sort((a, b) => RANK[a.health] - RANK[b.health]);
    return nodes.map((n) => n.name);
  }, [table, wall]);
  const meta = cluster && (
    <>
      <SightMark sight={sight} />
      {cluster.nodes_online} / {cluster.nodes_total} online
      {cluster.quorum !== undefined && ` · quorum ${cluster.quorum}`}
      {cluster.quorate === false && <span className="tone-critical"> lost</span>}
    </>
  );
  return (
    <Panel title="Nodes" name="nodes" meta={meta} sight={sight.state}>
      {!loaded && <Skeleton rows={4} height={68} />}
      {loaded && names.length === 0 && (
        <Note
          text="No nodes yet."
          more="The daemon has not read its first answer from Proxmox, or its token may see none. `jarvisd doctor` says which."
        />
      )}
      {names.length > 0 && (
        <ul className={`nodes scroll ${names.length > CARDS_MAX ? "nodes-many" : ""}`} data-list="nodes">
          {names.map((name) => (
            <NodeCard key={name} name={name} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

const NodeCard = memo(function NodeCard({ name }: { readonly name: string }) {
  const node = useRecord("node", name);
  const chosen = useView((v) => v.selection?.kind === "node" && v.selection.id === name);
  if (!node) return null;
  const frozen = node.as_of_ms !== undefined;
  const mem = ratio(node.mem_used_bytes, node.mem_total_bytes);
  const of = bytesOf(node.mem_used_bytes, node.mem_total_bytes);
  const tone = toneOf(node.health);
  return (
    <li
      className="node"
      data-chosen={chosen}
      data-sight={frozen ? "lost" : undefined}
      data-testid={`node-${name}`}
    >
      <RingGauge ratio={node.cpu ?? null} tone={tone} unit="CPU" />
      <div className="node-main">
        <h3>
          <StateGlyph shape={node.health} />
          <button
            type="button"
            className="stretch cut"
            data-item
            title={name}
            onClick={() => select({ kind: "node", id: name })}
          >
            {name}
          </button>
          <ActMenu kind="node" id={name} name={name} />
        </h3>
        <p
          className={`node-sub cut ${node.why ? `tone-${node.health}` : ""}`}
          title={node.why ?? node.cpu_model}
        >
          <NodeSub node={node} />
        </p>
        <div className="node-mem">
          <span className="lab">Mem</span>
          <Bar ratio={mem} tone={toneAt(node.health, mem, MEM_MARK)} mark={MEM_MARK} />
          <span className="figure node-of">
            {of.value}
            <small> {of.unit}</small>
          </span>
          <span className="figure node-share" aria-hidden="true">
            {percentUnit(mem)}
          </span>
        </div>
        <span className="sr">
          CPU {percentUnit(node.cpu)}, memory {percentUnit(mem)}
        </span>
      </div>
      <NodeTrend node={node} tone={tone} />
    </li>
  );
});

function NodeSub({ node }: { readonly node: Node }) {
  const ago = useAt((now) => (node.as_of_ms === undefined ? null : duration(now - node.as_of_ms)));
  if (ago !== null) return <>last seen {ago} ago</>;
  if (node.why) return <>{node.why}</>;
  const parts = [node.cpu_cores === undefined ? null : count(node.cpu_cores, "core"), node.ip ?? null];
  return <>{parts.filter((p) => p !== null).join(" · ") || UNKNOWN}</>;
}

function NodeTrend({ node, tone }: { readonly node: Node; readonly tone: Tone }) {
  const entity = `node/${node.name}`;
  const watch = useCallback((l: () => void) => watchSeries(entity, "cpu", l), [entity]);
  const read = useCallback(() => samplesOf(entity, "cpu"), [entity]);
  const up =
    node.started_ms === undefined || node.as_of_ms !== undefined
      ? UNKNOWN
      : durationShort(serverNowMs() - node.started_ms);
  return (
    <div className="node-trend">
      <Sparkline
        watch={watch}
        read={read}
        spanMs={SERIES_SPAN_MS}
        gapMs={GAP_MS}
        top={1}
        tone={tone}
        label={`CPU of ${node.name} over the last hour, now ${percentUnit(node.cpu)}`}
      />
      <div className="node-kv">
        <Vital node={node} />
        <span className="figure dim" title="running for">
          {up}
        </span>
      </div>
    </div>
  );
}

/** How hot it is, or else its load. Each has a source of its own, and can be old while the rest of the card is not. */
function Vital({ node }: { readonly node: Node }) {
  const detail = useSight(`node/${node.name}`);
  const sensors = useSight(`sensors/${node.name}`);
  const hot = node.temp_c !== undefined;
  const load = withAge(hot ? `load ${decimal(node.load1, 1)}` : "load over one minute", sightWords(detail));
  const shown = hot ? sensors : detail;
  const age = sightWords(shown);
  return (
    <span
      className="figure"
      data-sight={shown.state}
      title={hot ? `${withAge("hottest processor", age)}; ${load}` : load}
    >
      {hot ? (
        celsius(node.temp_c)
      ) : (
        <>
          <small>load</small> {decimal(node.load1, 1)}
        </>
      )}
      {age !== null && <span className="sr"> {age}</span>}
    </span>
  );
}

const withAge = (what: string, age: string | null): string => (age === null ? what : `${what}, ${age}`);
