import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Event } from "../protocol/Event";
import { answerFrom } from "../stream/rest";
import { ALL, grouped, rowsOf } from "./feed";
import { csv, EXPORT_MAX, exportFeed, jsonLines } from "./feedExport";

const NOON = Date.parse("2026-11-22T12:00:00Z");
const MINUTE = 60_000;

const line = (id: number, minutesAgo: number, more: Partial<Event> = {}): Event => ({
  id,
  ts_ms: NOON - minutesAgo * MINUTE,
  type: "guest_stopped",
  severity: "notice",
  source: "sys",
  title: "frigate stopped",
  vmid: 106,
  ...more,
});

describe("repeats", () => {
  it("fold into the newest line, also when others came between", () => {
    const list = [1, 2, 3, 4, 5, 6].map((n) =>
      line(100 - n, n, n % 2 ? {} : { type: "guest_started", title: "frigate started" }),
    );
    expect(grouped(list).map((g) => [g.events[0].title, g.events.length])).toEqual([
      ["frigate stopped", 3],
      ["frigate started", 3],
    ]);
  });
  it("do not fold across half an hour, nor for another guest, nor for another severity", () => {
    expect(grouped([line(3, 0), line(2, 31)])).toHaveLength(2);
    expect(grouped([line(3, 0), line(2, 1, { vmid: 107 })])).toHaveLength(2);
    expect(grouped([line(3, 0), line(2, 1, { severity: "critical" })])).toHaveLength(2);
  });
  it("stay opened when one more comes", () => {
    const before = grouped([line(2, 1), line(1, 2)]);
    const after = grouped([line(3, 0), line(2, 1), line(1, 2)]);
    expect(after[0]?.key).toBe(before[0]?.key);
  });
  it("lose no line and change no order of the newest", () => {
    const titles = fc.constantFrom("a", "b", "c");
    const gaps = fc.array(fc.tuple(titles, fc.integer({ min: 0, max: 40 })), { maxLength: 60 });
    fc.assert(
      fc.property(gaps, (rows) => {
        let ago = 0;
        const list = rows.map(([title, gap], i) => {
          ago += gap;
          return line(1000 - i, ago, { title });
        });
        const groups = grouped(list);
        const ids = groups.flatMap((g) => g.events.map((e) => e.id));
        expect(ids.toSorted((a, b) => b - a)).toEqual(list.map((e) => e.id));
        const firsts = groups.map((g) => g.events[0].id);
        expect(firsts).toEqual(firsts.toSorted((a, b) => b - a));
        expect(new Set(groups.map((g) => g.key)).size).toBe(groups.length);
      }),
    );
  });
  it("are rows of their own only while opened", () => {
    const groups = grouped([line(3, 0), line(2, 1), line(1, 2)]);
    const kinds = (open: string[]): string[] => rowsOf(groups, new Set(open), NOON).map((r) => r.kind);
    expect(kinds([])).toEqual(["event"]);
    expect(kinds([groups[0]?.key ?? ""])).toEqual(["event", "repeat", "repeat"]);
  });
});

describe("the feed as a file", () => {
  it("is one JSON record a line", () => {
    const text = jsonLines([line(2, 0, { title: 'a "b"\nc' }), line(1, 1)]);
    const rows = text.trimEnd().split("\n");
    expect(rows).toHaveLength(2);
    expect(JSON.parse(rows[0] ?? "")).toMatchObject({
      id: 2,
      title: 'a "b"\nc',
      at: "2026-11-22T12:00:00.000Z",
    });
  });
  it("is a table whose texts stay texts in a spreadsheet", () => {
    const text = csv([line(1, 0, { title: '=HYPERLINK("http://x")', detail: "a,b\nc" })]);
    expect(text).toContain(`"'=HYPERLINK(""http://x"")"`);
    expect(text).toContain('"a,b\nc"');
    expect(text.split("\r\n")[0]).toBe("id,at,type,severity,source,node,vmid,title,detail,upid");
  });
  it("has every page of what the filter lets through, and says when it was cut", async () => {
    const asked: string[] = [];
    answerFrom(async (path) => {
      asked.push(path);
      const page = Number(new URL(path, "http://x").searchParams.get("cursor") ?? 0);
      return Response.json({
        items: [line(10 - page, page)],
        next_cursor: page < 2 ? String(page + 1) : null,
      });
    });
    const file = await exportFeed({ ...ALL, level: "critical", node: "pve" }, "jsonl", NOON, () => undefined);
    expect(file).toMatchObject({ lines: 3, cut: false, name: "jarvis-activity-2026-11-22-12-00-00.jsonl" });
    expect(asked).toHaveLength(3);
    expect(asked.every((p) => p.includes("severity=critical") && p.includes("node=pve"))).toBe(true);
    const full = Array.from({ length: 500 }, (_, i) => line(i + 1, 0));
    answerFrom(async () => Response.json({ items: full, next_cursor: "more" }));
    const cut = await exportFeed(ALL, "csv", NOON, () => undefined);
    expect(cut).toMatchObject({ cut: true, lines: EXPORT_MAX });
  });
  it("says why there is none", async () => {
    answerFrom(async () =>
      Response.json({ error: { kind: "unavailable", message: "The store is full." } }, { status: 503 }),
    );
    expect(await exportFeed(ALL, "csv", NOON, () => undefined)).toBe("The store is full.");
  });
});
