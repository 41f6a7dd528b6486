// Keeps the feed for one filter: follows the stream, fetches older pages, holds the list still while it is read.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Event } from "../protocol/Event";
import { events as fetchEvents } from "../stream/rest";
import { useStream } from "../stream/store";
import { type FeedFilter, merged } from "./feed";
import { eventsQuery } from "./feedExport";

const PAGE = 60;

interface Pages {
  readonly filter: FeedFilter;
  readonly events: readonly Event[];
  readonly cursor: string | null;
  readonly state: "idle" | "loading" | "end" | "failed";
  readonly error: string | null;
}

const none = (filter: FeedFilter): Pages => ({
  filter,
  events: [],
  cursor: null,
  state: "idle",
  error: null,
});

export interface Feed {
  readonly events: readonly Event[];
  /** Lines that came since the list is held still. */
  readonly fresh: number;
  readonly state: Pages["state"];
  readonly error: string | null;
  readonly more: () => void;
  readonly hold: () => void;
  readonly release: () => void;
}

export function useFeed(filter: FeedFilter): Feed {
  const live = useStream((s) => s.mirror.events);
  const [kept, setPages] = useState<Pages>(() => none(filter));
  const [heldId, setHeldId] = useState<number | null>(null);
  const pages = kept.filter === filter ? kept : none(filter);
  const busy = useRef<FeedFilter | null>(null);

  const more = useCallback(async () => {
    if (busy.current === filter || pages.state === "end") return;
    busy.current = filter;
    setPages({ ...pages, state: "loading", error: null });
    const answer = await fetchEvents({
      limit: PAGE,
      ...eventsQuery(filter),
      ...(pages.cursor ? { cursor: pages.cursor } : {}),
    });
    if (busy.current === filter) busy.current = null;
    setPages((now) => {
      if (now.filter !== filter) return now;
      if (!answer.ok) return { ...now, state: "failed", error: answer.failure.message };
      const { events, nextCursor } = answer.value;
      return {
        ...now,
        events: [...now.events, ...events],
        cursor: nextCursor,
        state: nextCursor === null ? "end" : "idle",
      };
    });
  }, [filter, pages]);

  // A filter may leave nothing of the live lines, so its first page is always fetched.
  const first = useRef<FeedFilter | null>(null);
  useEffect(() => {
    if (first.current === filter) return;
    first.current = filter;
    void more();
  }, [filter, more]);

  const all = useMemo(() => merged(live, pages.events, filter), [live, pages.events, filter]);
  const events = useMemo(() => (heldId === null ? all : all.filter((e) => e.id <= heldId)), [all, heldId]);
  const newest = all[0]?.id ?? null;
  return {
    events,
    fresh: all.length - events.length,
    state: pages.state,
    error: pages.error,
    more: () => void more(),
    hold: useCallback(() => setHeldId((held) => held ?? newest), [newest]),
    release: useCallback(() => setHeldId(null), []),
  };
}
