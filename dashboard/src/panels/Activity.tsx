// What happened, newest first. Reading further down holds the list still; new lines wait behind a pill.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Event } from "../protocol/Event";
import { byName } from "../stream/byName";
import { serverNowMs, useAt } from "../stream/clock";
import { useLoadedSoon, useStream, useTable } from "../stream/store";
import { clock, count, day, utc } from "../ui/format";
import { Glyph } from "../ui/Glyph";
import { Note, Panel } from "../ui/Panel";
import { plain } from "../ui/plain";
import { Skeleton } from "../ui/Skeleton";
import { type Selection, select, useView } from "../ui/view";
import { ExportMenu } from "./ExportMenu";
import { ALL, type FeedFilter, type FeedRow, grouped, type Level, rowsOf, SOURCE_TAG, shapeOf } from "./feed";
import { plainTitle } from "./taskWords";
import { type Feed, useFeed } from "./useFeed";
import "./Activity.css";

const ROW_PX = 53;
const REPEAT_PX = 26;
const DAY_PX = 28;
/** Nearer to the end than this, the next page is fetched. */
const MORE_WITHIN_PX = 400;
const SOURCES: readonly FeedFilter["source"][] = ["all", "sys", "user", "auto", "ai"];
const LEVELS: readonly { readonly id: Level; readonly label: string }[] = [
  { id: "all", label: "All" },
  { id: "warning", label: "Warnings" },
  { id: "critical", label: "Critical" },
];

export function Activity() {
  const [filter, setFilter] = useState<FeedFilter>(ALL);
  const feed = useFeed(filter);
  const loaded = useLoadedSoon();
  const wall = useView((v) => v.wall);
  const today = useAt((now) => day(now));
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const groups = useMemo(() => grouped(feed.events), [feed.events]);
  const rows = useMemo(() => (today ? rowsOf(groups, open, serverNowMs()) : []), [groups, open, today]);
  const toggle = useCallback(
    (key: string) =>
      setOpen((was) => {
        const now = new Set(was);
        if (!now.delete(key)) now.add(key);
        return now;
      }),
    [],
  );
  const todayCount = feed.events.filter((e) => day(e.ts_ms) === today).length;
  const waiting = feed.events.length === 0 && (feed.state === "loading" || !loaded);
  return (
    <Panel
      title="Activity"
      name="activity"
      meta={`today ${todayCount}`}
      tools={wall ? undefined : <ExportMenu filter={filter} />}
    >
      <Filters filter={filter} onFilter={setFilter} />
      {waiting && <Skeleton rows={6} height={48} />}
      {!waiting && rows.length === 0 && <NothingYet feed={feed} filtered={filter !== ALL} />}
      {rows.length > 0 && <Lines rows={rows} feed={feed} onToggle={toggle} />}
      <Announcer newest={feed.events[0]} />
    </Panel>
  );
}

function NothingYet({ feed, filtered }: { readonly feed: Feed; readonly filtered: boolean }) {
  if (feed.state === "failed") {
    return (
      <Note
        text="The past could not be read."
        more={feed.error ?? ""}
        action={
          <button type="button" className="chip" onClick={feed.more}>
            Try again
          </button>
        }
      />
    );
  }
  return filtered ? (
    <Note text="Nothing like this has happened." more="Choose All to see every line." />
  ) : (
    <Note text="Nothing has happened yet." />
  );
}

interface FiltersProps {
  readonly filter: FeedFilter;
  readonly onFilter: (f: FeedFilter) => void;
}

function Filters({ filter, onFilter }: FiltersProps) {
  const nodes = useTable("node");
  // `ALL` itself, so that an untouched filter is recognised.
  const change = (part: Partial<FeedFilter>): void => {
    const next = { ...filter, ...part };
    onFilter(next.level === "all" && next.source === "all" && next.node === "" ? ALL : next);
  };
  return (
    <fieldset className="feed-tools" aria-label="Filter the activity">
      {LEVELS.map(({ id, label }) => (
        <button
          key={id}
          type="button"
          className="chip small"
          aria-pressed={filter.level === id}
          data-testid={`feed-${id}`}
          onClick={() => change({ level: id })}
        >
          {label}
        </button>
      ))}
      <select
        className="pick"
        aria-label="Source"
        value={filter.source}
        onChange={(e) => change({ source: SOURCES.find((s) => s === e.target.value) ?? "all" })}
      >
        {SOURCES.map((s) => (
          <option key={s} value={s}>
            {s === "all" ? "Source" : SOURCE_TAG[s]}
          </option>
        ))}
      </select>
      <select
        className="pick"
        aria-label="Node"
        value={filter.node}
        onChange={(e) => change({ node: e.target.value })}
      >
        <option value="">Node</option>
        {[...nodes.keys()].sort(byName).map((n) => (
          <option key={n} value={n}>
            {n}
          </option>
        ))}
      </select>
    </fieldset>
  );
}

interface LinesProps {
  readonly rows: readonly FeedRow[];
  readonly feed: Feed;
  readonly onToggle: (key: string) => void;
}

