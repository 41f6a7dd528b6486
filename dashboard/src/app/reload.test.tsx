import { act, render } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { EMPTY } from "../stream/reduce";
import { answerFrom } from "../stream/rest";
import { resetStream, useStream } from "../stream/store";
import { useReloadOnMissingFile, useReloadOnNewBuild } from "./reload";
import { Screen } from "./Screen";

const NOW = Date.UTC(2026, 9, 20, 14);
const MINUTE_MS = 60_000;
const reload = vi.fn();

function Page() {
  useReloadOnNewBuild();
  useReloadOnMissingFile();
  return null;
}

/** As Vite tells of a file that it could not load. */
const miss = () => act(() => void dispatchEvent(new Event("vite:preloadError", { cancelable: true })));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  vi.spyOn(location, "reload").mockImplementation(reload);
  reload.mockClear();
  sessionStorage.clear();
  resetStream();
  useStream.setState({ link: { state: "live" } });
  return () => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.useRealTimers();
  };
});

describe("a file that is gone", () => {
  it("loads the page anew, and not again while that did not help", () => {
    const first = render(<Page />);
    miss();
    expect(reload).toHaveBeenCalledTimes(1);
    // The page that was loaded anew.
    first.unmount();
    render(<Page />);
    vi.setSystemTime(NOW + 9 * MINUTE_MS);
    miss();
    miss();
    expect(reload).toHaveBeenCalledTimes(1);
  });
  it("loads it anew after the next upgrade too", () => {
    render(<Page />);
    miss();
    vi.setSystemTime(NOW + 11 * MINUTE_MS);
    miss();
    expect(reload).toHaveBeenCalledTimes(2);
    // Set back by a day, the clock does not put the next one off for a day.
    vi.setSystemTime(NOW - 1440 * MINUTE_MS);
    miss();
    expect(reload).toHaveBeenCalledTimes(3);
  });
  it("does not while nobody could answer: the page that waits would be lost", () => {
    render(<Page />);
    act(() =>
      useStream.setState({ link: { state: "lost", sinceMs: NOW, retryAtMs: NOW + 1000, reason: "gone" } }),
    );
    miss();
    expect(reload).not.toHaveBeenCalled();
    act(() => useStream.setState({ link: { state: "live" } }));
    miss();
    expect(reload).toHaveBeenCalledTimes(1);
  });
  it("does not where it cannot be remembered: that could go on for ever", () => {
    const refuse = (): never => {
      throw new DOMException("refused", "SecurityError");
    };
    vi.stubGlobal("sessionStorage", { getItem: () => null, setItem: refuse, removeItem: refuse });
    render(<Page />);
    miss();
    expect(reload).not.toHaveBeenCalled();
  });
  it("is the screen's concern", async () => {
    answerFrom(async () => Response.json({ items: [], next_cursor: null, buckets: [], nodes: [] }));
    render(<Screen onOut={() => undefined} locked={false} />);
    await act(async () => {});
    miss();
    expect(reload).toHaveBeenCalledTimes(1);
  });
  it("is nobody's concern once the page is left", () => {
    render(<Page />).unmount();
    miss();
    expect(reload).not.toHaveBeenCalled();
  });
});

it("a daemon of another build loads the page anew, the first one does not", () => {
  const build = (name: string) => act(() => useStream.setState({ mirror: { ...EMPTY, build: name } }));
  render(<Page />);
  build("3.1.0");
  expect(reload).not.toHaveBeenCalled();
  build("3.1.1");
  expect(reload).toHaveBeenCalledTimes(1);
});
