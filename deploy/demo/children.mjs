// Programs started by the demo and by the browser tests: their words kept, their end certain.
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const LINES_MAX = 400;

export class Child {
  /** Starts `command`; the kernel sends it `atOurEnd` should this process die without stopping it. */
  constructor(name, command, args, { logFile, env = {}, atOurEnd = "KILL" } = {}) {
    this.name = name;
    this.lines = [];
    this.waiting = new Set();
    this.process = spawn("setpriv", ["--pdeathsig", atOurEnd, "--", command, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
      // Its own group: a Ctrl-C in the terminal reaches us alone, and we stop things in order.
      detached: true,
    });
    const log = logFile ? createWriteStream(logFile) : null;
    for (const out of [this.process.stdout, this.process.stderr]) {
      createInterface({ input: out }).on("line", (line) => this.#heard(line, log));
    }
    this.ended = new Promise((resolve) => {
      this.process.on("error", (error) => resolve(`cannot be started: ${error.message}`));
      this.process.on("exit", (code, signal) => resolve(signal ? `killed by ${signal}` : `exit code ${code}`));
    });
    this.over = null;
    this.ended.then((how) => {
      this.over = how;
    });
  }

  #heard(line, log) {
    log?.write(`${line}\n`);
    this.lines.push(line);
    if (this.lines.length > LINES_MAX) this.lines.shift();
    for (const look of this.waiting) look();
  }

  get pid() {
    return this.process.pid;
  }

  lastWords(count = 12) {
    return this.lines.slice(-count).map((line) => `  ${this.name}| ${line}`).join("\n");
  }

  /** The first line, past or coming, for which `pick` gives something. */
  async line(pick, what, withinMs) {
    let look;
    const found = new Promise((resolve) => {
      look = () => {
        for (const line of this.lines) {
          const value = pick(line);
          if (value !== null && value !== undefined) return resolve(value);
        }
      };
      this.waiting.add(look);
      look();
    });
    try {
      return await this.#sooner(found, what, withinMs);
    } finally {
      this.waiting.delete(look);
    }
  }

  /** Waits until `ask()` is true; fails early when the program ends. */
  async until(ask, what, withinMs) {
    const stop = new AbortController();
    const poll = async () => {
      while (!stop.signal.aborted) {
        if (await ask().catch(() => false)) return true;
        await sleep(50);
      }
    };
    try {
      return await this.#sooner(poll(), what, withinMs);
    } finally {
      stop.abort();
    }
  }

  async #sooner(wanted, what, withinMs) {
    const late = new AbortController();
    const failure = Promise.race([
      this.ended.then((how) => `${this.name} ended (${how}) before ${what}`),
      sleep(withinMs, null, { signal: late.signal }).then(() => `${this.name}: no ${what} within ${withinMs} ms`, () => null),
    ]).then((why) => {
      if (why) throw new Error(`${why}\n${this.lastWords()}`);
    });
    try {
      return await Promise.race([wanted, failure]);
    } finally {
      late.abort();
      failure.catch(() => {});
    }
  }

  kill(signal = "SIGKILL") {
    if (this.over === null) this.process.kill(signal);
  }

  /** Asks it to stop, waits, and kills it when it does not. */
  async stop(graceMs = 10_000) {
    this.kill("SIGTERM");
    const late = new AbortController();
    const inTime = await Promise.race([
      this.ended.then(() => true),
      sleep(graceMs, false, { signal: late.signal }).catch(() => false),
    ]);
    late.abort();
    if (!inTime) this.kill("SIGKILL");
    return await this.ended;
  }
}

function taken(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(true));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(false)));
  });
}

/** `wanted`, or the next free port after it; 0 takes any. Calls `say` when it is another one. */
export async function freePort(wanted, say = () => {}) {
  if (wanted === 0) {
    return await new Promise((resolve, reject) => {
      const probe = createServer();
      probe.once("error", reject);
      probe.listen(0, "127.0.0.1", () => {
        const { port } = probe.address();
        probe.close(() => resolve(port));
      });
    });
  }
  for (let port = wanted; port < wanted + 200; port += 1) {
    if (await taken(port)) continue;
    if (port !== wanted) say(`port ${wanted} is in use, taking ${port}`);
    return port;
  }
  throw new Error(`no free port from ${wanted} to ${wanted + 199} on 127.0.0.1`);
}

/** The first of `count` free ports in a row. */
export async function freeRow(count) {
  for (let tries = 0; tries < 50; tries += 1) {
    const base = await freePort(0);
    const row = Array.from({ length: count }, (_, i) => base + i);
    if ((await Promise.all(row.map(taken))).every((busy) => !busy)) return base;
  }
  throw new Error(`no ${count} free ports in a row on 127.0.0.1`);
}
