// The terminal where what draws it cannot be had, and the times it tells.
import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { useFresh } from "../stream/fresh";
import { answerFrom } from "../stream/rest";
import { openShellsWith, useShells } from "../stream/terminal";
import type { ShellWire } from "../stream/terminalLink";
import { clock } from "../ui/format";
import { Terminal } from "./Terminal";
import type { TerminalStrip } from "./TerminalStrip";

const NOW = Date.UTC(2026, 9, 20, 14);
const NODE = "pve";
const KEPT = `jarvis.shell.${NODE}`;
const opened = vi.fn();

/** The server has no such file any more. */
const fileIsGone = () =>
  vi.doMock("./terminalScreen", () => {
    throw new TypeError("Failed to fetch dynamically imported module");
  });
const fileIsThere = () =>
  vi.doMock("./terminalScreen", () => ({
    createScreen: async () => ({
      write: (_: Uint8Array, drawn: () => void) => drawn(),
      clear: () => undefined,
      size: () => ({ cols: 80, rows: 24 }),
      attach: () => () => undefined,
      focus: () => undefined,
      paste: () => undefined,
      setAloud: () => undefined,
      retint: () => undefined,
    }),
  }));

const show = (): void => void render(<Terminal />);
const offer = () => screen.findByTestId<HTMLButtonElement>("open-shell");
const missing = () => screen.findByTestId("terminal-missing");
const click = async (): Promise<void> => void fireEvent.click(await offer());

beforeEach(() => {
  sessionStorage.clear();
  useShells.setState({ states: {} });
  opened.mockClear();
  openShellsWith((node) => {
    opened(node);
    return { send: () => undefined, close: () => undefined } as unknown as ShellWire;
  });
  answerFrom(async (path) =>
    path.startsWith("/api/v1/terminals")
      ? Response.json({ nodes: [{ node: NODE, user: "root" }], idle_s: 900, resume_s: 120 })
      : Response.json({ user: "ann", fresh: false }),
  );
  return () => {
    vi.useRealTimers();
    vi.doUnmock("./terminalScreen");
  };
});

describe("without the file that draws it", () => {
  it("says so and what to do, asks for no password, and can be tried again", async () => {
    fileIsGone();
    show();
    await click();
    const words = (await missing()).textContent;
    expect(words).toContain("The terminal could not be loaded.");
    expect(words).toContain("Reload the page");
    expect(screen.getByRole("alert").textContent).toBe(words);
    expect([useFresh.getState().what, (await offer()).disabled]).toEqual([null, false]);
    expect(opened).not.toHaveBeenCalled();
    const reload = vi.spyOn(location, "reload").mockImplementation(() => undefined);
    fireEvent.click(screen.getByRole("button", { name: "Reload" }));
    expect(reload).toHaveBeenCalledTimes(1);
    reload.mockRestore();
  });
  it("says so of a shell that a page loaded anew comes back to, which is kept", async () => {
    sessionStorage.setItem(KEPT, "secret");
    fileIsGone();
    show();
    expect(await missing()).toBeTruthy();
    expect(opened).not.toHaveBeenCalled();
    expect(sessionStorage.getItem(KEPT)).toBe("secret");
  });
  it("takes its words back once the file is there", async () => {
    fileIsGone();
    show();
    await click();
    await missing();
    fileIsThere();
    await click();
    await waitFor(() => expect(useFresh.getState().what).toBe(`A terminal on ${NODE}`));
    expect(screen.queryByTestId("terminal-missing")).toBeNull();
    await act(async () => useFresh.getState().answer(true));
    expect(opened).toHaveBeenCalledWith(NODE);
  });
});

it("tells until when a lost shell waits by the page's clock, not by that of the machine", async () => {
  vi.resetModules();
  const hoursMs = 2 * 3_600_000;
  vi.useFakeTimers({ toFake: ["Date"], now: NOW - hoursMs });
  const { offset } = await import("../stream/clock");
  const { TerminalStrip: Strip }: { TerminalStrip: typeof TerminalStrip } = await import("./TerminalStrip");
  offset.learn(NOW, Date.now());
  const local = Date.now();
  render(
    <Strip
      node={NODE}
      state={{ state: "lost", retryAtMs: local + 3000, untilMs: local + 60_000, reason: "gone" }}
      onOpen={() => undefined}
      onForget={() => undefined}
      onAloud={() => undefined}
    />,
  );
  const words = screen.getByRole("status").textContent;
  expect(words).toContain(`waits until ${clock(NOW + 60_000)};`);
  expect(words).toContain("next try in 3\u2009s");
});
