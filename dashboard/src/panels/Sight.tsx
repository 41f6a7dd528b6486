// Where the facts come from, how old each is, and what keeps one from coming.
import { useMemo } from "react";
import type { Source } from "../protocol/Source";
import type { SourceState } from "../protocol/SourceState";
import { byName } from "../stream/byName";
import { sightOf, useAt } from "../stream/clock";
import { useLoadedSoon, useRecord, useTable } from "../stream/store";
import { duration } from "../ui/format";
import { Glyph, type Shape } from "../ui/Glyph";
import { Note, Panel } from "../ui/Panel";
import { Skeleton } from "../ui/Skeleton";
import "./Sight.css";

const WORDS: Readonly<Record<string, string>> = {
  resources: "Nodes, guests, storage",
  membership: "Quorum and members",
  tasks: "Tasks",
};
const SHAPE: Readonly<Record<SourceState, Shape>> = {
  fresh: "ok",
  late: "attention",
  lost: "critical",
  waiting: "unknown",
};

const wordOf = (id: string): string =>
  WORDS[id] ??
  id
    .replace(/^node\//, "Detail of ")
    .replace(/^sensors\//, "Sensors of ")
    .replace(/^guest\//, "Guest ");

/** Comes first: there is room for a few lines, and this is the one that explains the rest of the screen. */
const isAway = (s: Source): boolean => s.state === "lost" || s.error !== undefined;

export function Sight() {
  const table = useTable("source");
  const loaded = useLoadedSoon();
  const ids = useMemo(
    () =>
      [...table.entries()]
        .sort(
          ([a, s], [b, t]) =>
            Number(isAway(t)) - Number(isAway(s)) || Number(b in WORDS) - Number(a in WORDS) || byName(a, b),
        )
        .map(([id]) => id),
    [table],
  );
  const fresh = useAt((now) => [...table.values()].filter((s) => sightOf(s, now) === "fresh").length);
  return (
    <Panel title="Sight" name="sight" meta={loaded ? `${fresh} of ${ids.length} fresh` : undefined}>
      {!loaded && <Skeleton rows={4} height={26} />}
      {loaded && ids.length === 0 && <Note text="No source has been read yet." />}
      {loaded && ids.length > 0 && (
        <ul className="sources scroll" tabIndex={0} aria-label="Sources">
          {ids.map((id) => (
            <SourceRow key={id} id={id} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function SourceRow({ id }: { readonly id: string }) {
  const source = useRecord("source", id);
  const state = useAt((now) => sightOf(source, now));
  const age = useAt((now) =>
    source?.seen_ms === undefined ? "never" : duration(Math.max(0, now - source.seen_ms)),
  );
  if (!source) return null;
  return (
    <li className="source" data-testid={`source-${id}`}>
      <Glyph shape={SHAPE[state]} word={state} />
      <span className="cut">{wordOf(id)}</span>
      <span className="cut dim">{source.via === undefined ? "" : `via ${source.via}`}</span>
      <span className="source-age">{age}</span>
      {source.error !== undefined && <small>{source.error}</small>}
      {source.error === undefined && source.odd_rows !== undefined && source.odd_rows > 0 && (
        <small>{source.odd_rows} rows could not be read</small>
      )}
    </li>
  );
}
