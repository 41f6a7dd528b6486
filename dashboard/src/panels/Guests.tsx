// Every VM and container: found by name or number, filtered and sorted.
import { memo, useMemo, useRef, useState } from "react";
import type { Guest } from "../protocol/Guest";
import { useSight } from "../stream/sight";
import { useCluster, useLoadedSoon, useTable } from "../stream/store";
import { count } from "../ui/format";
import { Glyph } from "../ui/Glyph";
import { Note, Panel } from "../ui/Panel";
import { SightMark } from "../ui/SightMark";
import { Skeleton } from "../ui/Skeleton";
import { GuestTable } from "./GuestTable";
import { arrange, countsOf, FILTERS, type Filter, type Sort, templatesOf } from "./guestOrder";
import "./Guests.css";

/** Ordering ten thousand is no part of the first picture. */
const NOBODY: ReadonlyMap<string, Guest> = new Map();

export function Guests() {
  const loaded = useLoadedSoon();
  const all = useTable("guest");
  const table = loaded ? all : NOBODY;
  const cluster = useCluster();
  const sight = useSight("resources");
  const [filter, setFilter] = useState<Filter>("all");
  const [search, setSearch] = useState("");
  const [sort, setSort] = useState<Sort>({ by: "vmid", down: false });
  const ids = useArranged(table, filter, search, sort);
  // The daemon counts no template as a guest, yet each has its row.
  const templates = useMemo(() => templatesOf(table.values()), [table]);
  const meta = cluster && (
    <>
      <SightMark sight={sight} />
      {cluster.guests_running} running of {cluster.guests_total}
      {templates > 0 && <span className="guest-templates"> · {count(templates, "template")}</span>}
    </>
  );
  return (
    <Panel title="Guests" name="guests" meta={meta} sight={sight.state}>
      <div className="guest-tools">
        <FilterChips table={table} filter={filter} onFilter={setFilter} />
        <input
          className="search"
          type="search"
          placeholder="Find  /"
          aria-label="Find a guest by name, number, node or tag"
          data-search="guests"
          value={search}
          onChange={(e) => setSearch(e.target.value)}
        />
      </div>
      {!loaded && <Skeleton rows={8} height={28} />}
      {loaded && table.size === 0 && <Note text="No guests." more="Proxmox shows none to this token." />}
      {table.size > 0 && ids.length === 0 && <Nothing filter={filter} search={search} />}
      {ids.length > 0 && <GuestTable ids={ids} sort={sort} onSort={setSort} />}
    </Panel>
  );
}

function useArranged(
  table: ReadonlyMap<string, Guest>,
  filter: Filter,
  search: string,
  sort: Sort,
): readonly string[] {
  const last = useRef<readonly string[]>([]);
  return useMemo(() => {
    last.current = arrange(table, filter, search, sort, last.current);
    return last.current;
  }, [table, filter, search, sort]);
}

function Nothing({ filter, search }: { readonly filter: Filter; readonly search: string }) {
  if (search === "" && filter === "issues") return <Note text="No guest has an issue." />;
  return (
    <Note text={`Nothing matches${search ? ` “${search}”` : ""}.`} more="Clear the search or choose All." />
  );
}

interface ChipsProps {
  readonly table: ReadonlyMap<string, Guest>;
  readonly filter: Filter;
  readonly onFilter: (f: Filter) => void;
}

function FilterChips({ table, filter, onFilter }: ChipsProps) {
  const counts = useMemo(() => countsOf(table.values()), [table]);
  return (
    <fieldset className="filters" aria-label="Show">
      {FILTERS.map(({ id, label }) => (
        <FilterChip
          key={id}
          id={id}
          label={label}
          count={counts[id]}
          chosen={filter === id}
          onFilter={onFilter}
        />
      ))}
    </fieldset>
  );
}

interface ChipProps {
  readonly id: Filter;
  readonly label: string;
  readonly count: number;
  readonly chosen: boolean;
  readonly onFilter: (f: Filter) => void;
}

const FilterChip = memo(function FilterChip({ id, label, count, chosen, onFilter }: ChipProps) {
  const warns = id === "issues" && count > 0;
  return (
    <button
      type="button"
      className="chip small"
      aria-pressed={chosen}
      data-tone={warns ? "attention" : undefined}
      data-testid={`filter-${id}`}
      onClick={() => onFilter(id)}
    >
      {warns && <Glyph shape="attention" word={null} />}
      {label} <em>{count}</em>
    </button>
  );
});
