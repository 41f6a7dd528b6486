// The rows of the guests: never more of them in the page than fit, each drawn again only when its own guest changed.
import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, memo, useCallback, useMemo, useRef, useState } from "react";
import type { Guest } from "../protocol/Guest";
import { useRecord } from "../stream/store";
import { Bar, toneAt } from "../ui/Bar";
import { percentUnit, ratio, UNKNOWN } from "../ui/format";
import { StateGlyph } from "../ui/Glyph";
import { select, useView } from "../ui/view";
import { ActMenu } from "./ActMenu";
import { guestName, SORTS, type Sort, type SortBy } from "./guestOrder";

const ROW_PX = 28;
const ROW_PHONE_PX = 44;
/** Where the daemon begins to worry about a guest's memory. */
const MEM_MARK = 0.95;

/** The column of numbers fits so many digits; Proxmox allows nine. */
const DIGITS_MAX = 4;
const DIGIT_PX = 8.4;
/** Freed where the kind is not told beside the number. */
const KIND_PX = 25;

const moreFor = (digits: number): number =>
  digits > DIGITS_MAX ? Math.max(0, Math.ceil((digits - DIGITS_MAX) * DIGIT_PX) - KIND_PX) : 0;

interface TableProps {
  readonly ids: readonly string[];
  readonly sort: Sort;
  readonly onSort: (s: Sort) => void;
}

export const GuestTable = memo(function GuestTable({ ids, sort, onSort }: TableProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [rowPx] = useState(() => (matchMedia("(max-width: 860px)").matches ? ROW_PHONE_PX : ROW_PX));
  // Without a name of its own the list of all places would be made anew at each drawing.
  const keyAt = useCallback((i: number) => ids[i] ?? i, [ids]);
  const virtual = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    getItemKey: keyAt,
    overscan: 6,
    initialRect: { width: 400, height: 400 },
  });
  const digits = useMemo(() => ids.reduce((most, id) => Math.max(most, id.length), 0), [ids]);
  return (
    <div
      className="guests fades"
      data-ids={digits > DIGITS_MAX ? "long" : undefined}
      style={{ "--id-more": `${moreFor(digits)}px` } as CSSProperties}
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
});

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
          title={[guestName(guest), guest.why].filter(Boolean).join(": ")}
          onClick={() => select({ kind: "guest", id })}
        >
          {guestName(guest)}
        </button>
        <span className="sr">{guest.kind === "lxc" ? "container" : "virtual machine"}</span>
        {guest.lock !== undefined && (
          <span className="tag" title={`locked: ${guest.lock}`}>
            {guest.lock}
          </span>
        )}
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
