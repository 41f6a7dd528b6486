// `make demo` after everything is built: starts the stack, says where it is, and stops it again.
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Stack } from "./stack.mjs";

const root = resolve(import.meta.dirname, "../..");
const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8080" },
    bin: { type: "string", default: join(root, "target/release") },
    dir: { type: "string", default: join(root, "target/demo") },
    nodes: { type: "string" },
    guests: { type: "string" },
    seed: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log("make demo, or deploy/demo.sh [--port 8080] [--nodes 4] [--guests 21] [--seed 1]");
  process.exit(0);
}

const say = (line) => console.log(line);
const sim = ["nodes", "guests", "seed"].flatMap((name) => (values[name] ? [`--${name}`, values[name]] : []));
const any = values.port === "0";
const stack = new Stack({
  bin: resolve(values.bin),
  dir: join(resolve(values.dir), "run"),
  ports: { front: Number(values.port), api: any ? 0 : 7878, metrics: any ? 0 : 9878 },
  nodes: Number(values.nodes ?? 4),
  // Shells on the simulated nodes, and what is read there.
  sim: ["--ssh", ...sim],
  say,
});
const access = join(resolve(values.dir), "access.json");
const pidFile = join(resolve(values.dir), "pid");

let stopping = null;
function stop(why, code) {
  stopping ??= (async () => {
    say(`\n${why}: stopping`);
    await stack.stop();
    for (const file of [access, pidFile]) rmSync(file, { force: true });
    say("stopped");
    process.exit(code);
  })();
  return stopping;
}
process.on("SIGINT", () => stop("Ctrl-C", 0));
process.on("SIGTERM", () => stop("asked to end", 0));
process.on("SIGHUP", () => stop("the terminal has gone", 0));

writeFileSync(pidFile, `${process.pid}\n`);
try {
  const began = Date.now();
  await stack.start();
  const { url, api, password, token } = stack;
  const told = { url, api, metrics: `http://127.0.0.1:${stack.ports.metrics}/metrics`, password, token, sim_control: stack.cluster.control };
  writeFileSync(access, `${JSON.stringify(told, null, 2)}\n`);
  chmodSync(access, 0o600);
  say(`\nJarvis is running, started in ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
  say(`  open       ${url}`);
  say(`  password   ${password}`);
  if (stack.cluster.ssh) say("  terminal   key T: a real shell of this machine, as you, in a folder for each simulated node");
  say("");
  say(`For scripts: ${access}. Logs: ${join(stack.dir, "logs")}. Ctrl-C stops everything.`);
} catch (error) {
  console.error(error.message);
  await stop("the demo could not start", 1);
}

/**
 * Each part comes back by itself, as a service manager would have it; how long it stays away is for looking.
 * Nobody watching, the cluster is asked every 10 s and counts as lost after 50.
 */
const parts = [
  ["sim", 60_000, () => stack.startSim(), "the dashboard says that it has lost sight of the cluster"],
  ["daemon", 3_000, () => stack.startDaemon(), "the dashboard says that it is not connected"],
  ["front", 1_000, () => stack.startFront(), "the dashboard cannot be loaded"],
];
function keep([part, awayMs, again, effect]) {
  const child = stack[part];
  child.ended.then(async (how) => {
    if (stopping) return;
    say(`${child.name} ended (${how}): ${effect}; it comes back in ${awayMs / 1000} s`);
    await sleep(awayMs);
    if (stopping) return;
    try {
      await again();
      say(`${child.name} is back`);
      keep([part, awayMs, again, effect]);
    } catch (error) {
      console.error(error.message);
      await stop(`${child.name} cannot be started again`, 1);
    }
  });
}
parts.forEach(keep);
