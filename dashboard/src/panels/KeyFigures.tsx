// The three numbers of the whole cluster, each with its last hour.
import { useMemo } from "react";
import { useAt } from "../stream/clock";
import { GAP_MS, SERIES_SPAN_MS, samplesOf, watchSeries } from "../stream/series";
import { useSight } from "../stream/sight";
import { useStream } from "../stream/store";
import { totals } from "../stream/sums";
import {
  bytes,
  bytesText,
  count,
  decimal,
  duration,
  percent,
  rate,
  rateText,
  ratio,
  UNKNOWN,
} from "../ui/format";
import { Sparkline } from "../ui/Sparkline";

const watchOf = (metric: string) => (l: () => void) => watchSeries("cluster", metric, l);
const readOf = (metric: string) => () => samplesOf("cluster", metric);
const SERIES = {
  cpu: { watch: watchOf("cpu"), read: readOf("cpu") },
  mem: { watch: watchOf("mem_used_bytes"), read: readOf("mem_used_bytes") },
  net: { watch: watchOf("net_in_bps"), read: readOf("net_in_bps") },
};

/** From this share on it is the whole span: the oldest sample is never exactly at its edge. */
const WHOLE = 0.9;
const MINUTE_MS = 60_000;

interface FigureProps {
  readonly name: "mem" | "cpu" | "net";
  readonly label: string;
  readonly value: string;
  readonly unit: string;
  readonly of: string;
  readonly left: string;
  readonly leftAbout?: string;
  readonly right: string;
  readonly top?: number | undefined;
}

function Figure({ name, label, value, unit, of, left, leftAbout, right, top }: FigureProps) {
  const { watch, read } = SERIES[name];
  return (
    <div className={`key key-${name}`} data-testid={`key-${name}`}>
      <h2 className="lab">{label}</h2>
      <p className="key-value figure">
        {value}
        <small>
          {unit}
          <span> {of}</span>
        </small>
      </p>
      <Sparkline
        watch={watch}
        read={read}
        spanMs={SERIES_SPAN_MS}
        gapMs={GAP_MS}
        {...(top === undefined ? {} : { top })}
        label={`${label} over the last hour at most, now ${value} ${unit}`}
      />
      <p className="key-foot figure">
        <span title={leftAbout}>
          {left}
          {leftAbout !== undefined && <span className="sr"> {leftAbout}</span>}
        </span>
        <span>{right}</span>
      </p>
    </div>
  );
}

/** How much past the lines show: a young daemon remembers less than the hour there is room for. */
function spanWords(): string {
  const past = samplesOf("cluster", "cpu");
  const [first, last] = [past[0], past.at(-1)];
  if (!first || !last) return "";
  const ms = last.tMs - first.tMs;
  return duration(ms > SERIES_SPAN_MS * WHOLE ? SERIES_SPAN_MS : Math.max(ms, MINUTE_MS));
}

export function KeyFigures() {
  const tables = useStream((s) => s.mirror.tables);
  const sight = useSight("resources");
  const sum = useMemo(() => totals(tables), [tables]);
  const netIn = rate(sum.netInBps);
  const span = useAt(spanWords);
  const partial = sum.missing > 0 ? `without ${count(sum.missing, "node")}` : span;
  return (
    <div className="keys" data-sight={sight.state}>
      <Figure
        name="cpu"
        label="Cluster CPU"
        value={percent(sum.cpu)}
        unit={sum.cpu === null ? "" : "%"}
        of={sum.cores === null ? "" : `of ${count(sum.cores, "core")}`}
        left={`load ${decimal(sum.load1, 1)}`}
        {...(sum.loadMissing > 0 && { leftAbout: `without the load of ${count(sum.loadMissing, "node")}` })}
        right={partial}
        top={1}
      />
      <Figure
        name="mem"
        label="Memory"
        value={percent(ratio(sum.memUsedBytes, sum.memTotalBytes))}
        unit={sum.memTotalBytes === null ? "" : "%"}
        of={sum.memTotalBytes === null ? "" : `of ${bytesText(sum.memTotalBytes)}`}
        left={
          sum.memUsedBytes === null
            ? UNKNOWN
            : `${bytes(sum.memUsedBytes).value} ${bytes(sum.memUsedBytes).unit}`
        }
        right={partial}
        top={sum.memTotalBytes ?? undefined}
      />
      <Figure
        name="net"
        label="Network"
        value={netIn.value}
        unit={netIn.unit}
        of={netIn.unit && "in"}
        left={`out ${rateText(sum.netOutBps)}`}
        right={span}
      />
    </div>
  );
}
