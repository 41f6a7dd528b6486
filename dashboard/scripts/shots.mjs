// Pictures of the page in its sizes, modes and states, against a running daemon: node scripts/shots.mjs URL OUT [name…]
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

const [url = "http://127.0.0.1:7878", out = "shots", ...only] = process.argv.slice(2);
mkdirSync(out, { recursive: true });
const SHOTS = [
  { name: "desktop", width: 1920, height: 1080, path: "/" },
  { name: "laptop", width: 1366, height: 768, path: "/" },
  { name: "phone", width: 390, height: 844, path: "/", scale: 2 },
  { name: "phone-full", width: 390, height: 844, path: "/", full: true },
  { name: "wall", width: 1920, height: 1080, path: "/?wall=1" },
  { name: "ops", width: 1920, height: 1080, path: "/?mode=ops" },
  { name: "minimal", width: 1920, height: 1080, path: "/?mode=minimal" },
  { name: "guest", width: 1920, height: 1080, path: "/g/107" },
  { name: "node", width: 1366, height: 768, path: "/n/pve" },
  { name: "phone-guest", width: 390, height: 844, path: "/g/107" },
  { name: "tablet", width: 1024, height: 768, path: "/" },
];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
for (const s of SHOTS) {
  if (only.length > 0 && !only.includes(s.name)) continue;
  const context = await browser.newContext({
    viewport: { width: s.width, height: s.height },
    deviceScaleFactor: s.scale ?? 1,
  });
  const page = await context.newPage();
  page.on("pageerror", (e) => console.log(`${s.name}: ${e.message}`));
  page.on("console", (m) => m.type() === "error" && console.log(`${s.name}: ${m.text()}`));
  await page.goto(url + s.path);
  await page.waitForSelector('[data-testid="headline"], .door', { timeout: 15000 });
  await page.waitForTimeout(2500);
  await page.screenshot({ path: `${out}/${s.name}.png`, fullPage: s.full === true });
  const faults = await page.evaluate(overflowing);
  console.log(`${s.name}: ${faults.length === 0 ? "nothing overflows" : faults.join("; ")}`);
  await context.close();
}
await browser.close();

/** Elements that reach out of the window or cut their own text without saying so. */
function overflowing() {
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth)
    found.push(`page is ${document.documentElement.scrollWidth} px wide`);
  for (const e of document.querySelectorAll(".app *")) {
    if (e.closest("svg, .sr") || e.closest("[aria-hidden=true]")) continue;
    const style = getComputedStyle(e);
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const box = e.getBoundingClientRect();
    if (box.width === 0 || style.visibility === "hidden") continue;
    if (own && Number.parseFloat(style.fontSize) < 12)
      found.push(`${e.className || e.tagName} ${style.fontSize}`);
    if (
      own &&
      e.scrollWidth > e.clientWidth + 1 &&
      style.display !== "inline" &&
      style.textOverflow !== "ellipsis"
    )
      found.push(
        `${e.className || e.tagName} "${e.textContent.slice(0, 20)}" +${e.scrollWidth - e.clientWidth}px`,
      );
    if (own && box.right > innerWidth + 1)
      found.push(`${e.className || e.tagName} "${e.textContent.slice(0, 20)}" right of the window`);
  }
  return [...new Set(found)].slice(0, 12);
}
