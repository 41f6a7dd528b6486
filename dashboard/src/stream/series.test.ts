import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { offset } from "./clock";
import { answerFrom } from "./rest";
import { forgetSeries, SERIES_SPAN_MS, samplesOf, watchSeries } from "./series";

const NOW = Date.UTC(2026, 9, 20, 14);
const hour = [50, 40, 30, 20, 10, 0].map((min) => {
  const mean = min / 100;
  return { t_ms: NOW - min * 60_000, min: mean, mean, max: mean, n: 1 };
});

let asked = 0;
let past: unknown[] = [];

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  asked = 0;
  offset.learn(NOW, NOW);
  answerFrom(async () => {
    asked++;
    return Response.json({ buckets: past });
  });
  forgetSeries();
  return () => vi.useRealTimers();
});
afterEach(forgetSeries);

it("asks again for an hour that is not there yet, and no more once it is", async () => {
  past = [];
  const told = vi.fn();
  watchSeries("node/pve", "cpu", told);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([asked, samplesOf("node/pve", "cpu").length]).toEqual([1, 0]);
  past = hour;
  await vi.advanceTimersByTimeAsync(15_000);
  expect([asked, samplesOf("node/pve", "cpu").length]).toEqual([2, 6]);
  await vi.advanceTimersByTimeAsync(SERIES_SPAN_MS / 10);
  expect(asked).toBe(2);
  expect(told).toHaveBeenCalledTimes(2);
});

it("gives up on an hour that nobody recorded, and at once when nobody looks", async () => {
  past = [];
  const leave = watchSeries("node/pve", "cpu", () => undefined);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(asked).toBe(5);
  leave();
  const left = watchSeries("node/agent", "cpu", () => undefined);
  await vi.advanceTimersByTimeAsync(1_000);
  left();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(asked).toBe(6);
});

const HOURS_MS = 2 * SERIES_SPAN_MS;

/** As on a page that was just loaded: it knows nothing of the daemon's time. */
async function afresh() {
  vi.resetModules();
  const [clock, series, rest] = await Promise.all([import("./clock"), import("./series"), import("./rest")]);
  const spans: (string | null)[][] = [];
  rest.answerFrom(async (path) => {
    const { searchParams } = new URL(path, "http://jarvis.test");
    spans.push([searchParams.get("from"), searchParams.get("to")]);
    return Response.json({ buckets: hour });
  });
  return { ...clock, ...series, spans };
}

it.each([
  ["fast", NOW + HOURS_MS],
  ["slow", NOW - HOURS_MS],
])("asks for the hour by the daemon's clock where that of the machine is %s", async (_, localMs) => {
  const page = await afresh();
  vi.setSystemTime(localMs);
  page.watchSeries("cluster", "cpu", () => undefined);
  await vi.advanceTimersByTimeAsync(0);
  expect(page.spans).toEqual([]);
  page.offset.learn(NOW, localMs);
  await vi.advanceTimersByTimeAsync(0);
  expect(page.spans).toEqual([[NOW - SERIES_SPAN_MS, NOW].map((ms) => new Date(ms).toISOString())]);
  expect(page.samplesOf("cluster", "cpu")).toHaveLength(hour.length);
});

it("asks for nothing that nobody looks at any more once the daemon's time is known", async () => {
  const page = await afresh();
  page.watchSeries("cluster", "cpu", () => undefined)();
  page.offset.learn(NOW, NOW);
  await vi.advanceTimersByTimeAsync(0);
  expect(page.spans).toEqual([]);
  page.watchSeries("cluster", "cpu", () => undefined);
  await vi.advanceTimersByTimeAsync(0);
  expect(page.spans).toHaveLength(1);
});