function Lines({ rows, feed, onToggle }: LinesProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) => ({ day: DAY_PX, repeat: REPEAT_PX, event: ROW_PX })[rows[i]?.kind ?? "event"],
    getItemKey: (i) => rows[i]?.key ?? i,
    overscan: 8,
    initialRect: { width: 400, height: 500 },
  });
  const scrolled = (): void => {
    const box = scroller.current;
    if (!box) return;
    if (box.scrollTop > 4) feed.hold();
    else feed.release();
    if (box.scrollHeight - box.scrollTop - box.clientHeight < MORE_WITHIN_PX && feed.state === "idle")
      feed.more();
  };
  const toTop = (): void => {
    feed.release();
    scroller.current?.scrollTo({ top: 0 });
  };
  return (
    <div className="feed fades">
      {feed.fresh > 0 && (
        <button type="button" className="pill" onClick={toTop} data-testid="feed-new">
          {feed.fresh} new
        </button>
      )}
      <section
        className="feed-lines scroll"
        ref={scroller}
        onScroll={scrolled}
        tabIndex={0}
        aria-label="Activity lines"
        data-testid="feed"
      >
        <ol style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return row ? (
              <li
                key={item.key}
                data-index={item.index}
                ref={virtual.measureElement}
                className="feed-row"
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <Row row={row} onToggle={onToggle} />
              </li>
            ) : null;
          })}
        </ol>
        <p className="feed-end">
          {feed.state === "loading" && "Reading older lines …"}
          {feed.state === "end" && `That is all: ${count(feed.events.length, "line")}.`}
          {feed.state === "failed" && (
            <button type="button" className="chip small" onClick={feed.more}>
              Older lines could not be read. Try again
            </button>
          )}
        </p>
      </section>
    </div>
  );
}

function Row({ row, onToggle }: { readonly row: FeedRow; readonly onToggle: (key: string) => void }) {
  switch (row.kind) {
    case "day":
      return <p className="feed-day lab">{row.text}</p>;
    case "repeat":
      return (
        <p className="event-repeat">
          <time dateTime={new Date(row.event.ts_ms).toISOString()} title={utc(row.event.ts_ms)}>
            {clock(row.event.ts_ms)}
          </time>
          <span className="cut">{plain(row.event.detail ?? "the same")}</span>
        </p>
      );
    case "event":
      return <Line event={row.event} times={row.times} open={row.open} onToggle={() => onToggle(row.key)} />;
  }
}

/** A task leads to its log as long as the daemon knows it, then to what it was about. */
function leadsTo({ upid, vmid, node }: Event): Selection | null {
  if (upid !== undefined && useStream.getState().mirror.tables.task.has(upid))
    return { kind: "task", id: upid };
  if (vmid !== undefined) return { kind: "guest", id: String(vmid) };
  return node === undefined ? null : { kind: "node", id: node };
}

interface LineProps {
  readonly event: Event;
  readonly times: number;
  readonly open: boolean;
  readonly onToggle: () => void;
}

function Line({ event, times, open: expanded, onToggle }: LineProps) {
  const { node } = event;
  const title = plain(plainTitle(event));
  const open = leadsTo(event) ? () => select(leadsTo(event)) : null;
  const more = [event.detail, event.detail?.includes(node ?? "\0") ? undefined : node]
    .filter(Boolean)
    .join(" · ");
  return (
    <article className="event" data-severity={event.severity} data-testid={`event-${event.id}`}>
      <time dateTime={new Date(event.ts_ms).toISOString()} title={utc(event.ts_ms)}>
        {clock(event.ts_ms)}
      </time>
      <Glyph shape={shapeOf(event)} word={event.severity} />
      <div>
        <p>
          <span className="tag" data-tone={event.source}>
            {SOURCE_TAG[event.source]}
          </span>{" "}
          {open ? (
            <button type="button" className="event-title" onClick={open}>
              {title}
            </button>
          ) : (
            title
          )}
          {times > 1 && (
            <button
              type="button"
              className="event-times"
              aria-expanded={expanded}
              aria-label={`${times} times, ${expanded ? "hide" : "show"} each`}
              onClick={onToggle}
              data-testid="event-times"
            >
              ×{times}
            </button>
          )}
        </p>
        {more && <small>{plain(more)}</small>}
      </div>
    </article>
  );
}

/** Speaks at most one line in this time, and only what matters. */
const SPEAK_EVERY_MS = 5000;

function Announcer({ newest }: { readonly newest: Event | undefined }) {
  const [said, say] = useState("");
  const last = useRef(0);
  const first = useRef<number | null>(null);
  useEffect(() => {
    if (!newest) return;
    first.current ??= newest.id;
    if (newest.id === first.current || (newest.severity !== "warning" && newest.severity !== "critical"))
      return;
    const wait = Math.max(0, last.current + SPEAK_EVERY_MS - Date.now());
    const timer = setTimeout(() => {
      last.current = Date.now();
      say(newest.title);
    }, wait);
    return () => clearTimeout(timer);
  }, [newest]);
  return (
    <p className="sr" aria-live="polite">
      {said}
    </p>
  );
}
