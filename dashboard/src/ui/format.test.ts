import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as f from "./format";

const any = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(undefined, null, Number.NaN, Infinity, -Infinity, -0, 0, 1e308, -1e-9),
);
const BAD = /NaN|Infinity|undefined|null|(^|[^\d.])-0(?![.\d]*[1-9])/;

const ALL: readonly ((v: number | null | undefined) => string)[] = [
  f.percent,
  f.percentUnit,
  f.bytesText,
  f.rateText,
  f.duration,
  f.durationShort,
  f.clock,
  f.clockMinute,
  f.day,
  f.stamp,
  f.utc,
  (v) => f.decimal(v, 2),
  (v) => f.bytesOf(v, v).value,
  (v) => f.bytesOf(v, 1024 ** 3).value,
  (v) => f.bytesOf(1, v).value,
];

describe("formatters", () => {
  it("never show NaN, Infinity, -0, null or undefined", () => {
    fc.assert(
      fc.property(any, (v) => {
        for (const format of ALL) {
          const text = format(v);
          expect(text).not.toMatch(BAD);
          expect(text.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("show a dash for what is not known, never a zero", () => {
    for (const format of ALL.slice(0, 12)) expect(format(undefined)).toBe("—");
  });

  it.each([
    [14.6 * 2 ** 30, 24 * 2 ** 30, "14.6\u2009/\u200924.0", "GiB"],
    [undefined, 2 ** 40, "—\u2009/\u20091.0", "TiB"],
    [2 ** 20, undefined, "1.0", "MiB"],
  ])("bytes %s of %s", (used, total, value, unit) => expect(f.bytesOf(used, total)).toEqual({ value, unit }));

  it("keeps a value within its unit: 1023.99 KiB is 1.0 MiB", () => {
    expect(f.bytes(1024 * 1024 - 1)).toEqual({ value: "1.0", unit: "MiB" });
  });

  it("says traffic in bits", () => expect(f.rateText(23_000_000)).toBe("184\u2009Mb/s"));

  it.each([
    [400, "0.4\u2009s"],
    [14_000, "14\u2009s"],
    [180_000, "3\u2009min"],
    [11_520_000, "3\u2009h 12\u2009min"],
    [10_800_000, "3\u2009h"],
    [41 * 86_400_000, "41\u2009d"],
    [-5, "0.0\u2009s"],
  ])("%s ms is %s", (ms, text) => expect(f.duration(ms)).toBe(text));

  it("a longer time never reads shorter within a unit", () => {
    fc.assert(
      fc.property(fc.integer({ min: 86_400_000, max: 1e12 }), fc.integer({ min: 0, max: 1e9 }), (a, more) => {
        expect(Number.parseFloat(f.duration(a + more))).toBeGreaterThanOrEqual(
          Number.parseFloat(f.duration(a)),
        );
      }),
    );
  });
});
