import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sparkPath } from "./sparkPath";

const every5s = (values: readonly number[]) => values.map((v, i) => ({ tMs: i * 5000, v }));
const scale = { spanMs: 3_600_000, gapMs: 90_000, top: 1 };
const points = (d: string): number[][] =>
  d
    .split(/[MLZ]/)
    .filter(Boolean)
    .map((p) => p.split(" ").map(Number));

describe("a small line", () => {
  it("spans its box from the first sample to the last, upside up", () => {
    expect(sparkPath(every5s([0, 0.5, 1]), scale).line).toBe("M0.0 100.0L500.0 50.0L1000.0 0.0");
  });

  it("says nothing of nothing, and shows one sample as its end alone", () => {
    expect(sparkPath([], scale)).toEqual({ line: "", under: "", end: "" });
    expect(sparkPath([{ tMs: 5, v: 0.5 }], scale).end).toBe("M0.0 50.0h0");
  });

  it("leaves a gap where nobody looked", () => {
    const { line } = sparkPath([...every5s([1, 1]), { tMs: 900_000, v: 0 }, { tMs: 905_000, v: 0 }], scale);
    expect(line.match(/M/g)).toHaveLength(2);
  });

  it("keeps the one peak of a thousand samples", () => {
    const values = Array.from({ length: 720 }, (_, i) => (i === 333 ? 0.9 : 0.1));
    const { line } = sparkPath(every5s(values), scale);
    expect(points(line).some(([, y]) => y === 10)).toBe(true);
    expect(points(line).length).toBeLessThanOrEqual(320);
  });

  it("stays in its box whatever the figures are", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -5, max: 1e15, noNaN: true }), { minLength: 1 }), (values) => {
        const { line, under } = sparkPath(every5s(values), { ...scale, top: undefined });
        for (const [x, y] of [...points(line), ...points(under)]) {
          expect(x).toBeGreaterThanOrEqual(0);
          expect(x).toBeLessThanOrEqual(1000);
          expect(y).toBeGreaterThanOrEqual(0);
          expect(y).toBeLessThanOrEqual(100);
        }
      }),
    );
  });
});
