// How far a panel's source can be trusted at this second, and the words for it.
import type { SourceState } from "../protocol/SourceState";
import { ageMs, sightOf, useAt } from "./clock";
import { useRecord } from "./store";

export interface Sight {
  readonly state: SourceState;
  /** Whole seconds since the last good answer; null while there was none. Only told while not fresh. */
  readonly ageS: number | null;
}

export function useSight(sourceId: string): Sight {
  const source = useRecord("source", sourceId);
  const state = useAt((now) => sightOf(source, now));
  const ageS = useAt((now) => {
    if (sightOf(source, now) === "fresh") return null;
    const age = ageMs(source, now);
    return age === null ? null : Math.floor(age / 1000);
  });
  return { state, ageS };
}
