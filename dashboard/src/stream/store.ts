// What the panels read: the mirror, the link, and selectors by id. Publishes once a second, and at once what matters.
import { useDeferredValue } from "react";
import { create } from "zustand";
import type { Cluster } from "../protocol/Cluster";
import type { ServerFrame } from "../protocol/ServerFrame";
import { offset, seconds } from "./clock";
import { EMPTY, type Mirror, reduce, type Tables } from "./reduce";
import { sampleSeries } from "./series";
import type { Link, Socket } from "./socket";
import { urgent } from "./urgent";

export interface StreamState {
  readonly mirror: Mirror;
  readonly link: Link;
}

export const useStream = create<StreamState>(() => ({
  mirror: EMPTY,
  link: { state: "connecting", attempt: 0 },
}));

/** A hidden tab gets no animation frames; it follows at this pace instead. */
const HIDDEN_PUBLISH_MS = 1000;

export interface Sink {
  onFrame(frame: ServerFrame): void;
  onLink(link: Link): void;
  place(): Mirror;
  /** Publishes at once what was received. */
  flush(): void;
  end(): void;
}

/**
 * Frames are applied as they come, so nothing queues; React hears of news in the next animation frame, and of moved
 * figures together with the clock.
 * `socket` is asked lazily since it is made with this sink.
 */
export function createSink(socket: () => Pick<Socket, "resync">): Sink {
  let mirror = useStream.getState().mirror;
  let planned = false;

  function flush(): void {
    planned = false;
    if (useStream.getState().mirror === mirror) return;
    useStream.setState({ mirror });
    sampleSeries(mirror.tables, mirror.clusterTsMs);
  }

  function plan(now: boolean): void {
    if (planned || !(now || document.hidden)) return;
    planned = true;
    if (document.hidden) setTimeout(flush, HIDDEN_PUBLISH_MS);
    else requestAnimationFrame(flush);
  }

  const stop = seconds.subscribe(flush);

  return {
    onFrame(frame) {
      if (frame.type === "hello" || frame.type === "ping") {
        offset.learn(frame.server_time_ms, Date.now());
        if (frame.type === "hello") seconds.refresh();
      }
      const step = reduce(mirror, frame);
      if (step.mirror !== mirror) {
        mirror = step.mirror;
        plan(urgent(frame));
      }
      if (step.resync) socket().resync(step.resync);
    },
    onLink(link) {
      const before = useStream.getState().link;
      if (before.state === "live" && link.state === "live") return;
      useStream.setState({ link });
    },
    place: () => mirror,
    flush,
    end: stop,
  };
}

export function resetStream(): void {
  useStream.setState({ mirror: EMPTY, link: { state: "connecting", attempt: 0 } });
}

type RecordOf<K extends keyof Tables> = Tables[K] extends ReadonlyMap<string, infer T> ? T : never;

/** One record; the component renders only when that record changed. */
export function useRecord<K extends keyof Tables>(kind: K, id: string | null): RecordOf<K> | undefined {
  return useStream((s) =>
    id === null ? undefined : (s.mirror.tables[kind].get(id) as RecordOf<K> | undefined),
  );
}

export function useTable<K extends keyof Tables>(kind: K): Tables[K] {
  return useStream((s) => s.mirror.tables[kind]);
}

export function useCluster(): Cluster | undefined {
  return useRecord("cluster", "cluster");
}

/** True once a snapshot of the cluster has come, also while the link is lost afterwards. */
export function useLoaded(): boolean {
  return useStream((s) => s.mirror.clusterTsMs !== null);
}

/**
 * As `useLoaded`, a moment later: the first picture is the answer and the machines, drawn at once, and the lists follow
 * in slices that the browser may interrupt. All of it in one piece blocked the page for as long as all of it takes.
 */
export function useLoadedSoon(): boolean {
  return useDeferredValue(useLoaded());
}

export function useLive(): boolean {
  return useStream((s) => s.link.state === "live");
}
