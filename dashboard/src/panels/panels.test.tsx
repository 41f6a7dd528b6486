import { act, fireEvent, render, screen, within } from "@testing-library/react";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Screen } from "../app/Screen";
import recording from "../demo/recording.json";
import type { Event } from "../protocol/Event";
import type { Node } from "../protocol/Node";
import type { ServerFrame } from "../protocol/ServerFrame";
import { seconds } from "../stream/clock";
import { EMPTY, type Mirror, reduce } from "../stream/reduce";
import { answerFrom } from "../stream/rest";
import type { Link } from "../stream/socket";
import { resetStream, useStream } from "../stream/store";
import { MODES, select, useView } from "../ui/view";

const NOW = recording.recorded_ms + 1000;
const full = (recording.frames.slice(0, 3) as unknown as ServerFrame[]).reduce(
  (m, f) => reduce(m, f).mirror,
  EMPTY,
);
const live: Link = { state: "live" };

const nothing: Mirror = { ...full, tables: { ...EMPTY.tables, cluster: full.tables.cluster }, events: [] };
const node = full.tables.node.get("pve") as Node;
const lostNode: Mirror = {
  ...full,
  tables: {
    ...full.tables,
    node: new Map(full.tables.node).set("pve", {
      ...node,
      status: "offline",
      health: "critical",
      as_of_ms: NOW - 14_000,
    }),
  },
};

const STATES: Readonly<Record<string, { mirror: Mirror; link: Link; at?: number }>> = {
  loading: { mirror: EMPTY, link: { state: "connecting", attempt: 0 } },
  empty: { mirror: nothing, link: live },
  ready: { mirror: full, link: live },
  partial: { mirror: lostNode, link: live },
  stale: { mirror: full, link: live, at: NOW + 3_000 },
  blind: { mirror: full, link: live, at: NOW + 60_000 },
  disconnected: {
    mirror: full,
    link: { state: "lost", sinceMs: NOW, retryAtMs: NOW + 1000, reason: "gone" },
  },
  forbidden: { mirror: full, link: { state: "denied", why: "forbidden" } },
};

function show(state: keyof typeof STATES): void {
  const s = STATES[state];
  if (!s) throw new Error(`no state ${state}`);
  vi.setSystemTime(s.at ?? NOW);
  seconds.refresh();
  useStream.setState({ mirror: s.mirror, link: s.link });
  render(<Screen onOut={() => undefined} locked={false} />);
}

const events = (n: number): Event[] => full.events.slice(0, n).map((e) => ({ ...e }));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
  answerFrom(async (path) =>
    path.startsWith("/api/v1/events")
      ? Response.json({ items: events(5), next_cursor: null })
      : Response.json(
          { error: { kind: "unavailable", message: "The store is full. Free some disk." } },
          { status: 503 },
        ),
  );
  resetStream();
  useView.setState({ mode: "jarvis", wall: false, selection: null });
});
afterEach(() => vi.useRealTimers());

