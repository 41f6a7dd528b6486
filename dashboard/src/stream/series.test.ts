import { afterEach, beforeEach, expect, it, vi } from "vitest";
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
