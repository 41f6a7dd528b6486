// Every panel by itself, in each state it can be in, in each mode: what it says, and what it must not pretend.
import { act, cleanup, render } from "@testing-library/react";
import type { FunctionComponent } from "react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import recording from "../demo/recording.json";
import type { ActingView } from "../protocol/ActingView";
import type { ServerFrame } from "../protocol/ServerFrame";
import type { Source } from "../protocol/Source";
import { resetActing, useActing } from "../stream/acting";
import { seconds } from "../stream/clock";
import { EMPTY, type Mirror, reduce } from "../stream/reduce";
import { answerFrom } from "../stream/rest";
import { forgetSeries } from "../stream/series";
import type { Link } from "../stream/socket";
import { resetStream, useStream } from "../stream/store";
import { MODES, useView } from "../ui/view";
import { Acting } from "./Acting";
import { Activity } from "./Activity";
import { Autonomy } from "./Autonomy";
import { Core } from "./Core";
import { Guests } from "./Guests";
import { HistoryDrawer } from "./HistoryDrawer";
import { KillSwitch } from "./KillSwitch";
import { Nodes } from "./Nodes";
import { Sight } from "./Sight";
import { Storage } from "./Storage";
import { Tasks } from "./Tasks";

const NOW = recording.recorded_ms + 1000;
const full = (recording.frames.slice(0, 3) as unknown as ServerFrame[]).reduce(
  (m, f) => reduce(m, f).mirror,
  EMPTY,
);
const nothing: Mirror = {
  ...full,
  tables: { ...EMPTY.tables, cluster: full.tables.cluster, source: new Map() },
  events: [],
};
/** The sources fail, and each says why. */
const failing: Mirror = {
  ...full,
  tables: {
    ...full.tables,
    source: new Map(
      [...full.tables.source].map(([id, s]): [string, Source] => [
        id,
        { ...s, state: "lost", error: "pve refused the token: no such token", error_since_ms: NOW - 60_000 },
      ]),
    ),
  },
};

const acting: ActingView = {
  kill_switch: { on: false },
  autonomy: {
    level: 3,
    by: "human/ann",
    hour_used: 1,
    hour_max: 6,
    day_used: 3,
    day_max: 20,
    quarantined: [],
    scores: [],
  },
  approvals: [],
  actions: [
    {
      id: "ac1",
      tool: "start_guest",
      title: "Start",
      args: { vmid: 107 },
      target: "guest/107",
      vmid: 107,
      tier: "yellow",
      effect: "start_guest",
      caller: "human/ann",
      state: "running",
      log: ["trying to acquire lock..."],
      asked_ms: NOW - 4_000,
      sent_ms: NOW - 4_000,
    },
  ],
};

type State = "loading" | "live" | "late" | "lost" | "empty" | "error";
interface World {
  readonly mirror: Mirror;
  readonly link: Link;
  readonly at: number;
  readonly acting: ActingView | null;
  readonly rest: "answers" | "fails" | "hangs";
}

const live: Link = { state: "live" };
const WORLDS: Readonly<Record<State, World>> = {
  loading: { mirror: EMPTY, link: { state: "connecting", attempt: 0 }, at: NOW, acting: null, rest: "hangs" },
  live: { mirror: full, link: live, at: NOW, acting, rest: "answers" },
  late: { mirror: full, link: live, at: NOW + 3_000, acting, rest: "answers" },
  lost: { mirror: full, link: live, at: NOW + 60_000, acting, rest: "answers" },
  empty: { mirror: nothing, link: live, at: NOW, acting: { ...acting, actions: [] }, rest: "answers" },
  error: {
    mirror: failing,
    link: live,
    at: NOW + 60_000,
    acting: {
      ...acting,
      kill_switch: { on: true, unreadable: "the file cannot be read" },
      autonomy: { ...acting.autonomy, level: 0, unreadable: "the store is damaged" },
    },
    rest: "fails",
  },
};

/** What a state must show; `null` where the panel shows nothing at all. */
type Expected = RegExp | null;
interface Case {
  readonly panel: FunctionComponent;
  readonly says: Readonly<Record<State, Expected>>;
  /** States in which nothing may look well. */
  readonly notWell?: readonly State[];
}