describe.each(MODES)("in %s mode", (mode) => {
  it.each(Object.keys(STATES))(
    "%s: axe finds nothing, and no text is NaN or undefined",
    async (state) => {
      useView.setState({ mode });
      show(state);
      await act(async () => {});
      vi.useRealTimers();
      const result = await axe.run(document.body, {
        resultTypes: ["violations"],
        // happy-dom computes no layout; contrast is judged by the token test and in the browser.
        rules: {
          "color-contrast": { enabled: false },
          region: { enabled: false },
          "scrollable-region-focusable": { enabled: false },
        },
      });
      expect(
        result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 90)).join(" | ")}`),
      ).toEqual([]);
    },
    60_000,
  );
});

describe("what is not known", () => {
  it("is a dash, not a zero", () => {
    show("empty");
    expect(screen.getByTestId("key-cpu").textContent).toContain("—");
    expect(screen.getByText("No guests.")).toBeTruthy();
  });
  it("is not drawn as well: a blind screen has no healthy glyph among nodes and guests", () => {
    show("blind");
    for (const panel of ["panel-nodes", "panel-guests", "panel-storage"]) {
      expect(screen.getByTestId(panel).querySelectorAll('.glyph[data-shape="ok"]')).toHaveLength(0);
      expect(within(screen.getByTestId(panel)).getByTestId("stale").textContent).toContain("last seen");
    }
    expect(screen.getByTestId("headline").textContent).toContain("I have lost sight of the cluster.");
  });
  it("is said of one lost node, and its figures leave the sums", () => {
    show("partial");
    expect(screen.getByTestId("node-pve").textContent).toContain("last seen 14\u2009s ago");
    expect(screen.getByTestId("key-cpu").textContent).toContain("without 1 node");
  });
  it("is said in the headline when the daemon is gone", () => {
    show("disconnected");
    expect(screen.getByTestId("headline").textContent).toContain("I have lost the daemon.");
    expect(document.title).toContain("◌ I have lost the daemon.");
  });
});

describe("the guest list", () => {
  it("finds by name and number, and filters", () => {
    show("ready");
    const rows = (): number =>
      screen.getByTestId("guest-table").querySelectorAll('[data-testid^="guest-1"]').length;
    const all = rows();
    expect(all).toBeGreaterThan(5);
    fireEvent.change(screen.getByRole("searchbox"), { target: { value: "107" } });
    expect(rows()).toBe(1);
    fireEvent.change(screen.getByRole("searchbox"), { target: { value: "no such thing" } });
    expect(screen.getByText(/Nothing matches/)).toBeTruthy();
    fireEvent.change(screen.getByRole("searchbox"), { target: { value: "" } });
    fireEvent.click(screen.getByTestId("filter-issues"));
    expect(rows()).toBe(1);
  });
  it("tells its order to those who do not see it", () => {
    show("ready");
    const head = screen.getByRole("columnheader", { name: /^CPU/ });
    fireEvent.click(within(head).getByRole("button"));
    expect(head.getAttribute("aria-sort")).toBe("descending");
  });
});

describe("the history", () => {
  it("opens for a guest, is the address, and closes with Escape", async () => {
    show("ready");
    await act(async () => select({ kind: "guest", id: "107" }));
    expect(screen.getByTestId("history-drawer").textContent).toContain("nextcloud");
    expect(location.pathname).toBe("/g/107");
    await act(async () => void fireEvent.keyDown(document.body, { key: "Escape" }));
    expect(screen.queryByTestId("history-drawer")).toBeNull();
    expect(location.pathname).toBe("/");
  });
  it("says why it cannot be read", async () => {
    show("ready");
    await act(async () => select({ kind: "node", id: "pve" }));
    await act(async () => {});
    expect(screen.getByTestId("history-drawer").textContent).toContain("The store is full. Free some disk.");
  });
  it("says that a thing is not there", async () => {
    show("ready");
    await act(async () => select({ kind: "guest", id: "999" }));
    expect(screen.getByTestId("history-drawer").textContent).toContain("Guest 999 is not in the cluster.");
  });
});

describe("keys", () => {
  it("do nothing while something is typed", () => {
    show("ready");
    fireEvent.keyDown(screen.getByRole("searchbox"), { key: "m" });
    expect(useView.getState().mode).toBe("jarvis");
    fireEvent.keyDown(document.body, { key: "m" });
    expect(useView.getState().mode).toBe("ops");
  });
  it("reach the search, and step through the guests", () => {
    show("ready");
    fireEvent.keyDown(document.body, { key: "/" });
    expect(document.activeElement).toBe(screen.getByRole("searchbox"));
    (document.activeElement as HTMLElement).blur();
    fireEvent.keyDown(document.body, { key: "j" });
    expect(document.activeElement?.textContent).toBe("nextcloud");
  });
});

it("names from the cluster are text, never markup", async () => {
  const guest = full.tables.guest.get("100");
  if (!guest) throw new Error("no guest 100");
  const evil = '<img src=x onerror="alert(1)">';
  useStream.setState({
    mirror: {
      ...full,
      tables: {
        ...full.tables,
        guest: new Map([["100", { ...guest, name: evil, tags: [evil], why: evil }]]),
      },
    },
    link: live,
  });
  useView.setState({ selection: { kind: "guest", id: "100" } });
  render(<Screen onOut={() => undefined} locked={false} />);
  await act(async () => {});
  expect(document.querySelector("img")).toBeNull();
  expect(document.body.textContent).toContain(evil);
});
