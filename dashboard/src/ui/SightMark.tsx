// Says that what is shown is not current, and how old it is: in a panel's head, or of one figure.
import { duration } from "./format";

interface SightLike {
  readonly state: string;
  readonly ageS: number | null;
}

/** How old it is; null while it is current, or nothing was ever there. */
export function sightWords({ state, ageS }: SightLike): string | null {
  if (state === "fresh" || state === "waiting") return null;
  const age = ageS === null ? "" : duration(ageS * 1000);
  return state === "lost" ? `last seen ${age} ago` : `${age} old`;
}

export function SightMark({ sight }: { readonly sight: SightLike }) {
  const words = sightWords(sight);
  if (words === null) return null;
  return (
    <span
      className={`sight-mark tone-${sight.state === "lost" ? "critical" : "attention"}`}
      data-testid="stale"
    >
      ◌ {words}{" "}
    </span>
  );
}
