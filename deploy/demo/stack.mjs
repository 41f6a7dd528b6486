// The whole product on loopback: simulated cluster, daemon, web server. The demo and the browser tests both
// stand on it, so that what is shown is what is tested.
import { randomInt } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Child, freePort, freeRow } from "./children.mjs";

const READY_MS = 30_000;
/** Guests of a simulated cluster that run Docker, at most. */
const ENGINES_MAX = 8;
/** What `dashboard/dist` holds. Nginx's own list is a file that not every machine has where Debian puts it. */
const TYPES = `types {
    text/html html; text/css css; application/javascript js mjs; application/json json map; text/plain txt;
    application/manifest+json webmanifest; image/svg+xml svg; image/png png; image/x-icon ico;
    font/woff2 woff2; font/woff woff; application/wasm wasm;
  }`;
const root = resolve(import.meta.dirname, "../..");

/** A password a person can type: four groups without look-alikes, about 99 bits. */
function password() {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  const pick = () => letters[randomInt(letters.length)];
  return Array.from({ length: 4 }, () => Array.from({ length: 5 }, pick).join("")).join("-");
}

export class Stack {
  /**
   * `bin`: folder of the binaries; `dir`: where data, logs and settings of this run lie;
   * `ports`: wanted `{front, api, metrics}`, 0 for any; `nodes`: how many are simulated; `sim`: further
   * arguments of jarvis-sim; `setUp`: false leaves the first log-in to the browser; `settings`: further
   * lines of jarvisd.toml.
   */
  constructor({ bin, dir, ports, nodes = 4, sim = [], setUp = true, settings = [], site = join(root, "dashboard/dist"), say = () => {} }) {
    Object.assign(this, { bin, dir, wanted: ports, nodes, simArgs: sim, setUp, more: settings, site, say });
    this.children = [];
  }

  async start() {
    rmSync(this.dir, { recursive: true, force: true });
    for (const name of ["data", "nginx", "logs"]) mkdirSync(join(this.dir, name), { recursive: true, mode: 0o700 });
    this.ports = {};
    for (const [name, port] of Object.entries(this.wanted)) this.ports[name] = await freePort(port, this.say);
    // Each simulated node has its own address, one after the other.
    this.ports.pve = await freeRow(this.nodes);
    this.ports.control = await freePort(0);
    this.ports.wake = await freePort(0);
    this.ports.docker = await freeRow(ENGINES_MAX);
    if (this.simArgs.includes("--ssh")) this.ports.ssh = await freeRow(this.nodes + ENGINES_MAX);
    this.url = `http://127.0.0.1:${this.ports.front}`;
    this.api = `http://127.0.0.1:${this.ports.api}`;
    await this.startSim();
    this.#writeSettings();
    await this.startDaemon();
    await this.#setUp();
    await this.startFront();
  }

