// What an idle screen costs: node scripts/idle.mjs URL [--password P] [--seconds 20] [mode…]
// CPU time, not wall time, so that a busy machine tells the same: of the page's main thread (CDP), and of every
// process of this browser together (/proc), which is what a laptop's fan hears.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { password: { type: "string" }, seconds: { type: "string", default: "20" } },
});
const [url = "http://127.0.0.1:7878", ...asked] = positionals;
const modes = asked.length > 0 ? asked : ["jarvis", "ops", "minimal"];
const seconds = Number(values.seconds);
const SETTLE_MS = 5000;
const TICKS_PER_S = Number(execFileSync("getconf", ["CLK_TCK"]).toString());

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const server = await chromium.launchServer({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ARGS,
});
const browser = await chromium.connect(server.wsEndpoint());
const context = await browser.newContext({ viewport: { width: 1920, height: 1080 } });

/** Fields of /proc/PID/stat after the name, which may hold blanks. */
const stat = (pid) =>
  readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");

function treeCpuS(root) {
  const parents = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      parents.set(Number(name), Number(stat(name)[1]));
    } catch {
      // Ended between the listing and the reading.
    }
  }
  let ticks = 0;
  for (const pid of parents.keys()) {
    for (let at = pid; at > 1; at = parents.get(at) ?? 0) {
      if (at !== root) continue;
      const s = stat(pid);
      ticks += Number(s[11]) + Number(s[12]);
      break;
    }
  }
  return ticks / TICKS_PER_S;
}

async function logIn(page) {
  await page.goto(url);
  if (!values.password) return;
  await page.fill("input[type=password]", values.password);
  await page.keyboard.press("Enter");
  await page.waitForSelector('[data-testid="headline"]');
}

const first = await context.newPage();
await logIn(first);
await first.close();
for (const mode of modes) {
  const page = await context.newPage();
  await page.goto(`${url}/?mode=${mode}`);
  await page.waitForSelector('[data-testid="headline"]');
  await page.waitForTimeout(SETTLE_MS);
  await page.evaluate(() => {
    const seen = { long: 0, shift: 0 };
    Object.assign(window, { seen });
    new PerformanceObserver((l) => {
      seen.long += l.getEntries().length;
    }).observe({ type: "longtask" });
    new PerformanceObserver((l) => {
      for (const e of l.getEntries()) seen.shift += e.value;
    }).observe({ type: "layout-shift" });
  });
  const cdp = await context.newCDPSession(page);
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  const read = async () => ({
    tree: treeCpuS(server.process().pid),
    ...Object.fromEntries((await cdp.send("Performance.getMetrics")).metrics.map((m) => [m.name, m.value])),
  });
  const a = await read();
  await page.waitForTimeout(seconds * 1000);
  const z = await read();
  const seen = await page.evaluate(() => window.seen);
  const share = (name) => `${(((z[name] - a[name]) / seconds) * 100).toFixed(1)} %`;
  console.log(
    `${mode.padEnd(8)} main ${share("TaskDuration")} (script ${share("ScriptDuration")}, style ${share("RecalcStyleDuration")}, layout ${share("LayoutDuration")})` +
      `  browser ${share("tree")}  long tasks ${seen.long}  shift ${seen.shift.toFixed(4)}  heap ${(z.JSHeapUsedSize / 1e6).toFixed(1)} MB  nodes ${z.Nodes}`,
  );
  await page.close();
}
await browser.close();
await server.close();
