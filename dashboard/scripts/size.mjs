// Weighs what a first visit downloads and fails above the budget.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const ROOT = new URL("../dist/", import.meta.url).pathname;
const KIB = 1024;
/** Budgets in KiB after gzip -9 (fonts: as they are). */
const BUDGET = {
  "entry js": 150,
  css: 20,
  "first fonts": 85,
  "lazy terminal": 125,
  "largest other lazy chunk": 60,
};

const gzKib = (file) => gzipSync(readFileSync(join(ROOT, file)), { level: 9 }).length / KIB;
const manifest = JSON.parse(readFileSync(join(ROOT, ".vite/manifest.json"), "utf8"));

const first = new Set();
const visit = (key) => {
  const chunk = manifest[key];
  if (!chunk || first.has(chunk.file)) return;
  first.add(chunk.file);
  for (const next of chunk.imports ?? []) visit(next);
};
visit("index.html");

const assets = readdirSync(join(ROOT, "assets"));
const scripts = assets.filter((f) => f.endsWith(".js")).map((f) => `assets/${f}`);
const preloaded = [
  ...readFileSync(join(ROOT, "index.html"), "utf8").matchAll(/href="\/(assets\/[^"]+\.woff2)"/g),
].map((m) => m[1]);

const lazy = scripts.filter((f) => !first.has(f));
const isTerminal = (file) => file.includes("terminalScreen");

const measured = {
  "entry js": [...first].filter((f) => f.endsWith(".js")).reduce((sum, f) => sum + gzKib(f), 0),
  css: assets.filter((f) => f.endsWith(".css")).reduce((sum, f) => sum + gzKib(`assets/${f}`), 0),
  "first fonts": preloaded.reduce((sum, f) => sum + readFileSync(join(ROOT, f)).length / KIB, 0),
  "lazy terminal": lazy.filter(isTerminal).reduce((sum, f) => sum + gzKib(f), 0),
  "largest other lazy chunk": Math.max(0, ...lazy.filter((f) => !isTerminal(f)).map(gzKib)),
};

let over = false;
for (const [name, budget] of Object.entries(BUDGET)) {
  const kib = measured[name];
  const bad = kib > budget;
  over ||= bad;
  console.log(`${bad ? "OVER" : "ok  "} ${name.padEnd(20)} ${kib.toFixed(1).padStart(7)} KiB of ${budget}`);
}

// What must not be in there at all: a page that calls elsewhere, and motion that never ends.
for (const file of [...assets.map((f) => `assets/${f}`), "index.html"]) {
  if (!/\.(?:css|html)$/.test(file)) continue;
  const text = readFileSync(join(ROOT, file), "utf8");
  const found = text.match(/https?:\/\/[^\s"')]+|@keyframes|\binfinite\b|<script(?![^>]*\bsrc=)/);
  if (!found) continue;
  over = true;
  console.log(`BAD  ${file}: ${found[0]}`);
}
process.exit(over ? 1 : 0);
