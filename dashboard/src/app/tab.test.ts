import { describe, expect, it } from "vitest";
import type { Guest } from "../protocol/Guest";
import type { Outlook } from "../stream/outlook";
import { EMPTY } from "../stream/reduce";
import { iconOf, titleOf, unwell } from "./tabState";

const o = (shape: Outlook["shape"]): Outlook => ({
  shape,
  label: "",
  headline: "Everything is steady.",
  detail: "",
});

describe("the tab", () => {
  it("tells the state by a character, and first of all what waits", () => {
    expect(titleOf(o("ok"), 0)).toBe("● Everything is steady. · Jarvis");
    expect(titleOf(o("critical"), 2)).toBe("(2) ◆ Everything is steady. · Jarvis");
  });
  it("counts what is unwell, and not what is off or unknown", () => {
    const guest = (health: string) => ({ health }) as Guest;
    const map = new Map(["ok", "off", "unknown", "attention", "critical"].map((h) => [h, guest(h)]));
    expect(unwell({ ...EMPTY.tables, guest: map })).toBe(2);
  });
  it("has an icon of another shape for each state, and never one that is no XML", () => {
    const icons = (["ok", "attention", "critical", "unknown"] as const).map((s) => iconOf(s, 0));
    expect(new Set(icons).size).toBe(4);
    for (const n of [0, 1, 12]) {
      const doc = new DOMParser().parseFromString(iconOf("critical", n), "image/svg+xml");
      expect(doc.documentElement.tagName).toBe("svg");
      expect(doc.querySelector("text")?.textContent ?? "").toBe(n === 0 ? "" : n > 9 ? "9+" : String(n));
    }
  });
});