  #start(name, command, args, options = {}) {
    const child = new Child(name, command, args, { logFile: join(this.dir, "logs", `${name}.log`), ...options });
    this.children.push(child);
    return child;
  }

  /** Also after it has ended: the same addresses, certificates and tokens again. */
  async startSim() {
    const args = [...this.simArgs, "--state-dir", join(this.dir, "sim")];
    args.push("--pve-listen", `127.0.0.1:${this.ports.pve}`, "--control", `127.0.0.1:${this.ports.control}`);
    args.push("--wake-listen", `127.0.0.1:${this.ports.wake}`, "--docker-listen", `127.0.0.1:${this.ports.docker}`);
    if (this.ports.ssh) args.push("--ssh-listen", `127.0.0.1:${this.ports.ssh}`);
    this.sim = this.#start("jarvis-sim", join(this.bin, "jarvis-sim"), args);
    this.cluster = await this.sim.line(readSim, "its addresses", READY_MS);
  }

  #writeSettings() {
    const { nodes, ca_file, token_files } = this.cluster;
    const lines = [
      "[server]",
      `listen = ${text(`127.0.0.1:${this.ports.api}`)}`,
      `origins = [${text(this.url)}]`,
      'trusted_proxies = ["127.0.0.1"]',
      "[data]",
      `dir = ${text(join(this.dir, "data"))}`,
      "[metrics]",
      `listen = ${text(`127.0.0.1:${this.ports.metrics}`)}`,
      "[proxmox]",
      `ca_file = ${text(ca_file)}`,
      `token_file = ${text(token_files.read)}`,
      `act_token_file = ${text(token_files.act)}`,
      ...nodes.flatMap(({ name, url }) => ["[[proxmox.nodes]]", `name = ${text(name)}`, `url = ${text(url)}`]),
      // It runs on this machine, beside the cluster that is only simulated.
      "[own]",
      "outside = true",
      ...sides(this.cluster),
      ...this.more,
    ];
    this.settings = join(this.dir, "jarvisd.toml");
    writeFileSync(this.settings, `${lines.join("\n")}\n`);
  }

  async startDaemon() {
    this.daemon = this.#start("jarvisd", join(this.bin, "jarvisd"), ["serve", "--config", this.settings]);
    await this.daemon.until(async () => (await fetch(`${this.api}/healthz`)).ok, "answer to /healthz", READY_MS);
  }

  /** As a user does it: the one-time token of the first start, then a password. */
  async #setUp() {
    this.setUpToken = readFileSync(join(this.dir, "data", "setup-token"), "utf8").trim();
    if (!this.setUp) return;
    this.password = password();
    const made = await this.#post("/api/v1/setup", { token: this.setUpToken, password: this.password });
    const cookie = made.headers.getSetCookie()[0].split(";")[0];
    const scopes = ["read", "chat", "act", "mcp", "metrics"];
    this.token = (await (await this.#post("/api/v1/tokens", { name: "demo", scopes }, cookie)).json()).token;
  }

  async #post(path, body, cookie) {
    const headers = { "content-type": "application/json", origin: this.api, ...(cookie ? { cookie } : {}) };
    const answer = await fetch(`${this.api}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`POST ${path} was refused (${answer.status}): ${await answer.text()}`);
    return answer;
  }

  async startFront() {
    const at = (name) => join(this.dir, "nginx", name);
    const template = readFileSync(join(root, "deploy/nginx/jarvis.conf.template"), "utf8");
    const names = {
      LISTEN: `127.0.0.1:${this.ports.front}`,
      ROOT: resolve(this.site),
      DAEMON: `127.0.0.1:${this.ports.api}`,
    };
    writeFileSync(at("jarvis.conf"), template.replace(/\$\{(LISTEN|ROOT|DAEMON)\}/g, (_, name) => names[name]));
    // Workers of root's master would run as nobody, who may not read the checkout.
    const asRoot = process.getuid() === 0 ? "user root;" : "";
    const temps = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    const main = `${asRoot} daemon off; worker_processes 1; pid ${at("nginx.pid")}; error_log stderr warn;
events { worker_connections 1024; }
http {
  ${TYPES}
  default_type application/octet-stream; access_log off; sendfile on;
  ${temps.map((t) => `${t}_temp_path ${at(t)};`).join(" ")}
  include ${at("jarvis.conf")};
}
`;
    writeFileSync(at("nginx.conf"), main);
    const args = ["-e", "stderr", "-p", at(""), "-c", at("nginx.conf")];
    // Asked, not killed: a killed master leaves its worker behind.
    const options = { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` }, atOurEnd: "TERM" };
    this.front = this.#start("nginx", "nginx", args, options);
    await this.front.until(async () => (await fetch(`${this.url}/healthz`)).ok, "answer through Nginx", READY_MS);
  }

  /** Everything down, in the order in which nothing complains. */
  async stop() {
    for (const child of [...this.children].reverse()) await child.stop();
  }
}

const text = (value) => JSON.stringify(value);

/** Units of every simulated node that may be restarted: of Proxmox itself, of the system, and one that shares files. */
const RESTARTED = ["pveproxy", "spiceproxy", "cron", "smbd", "nfs-server"];

/** What of the simulated cluster is reached beside its API: Docker engines, sleeping nodes, and shells if it has them. */
function sides({ nodes, docker, wake, ssh }) {
  const listed = nodes.flatMap(({ name }) => RESTARTED.map((unit) => `{ node = ${text(name)}, unit = ${text(unit)} }`));
  return [
    "[services]",
    `restart = [${listed.join(", ")}]`,
    "[docker]",
    ...docker.flatMap((d) => ["[[docker.hosts]]", `name = ${text(d.name)}`, `vmid = ${d.vmid}`, `url = ${text(d.url)}`]),
    "[wake]",
    `broadcast = ${text(wake)}`,
    ...nodes.flatMap(({ name, mac }) => (mac ? ["[[wake.nodes]]", `name = ${text(name)}`, `mac = ${text(mac)}`] : [])),
    ...(ssh ? shells(ssh) : []),
  ];
}

function shells({ user, key_file, known_hosts_file, hosts }) {
  const nodes = hosts.filter((h) => h.kind === "node");
  return [
    "[ssh]",
    `user = ${text(user)}`,
    `key_file = ${text(key_file)}`,
    `known_hosts_file = ${text(known_hosts_file)}`,
    ...nodes.flatMap((h) => ["[[ssh.nodes]]", `name = ${text(h.name)}`, `host = ${text(h.host)}`, `port = ${h.port}`]),
  ];
}

/** The simulator's first line, as JSON. */
const readSim = (line) => (line.startsWith("{") ? JSON.parse(line) : null);
