import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Source } from "../protocol/Source";
import { ageMs, Offset, sightOf } from "./clock";

const source = (more: Partial<Source> = {}): Source => ({
  id: "resources",
  state: "fresh",
  interval_ms: 1000,
  seen_ms: 100_000,
  ...more,
});

describe("staleness", () => {
  it.each([
    [0, "fresh"],
    [2000, "fresh"],
    [2001, "late"],
    [5000, "late"],
    [5001, "lost"],
  ] as const)("after %s ms of a one-second source: %s", (age, state) =>
    expect(sightOf(source(), 100_000 + age)).toBe(state),
  );

  it("believes the daemon when it says worse", () =>
    expect(sightOf(source({ state: "lost" }), 100_000)).toBe("lost"));
  it("does not believe it when our clock says worse", () =>
    expect(sightOf(source({ state: "fresh" }), 200_000)).toBe("lost"));
  it("waits before the first answer", () => {
    const { seen_ms: _, ...never } = source({ state: "waiting" });
    expect(sightOf(never, 1)).toBe("waiting");
    expect(ageMs(never, 1)).toBeNull();
    expect(sightOf(undefined, 1)).toBe("waiting");
  });
  it("never gets better by waiting", () => {
    const rank = { fresh: 0, waiting: 0, late: 1, lost: 2 };
    fc.assert(
      fc.property(
        fc.nat(60_000),
        fc.nat(60_000),
        fc.integer({ min: 100, max: 30_000 }),
        (a, more, interval_ms) => {
          const s = source({ interval_ms });
          expect(rank[sightOf(s, 100_000 + a + more)]).toBeGreaterThanOrEqual(rank[sightOf(s, 100_000 + a)]);
        },
      ),
    );
  });
  it("is never negative for a sample from the future", () => expect(ageMs(source(), 99_000)).toBe(0));
});

describe("the clock offset", () => {
  it("is the one with the least delay, whatever the order", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e9, max: 1e9 }),
        fc.array(fc.nat(5000), { minLength: 1, maxLength: 8 }),
        (true_, delays) => {
          const o = new Offset();
          for (const d of delays) o.learn(1_000_000 + true_, 1_000_000 + d);
          expect(o.ms()).toBe(true_ - Math.min(...delays));
        },
      ),
    );
  });
});