const LOADING = /Loading/;
const CASES: Readonly<Record<string, Case>> = {
  nodes: {
    panel: Nodes,
    says: {
      loading: LOADING,
      live: /4 \/ 4 online/,
      late: /◌ .* old/,
      lost: /last seen 1.min ago|last seen \d+.s ago/,
      empty: /No nodes yet/,
      error: /last seen/,
    },
    notWell: ["lost", "error"],
  },
  guests: {
    panel: Guests,
    says: {
      loading: LOADING,
      live: /running of/,
      late: /old/,
      lost: /last seen/,
      empty: /No guests/,
      error: /last seen/,
    },
    notWell: ["lost", "error"],
  },
  storage: {
    panel: Storage,
    says: {
      loading: LOADING,
      live: /TiB/,
      late: /old/,
      lost: /last seen/,
      empty: /No storage/,
      error: /last seen/,
    },
    notWell: ["lost", "error"],
  },
  tasks: {
    panel: Tasks,
    says: {
      loading: LOADING,
      live: /running/,
      late: /old/,
      lost: /last seen/,
      empty: /No tasks/,
      error: /last seen/,
    },
  },
  activity: {
    panel: Activity,
    says: {
      loading: LOADING,
      live: /today/,
      late: /today/,
      lost: /today/,
      empty: /Nothing has happened yet/,
      error: /today/,
    },
  },
  sight: {
    panel: Sight,
    says: {
      loading: LOADING,
      live: /of \d+ fresh/,
      late: /0 of \d+ fresh|of \d+ fresh/,
      lost: /0 of \d+ fresh/,
      empty: /No source has been read yet/,
      error: /refused the token/,
    },
    notWell: ["lost", "error"],
  },
  history: {
    panel: HistoryDrawer,
    says: {
      loading: /Cluster/,
      live: /Nodes online/,
      late: /Nodes online/,
      lost: /Nodes online/,
      empty: /Nodes online/,
      error: /The store is full/,
    },
  },
  core: {
    panel: Core,
    says: {
      loading: /Looking at the cluster/,
      live: /Cluster CPU/,
      late: /Cluster CPU/,
      lost: /I have lost sight of the cluster/,
      empty: /—/,
      error: /I have lost sight of the cluster/,
    },
    notWell: ["lost", "error", "loading"],
  },
  acting: {
    panel: Acting,
    says: {
      loading: null,
      live: /Start VM 107|Start container 107|Start guest 107/,
      late: /running/,
      lost: /running/,
      empty: null,
      error: /running/,
    },
  },
  autonomy: {
    panel: Autonomy,
    says: {
      loading: null,
      live: /level 3 of 4/,
      late: /level 3 of 4/,
      lost: /level 3 of 4/,
      empty: /level 3 of 4/,
      error: /the store is damaged/,
    },
  },
  kill: {
    panel: KillSwitch,
    says: {
      loading: null,
      live: /Stop all/,
      late: /Stop all/,
      lost: /Stop all/,
      empty: /Stop all/,
      error: /Acting stopped/,
    },
  },
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
  resetStream();
  resetActing();
  forgetSeries();
  return () => {
    cleanup();
    vi.useRealTimers();
  };
});

async function show(name: string, state: State, mode: (typeof MODES)[number]): Promise<HTMLElement> {
  const world = WORLDS[state];
  const entry = CASES[name];
  if (!entry) throw new Error(`no panel ${name}`);
  vi.setSystemTime(world.at);
  seconds.refresh();
  answerFrom(async (path) => {
    if (world.rest === "hangs") return new Promise<Response>(() => undefined);
    if (world.rest === "fails")
      return Response.json(
        { error: { kind: "unavailable", message: "The store is full. Free some disk." } },
        { status: 503 },
      );
    return Response.json(path.includes("/events") ? { items: [], next_cursor: null } : { buckets: [] });
  });
  useView.setState({ mode, wall: false, selection: null });
  useStream.setState({ mirror: world.mirror, link: world.link });
  useActing.setState({ view: world.acting, seq: 1 });
  const { panel: Panel } = entry;
  const { container } = render(<Panel />);
  await act(async () => {});
  return container;
}

const STATES = Object.keys(WORLDS) as State[];
const NONSENSE = /NaN|undefined|Infinity|\[object|null/;

describe.each(Object.keys(CASES))("%s", (name) => {
  it.each(STATES.flatMap((s) => MODES.map((m) => [s, m] as const)))("%s in %s mode", async (state, mode) => {
    const expected = CASES[name]?.says[state];
    const box = await show(name, state, mode);
    const text = `${box.textContent ?? ""} ${[...box.querySelectorAll("[aria-label]")].map((e) => e.getAttribute("aria-label")).join(" ")}`;
    if (expected) expect(text).toMatch(expected);
    else expect(box.textContent).toBe("");
    expect(text).not.toMatch(NONSENSE);
    if (CASES[name]?.notWell?.includes(state))
      expect(box.querySelectorAll('.glyph[data-shape="ok"], [data-health="ok"].headline')).toHaveLength(0);
    // Nothing can be reached by keyboard that has no name.
    for (const b of box.querySelectorAll("button"))
      expect((b.getAttribute("aria-label") ?? b.textContent ?? "").trim()).not.toBe("");
  });
});
