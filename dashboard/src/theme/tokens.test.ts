import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = join(import.meta.dirname, "..", "/");
const tokens = readFileSync(join(SRC, "theme/tokens.css"), "utf8");
const [base = "", minimal = ""] = tokens.split('[data-mode="minimal"]');

function values(css: string): Map<string, string> {
  return new Map([...css.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map(([, k, v]) => [k ?? "", v ?? ""]));
}
const jarvis = values(base);
const modes: Record<string, Map<string, string>> = {
  jarvis,
  minimal: new Map([...jarvis, ...values(minimal)]),
};

const rgb = (hex: string): [number, number, number] =>
  [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)) as [number, number, number];
const linear = (c: number): number =>
  c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;

function luminance(hex: string): number {
  const [r, g, b] = rgb(hex).map(linear) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

const TEXT = ["ink", "ink-2", "ink-3", "cy", "am", "rd", "vi"];
const SURFACES = ["bg", "pan-a", "pan-b", "well", "hover"];

describe.each(Object.keys(modes))("colours of %s", (mode) => {
  const t = modes[mode] ?? jarvis;
  const of = (name: string): string => {
    const v = t.get(name);
    if (!v) throw new Error(`no token --${name}`);
    return v;
  };
  it.each(TEXT.flatMap((text) => SURFACES.map((surface) => [text, surface] as const)))(
    "%s on %s can be read",
    (text, surface) => {
      expect(contrast(of(text), of(surface))).toBeGreaterThanOrEqual(5.4);
    },
  );
  it.each(SURFACES)("a control's edge is seen on %s", (surface) =>
    expect(contrast(of("edge"), of(surface))).toBeGreaterThanOrEqual(3),
  );
  it("dark text on the button can be read", () =>
    expect(contrast("#03141c", of("cy"))).toBeGreaterThanOrEqual(7));
});

/** Machado 2009, full severity, on linear RGB. */
const VISION: Record<string, readonly (readonly number[])[]> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function lab(hex: string, matrix: readonly (readonly number[])[]): number[] {
  const seen = rgb(hex).map(linear);
  const [r = 0, g = 0, b = 0] = matrix.map((row) =>
    Math.min(
      1,
      Math.max(
        0,
        row.reduce((s, k, i) => s + k * (seen[i] ?? 0), 0),
      ),
    ),
  );
  const xyz = [
    (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
    0.2126 * r + 0.7152 * g + 0.0722 * b,
    (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
  ];
  const [x = 0, y = 0, z = 0] = xyz.map((v) => (v > 0.008856 ? Math.cbrt(v) : 7.787 * v + 16 / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

describe("status colours stay apart", () => {
  const pairs = [
    ["cy", "am"],
    ["cy", "rd"],
    ["am", "rd"],
  ] as const;
  it.each(Object.keys(VISION).flatMap((v) => pairs.map(([a, b]) => [v, a, b] as const)))(
    "for %s eyes: %s and %s",
    (vision, a, b) => {
      const m = VISION[vision] ?? [];
      const [p, q] = [lab(jarvis.get(a) ?? "", m), lab(jarvis.get(b) ?? "", m)];
      expect(Math.hypot(...p.map((v, i) => v - (q[i] ?? 0)))).toBeGreaterThanOrEqual(35);
    },
  );
});

function sheets(dir: string): string[] {
  return readdirSync(dir).flatMap((n) => {
    const path = join(dir, n);
    return statSync(path).isDirectory() ? sheets(path) : path.endsWith(".css") ? [path] : [];
  });
}

describe.each(sheets(SRC).map((p) => [p.slice(SRC.length), readFileSync(p, "utf8")] as const))(
  "%s",
  (_, css) => {
    it("has no animation: it would keep the compositor awake", () =>
      expect(css).not.toMatch(/@keyframes|animation(?!-)|infinite/));
    it("has no text under 12 px", () => {
      const sizes = [...css.matchAll(/font(?:-size)?:[^;]*?(\d+(?:\.\d+)?)px/g)].map((m) => Number(m[1]));
      for (const s of sizes) expect(s).toBeGreaterThanOrEqual(12);
    });
    it("names no other origin", () => expect(css).not.toMatch(/https?:|\/\/[a-z]/));
    it("puts no pseudo-element into :is(), which would drop it without a word", () =>
      expect(css).not.toMatch(/:(?:is|where)\([^)]*::/));
  },
);
