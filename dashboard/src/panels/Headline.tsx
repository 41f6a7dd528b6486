// Is everything all right, and does anything need me? The largest text of the screen.
import { useEffect } from "react";
import { outlook } from "../stream/outlook";
import { useSight } from "../stream/sight";
import { useCluster, useStream } from "../stream/store";
import { clock } from "../ui/format";
import { Glyph, SHAPE_CHARACTER } from "../ui/Glyph";

export function Headline() {
  const link = useStream((s) => s.link);
  const lastMs = useStream((s) => (s.link.state === "live" ? null : s.mirror.clusterTsMs));
  const seenMs = useStream((s) => s.mirror.tables.source.get("resources")?.seen_ms ?? null);
  const cluster = useCluster();
  const { state } = useSight("resources");
  const o = outlook({ link, cluster, sight: state, lastAt: clock(lastMs ?? seenMs) });
  useEffect(() => {
    document.title = `${SHAPE_CHARACTER[o.shape]} ${o.headline || "Jarvis"} · Jarvis`;
  }, [o.shape, o.headline]);
  return (
    <div className="headline" data-testid="headline" data-health={o.shape}>
      <p className={`lab tone-${o.shape}`}>
        <Glyph shape={o.shape} word={null} /> {o.label}
      </p>
      <h1 aria-live="polite">{o.headline}</h1>
      <p className="headline-detail">{o.detail}</p>
    </div>
  );
}
