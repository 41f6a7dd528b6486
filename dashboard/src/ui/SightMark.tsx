// Says in a panel's head that what it shows is not current, and how old it is.
import { duration } from "./format";

export function SightMark({
  sight,
}: {
  readonly sight: { readonly state: string; readonly ageS: number | null };
}) {
  if (sight.state === "fresh" || sight.state === "waiting") return null;
  const age = sight.ageS === null ? "" : duration(sight.ageS * 1000);
  return (
    <span
      className={`sight-mark tone-${sight.state === "lost" ? "critical" : "attention"}`}
      data-testid="stale"
    >
      ◌ {sight.state === "lost" ? `last seen ${age} ago` : `${age} old`}{" "}
    </span>
  );
}
