// Every VM and container: found by name or number, filtered, sorted, never more rows in the page than fit.
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useMemo, useRef, useState } from "react";
import type { Guest } from "../protocol/Guest";
import { useSight } from "../stream/sight";
import { useCluster, useLoaded, useRecord, useTable } from "../stream/store";
import { Bar, toneAt } from "../ui/Bar";
import { percentUnit, ratio, UNKNOWN } from "../ui/format";
import { Glyph, StateGlyph } from "../ui/Glyph";
import { Note, Panel } from "../ui/Panel";
import { SightMark } from "../ui/SightMark";
import { Skeleton } from "../ui/Skeleton";
import { select, useView } from "../ui/view";
import { ActMenu } from "./ActMenu";
import {
  arrange,
  FILTERS,
  type Filter,
  guestName,
  matches,
  SORTS,
  type Sort,
  type SortBy,
} from "./guestOrder";
import "./Guests.css";

const ROW_PX = 28;
const ROW_PHONE_PX = 44;
/** Where the daemon begins to worry about a guest's memory. */
const MEM_MARK = 0.95;

export function Guests() {
  const table = useTable("guest");
  const cluster = useCluster();
  const loaded = useLoaded();
  const sight = useSight("resources");
  const [filter, setFilter] = useState<Filter>("all");
  const [search, setSearch] = useState("");
  const [sort, setSort] = useState<Sort>({ by: "vmid", down: false });
  const ids = useMemo(() => arrange(table.values(), filter, search, sort), [table, filter, search, sort]);
  const meta = cluster && (
    <>
      <SightMark sight={sight} />
      {cluster.guests_running} running of {cluster.guests_total}
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
  const counts = useMemo(() => {
    const all = [...table.values()];
    return FILTERS.map(({ id }) => all.filter((g) => matches(g, id)).length);
  }, [table]);
  return (
    <fieldset className="filters" aria-label="Show">
      {FILTERS.map(({ id, label }, i) => {
        const n = counts[i] ?? 0;
        return (
          <button
            key={id}
            type="button"
            className="chip small"
            aria-pressed={filter === id}
            data-tone={id === "issues" && n > 0 ? "attention" : undefined}
            data-testid={`filter-${id}`}
            onClick={() => onFilter(id)}
          >
            {id === "issues" && n > 0 && <Glyph shape="attention" word={null} />}
            {label} <em>{n}</em>
          </button>
        );
      })}
    </fieldset>
  );
}

interface TableProps {
  readonly ids: readonly string[];
  readonly sort: Sort;
  readonly onSort: (s: Sort) => void;
}

function GuestTable({ ids, sort, onSort }: TableProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [rowPx] = useState(() => (matchMedia("(max-width: 860px)").matches ? ROW_PHONE_PX : ROW_PX));
  const virtual = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    getItemKey: (i) => ids[i] ?? i,
    overscan: 6,
    initialRect: { width: 400, height: 400 },
  });
  return (
    <div
      className="guests fades"
      role="table"
      aria-label="Guests"
      aria-rowcount={ids.length + 1}
      data-testid="guest-table"
    >
      <div role="rowgroup">
        <div className="guest guest-head" role="row" aria-rowindex={1}>
          {SORTS.map((column) => (
            <HeadCell
              key={column.by}
              by={column.by}
              label={column.label}
              about={column.about}
              sort={sort}
              onSort={onSort}
            />
          ))}
        </div>
      </div>
      <div className="guest-rows scroll" role="rowgroup" ref={scroller} tabIndex={-1} data-list="guests">
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map((item) => (
            <GuestRow
              key={item.key}
              id={ids[item.index] ?? ""}
              index={item.index}
              top={item.start}
              height={rowPx}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

interface HeadProps {
  readonly by: SortBy;
  readonly label: string;
  readonly about: string;
  readonly sort: Sort;
  readonly onSort: (s: Sort) => void;
}

function HeadCell({ by, label, about, sort, onSort }: HeadProps) {
  const on = sort.by === by;
  return (
    <div
      role="columnheader"
      className={`col-${by}`}
      aria-sort={on ? (sort.down ? "descending" : "ascending") : "none"}
    >
      <button
        type="button"
        title={`Sort by ${about}`}
        onClick={() => onSort({ by, down: on ? !sort.down : by === "cpu" || by === "mem" })}
      >
        {label}
        {on && <span aria-hidden="true">{sort.down ? " ▾" : " ▴"}</span>}
      </button>
    </div>
  );
}

interface RowProps {
  readonly id: string;
  readonly index: number;
  readonly top: number;
  readonly height: number;
}

const GuestRow = memo(function GuestRow({ id, index, top, height }: RowProps) {
  const guest = useRecord("guest", id);
  const chosen = useView((v) => v.selection?.kind === "guest" && v.selection.id === id);
  if (!guest) return null;
  const mem = ratio(guest.mem_used_bytes, guest.mem_total_bytes);
  const running = guest.status === "running";
  return (
    <div
      className="guest"
      role="row"
      aria-rowindex={index + 2}
      data-health={guest.health}
      data-chosen={chosen}
      data-sight={guest.as_of_ms === undefined ? undefined : "lost"}
      data-testid={`guest-${id}`}
      style={{ transform: `translateY(${top}px)`, height }}
    >
      <Cell name="vmid">
        <StateGlyph shape={guest.health} />
        {guest.vmid}
        <span className="guest-kind" aria-hidden="true">
          {guest.kind === "lxc" ? "CT" : "VM"}
        </span>
      </Cell>
      <Cell name="name">
        <button
          type="button"
          className="stretch cut"
          data-item
          title={guest.why}
          onClick={() => select({ kind: "guest", id })}
        >
          {guestName(guest)}
        </button>
        <span className="sr">{guest.kind === "lxc" ? "container" : "virtual machine"}</span>
        {guest.lock !== undefined && <span className="tag">{guest.lock}</span>}
        <ActMenu kind="guest" id={id} name={guestName(guest)} />
      </Cell>
      <Cell name="node">
        <span className="cut">{guest.node}</span>
      </Cell>
      <Cell name="cpu">{running ? percentUnit(guest.cpu) : <GuestWord guest={guest} />}</Cell>
      <Cell name="mem">
        {running && (
          <>
            <Bar ratio={mem} tone={toneAt(guest.health, mem, MEM_MARK)} />
            <span>{percentUnit(mem)}</span>
          </>
        )}
      </Cell>
    </div>
  );
});

function Cell({ name, children }: { readonly name: string; readonly children: React.ReactNode }) {
  return (
    <div role="cell" className={`col-${name} ${name === "cpu" || name === "mem" ? "figure" : ""}`}>
      {children}
    </div>
  );
}

function GuestWord({ guest }: { readonly guest: Guest }) {
  if (guest.template) return <>tmpl</>;
  return <>{guest.status === "stopped" ? "off" : guest.status === "unknown" ? UNKNOWN : guest.status}</>;
}
