// A small line of the recent past, set straight from a ring of numbers when told of a new one.
// An outline and not a canvas: each canvas is a layer of its own, and fifty of them made every picture of the page dear.
import { useEffect, useId, useRef } from "react";
import { BOX, type SparkSample, sparkPath } from "./sparkPath";

interface SparklineProps {
  readonly watch: (listener: () => void) => () => void;
  readonly read: () => readonly SparkSample[];
  readonly spanMs: number;
  readonly gapMs: number;
  /** Top of the scale; by default the highest value seen. */
  readonly top?: number;
  readonly tone?: string;
  readonly label: string;
}

export function Sparkline({ watch, read, spanMs, gapMs, top, tone, label }: SparklineProps) {
  const id = useId();
  const line = useRef<SVGPathElement>(null);
  const under = useRef<SVGPathElement>(null);
  const end = useRef<SVGPathElement>(null);
  useEffect(() => {
    const draw = (): void => {
      const path = sparkPath(read(), { spanMs, gapMs, top });
      line.current?.setAttribute("d", path.line);
      under.current?.setAttribute("d", path.under);
      end.current?.setAttribute("d", path.end);
    };
    draw();
    return watch(draw);
  }, [watch, read, spanMs, gapMs, top]);
  return (
    <svg
      className={`spark figure spark-${tone ?? "ok"}`}
      viewBox={`0 0 ${BOX.width} ${BOX.height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <linearGradient id={id} x1="0" y1="0" x2="0" y2="1">
        <stop className="spark-top" />
        <stop offset="1" className="spark-foot" />
      </linearGradient>
      <path ref={under} fill={`url(#${id})`} />
      <path ref={line} className="spark-line" />
      <path ref={end} className="spark-end" />
    </svg>
  );
}
