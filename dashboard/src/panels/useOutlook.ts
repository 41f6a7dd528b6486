// The sentence of this second, for the headline and for the tab.

import { type Outlook, outlook } from "../stream/outlook";
import { useSight } from "../stream/sight";
import { useCluster, useStream } from "../stream/store";
import { clock } from "../ui/format";
import { useWaiting } from "./useWaiting";

export function useOutlook(): Outlook {
  const link = useStream((s) => s.link);
  const lastMs = useStream((s) => (s.link.state === "live" ? null : s.mirror.clusterTsMs));
  const seenMs = useStream((s) =>
    s.link.state === "live" ? null : (s.mirror.tables.source.get("resources")?.seen_ms ?? null),
  );
  const waiting = useWaiting().length;
  const cluster = useCluster();
  const { state } = useSight("resources");
  const lastSeen = useStream((s) =>
    state === "lost" ? (s.mirror.tables.source.get("resources")?.seen_ms ?? null) : null,
  );
  return outlook({ link, cluster, sight: state, lastAt: clock(lastMs ?? seenMs ?? lastSeen), waiting });
}
