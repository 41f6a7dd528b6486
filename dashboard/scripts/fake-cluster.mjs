// A made-up cluster with a seed: the records the daemon would publish, moving plausibly. For development only.

const GIB = 2 ** 30;
const TIB = 2 ** 40;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export function random(seed) {
  let s = seed % 2147483647 || 7;
  return () => {
    s = (s * 16807) % 2147483647;
    return s / 2147483647;
  };
}

const NODES = [
  ["Home", 20, 24, 0.24, 0.61, 41, "10.0.0.1"],
  ["pve", 6, 31, 0.83, 0.78, 41, "10.0.0.2"],
  ["agent1", 14, 31, 0.37, 0.52, 12, "10.0.0.3"],
  ["agent", 2, 4, 0.09, 0.44, 88, "10.0.0.4"],
];
const GUESTS = [
  [100, "home-assistant", "qemu", "Home", 2, 4, 0.06, 0.48],
  [101, "management", "qemu", "agent1", 4, 8, 0.22, 0.71],
  [102, "pihole", "lxc", "Home", 1, 1, 0.01, 0.12],
  [103, "jellyfin", "lxc", "pve", 4, 8, 0.44, 0.39],
  [104, "gitea", "lxc", "agent1", 2, 2, 0.02, 0.22],
  [105, "postgres", "lxc", "agent1", 2, 4, 0.09, 0.56],
  [106, "frigate", "qemu", "pve", 4, 6, 0.61, 0.66],
  [107, "nextcloud", "lxc", "pve", 2, 4, 0.12, 0.97],
  [108, "nginx-proxy", "lxc", "Home", 1, 1, 0.01, 0.09],
  [109, "grafana", "lxc", "agent1", 2, 2, 0.03, 0.31],
  [110, "win11-lab", "qemu", "pve", 4, 8, 0, 0],
  [111, "uptime-kuma", "lxc", "agent", 1, 1, 0.02, 0.28],
  [112, "vaultwarden", "lxc", "Home", 1, 1, 0.01, 0.11],
  [113, "paperless", "lxc", "agent1", 2, 4, 0.05, 0.43],
  [114, "immich", "qemu", "Home", 6, 8, 0.31, 0.62],
  [115, "minio", "lxc", "agent1", 2, 4, 0.04, 0.35],
  [116, "mqtt", "lxc", "Home", 1, 0.5, 0.01, 0.16],
  [117, "zigbee2mqtt", "lxc", "Home", 1, 1, 0.03, 0.21],
  [118, "debian-test", "qemu", "agent1", 2, 2, 0, 0],
  [119, "step-ca", "lxc", "agent", 1, 0.5, 0.01, 0.18],
  [120, "ubuntu-24.04-tmpl", "qemu", "Home", 2, 2, 0, 0],
];
const OFF = new Set([110, 118, 120]);
const STORAGES = [
  [
    "local",
    false,
    "dir",
    { Home: [0.021, 0.09], pve: [0.034, 0.09], agent1: [0.018, 0.09], agent: [0.011, 0.03] },
  ],
  ["local-lvm", false, "lvmthin", { Home: [0.31, 0.8], pve: [0.52, 0.9], agent1: [0.22, 0.9] }],
  ["nas-pool", true, "nfs", { Home: [7.8, 11], pve: [7.8, 11], agent1: [7.8, 11], agent: [7.8, 11] }],
  ["backup", true, "cifs", { Home: [1.66, 1.9], pve: [1.66, 1.9], agent1: [1.66, 1.9], agent: [1.66, 1.9] }],
];

const r3 = (v) => Math.round(v * 1000) / 1000;
const clamp = (v) => Math.min(0.99, Math.max(0.004, v));

export class FakeCluster {
  constructor(seed, nowMs, extraGuests = 0) {
    this.rand = random(seed);
    this.started = nowMs;
    this.down = new Set();
    this.silent = false;
    this.events = [];
    this.load = new Map();
    this.guests = [...GUESTS];
    for (let i = 0; i < extraGuests; i++) {
      this.guests.push([
        200 + i,
        `worker-${i}`,
        i % 3 ? "lxc" : "qemu",
        NODES[i % 4][0],
        2,
        4,
        0.02 + 0.3 * this.rand(),
        0.1 + 0.6 * this.rand(),
      ]);
    }
    this.tasks = new Map();
    this.seenMs = nowMs;
    this.pastEvents(nowMs);
    this.pastTasks(nowMs);
  }

  wander(key, base, span) {
    const v = this.load.get(key) ?? base;
    const next = clamp(v + (this.rand() - 0.5) * span + (base - v) * 0.12);
    this.load.set(key, next);
    return next;
  }

  event(ts, type, severity, source, title, more = {}) {
    const e = { id: this.events.length + 1, ts_ms: Math.round(ts), type, severity, source, title, ...more };
    this.events.push(e);
    return e;
  }

  pastEvents(now) {
    for (let i = 140; i > 8; i--) {
      const [vmid, name, , node] = this.guests[Math.floor(this.rand() * 20)];
      const ts = now - i * 47 * MINUTE_MS - this.rand() * MINUTE_MS * 20;
      const pick = this.rand();
      if (pick < 0.45)
        this.event(ts, "task_ended", "info", "sys", `Backup of ${name} done`, {
          detail: "vzdump by root@pam, 4 min",
          node,
          vmid,
        });
      else if (pick < 0.7)
        this.event(ts, "guest_started", "info", "user", `${name} started`, {
          detail: "by root@pam",
          node,
          vmid,
        });
      else if (pick < 0.85)
        this.event(ts, "guest_stopped", "notice", "user", `${name} stopped`, {
          detail: "by root@pam",
          node,
          vmid,
        });
      else if (pick < 0.93)
        this.event(ts, "guest_moved", "info", "user", `${name} moved to ${node}`, { node, vmid });
      else
        this.event(ts, "task_failed", "warning", "sys", `Backup of ${name} failed`, {
          detail: "unable to freeze filesystem",
          node,
          vmid,
        });
    }
    const recent = [
      [310, "storage_full", "warning", "sys", "backup is 87 % full", { detail: "1.7 of 1.9 TiB used" }],
      [
        252,
        "sight_lost",
        "warning",
        "sys",
        "Lost sight of agent",
        { detail: "node/agent did not answer for 12 s", node: "agent" },
      ],
      [251, "sight_back", "info", "sys", "agent answers again", { node: "agent" }],
      [
        188,
        "guest_stopped",
        "critical",
        "sys",
        "frigate stopped by itself",
        { detail: "no task asked for it", node: "pve", vmid: 106 },
      ],
      [
        187,
        "guest_started",
        "notice",
        "user",
        "frigate started",
        { detail: "by root@pam", node: "pve", vmid: 106 },
      ],
      [
        64,
        "guest_moved",
        "info",
        "user",
        "gitea moved to agent1",
        { detail: "live migration from Home", node: "agent1", vmid: 104 },
      ],
      [22, "access", "info", "user", "Logged in", { detail: "from 10.0.0.21" }],
      [9, "task_started", "info", "sys", "Backup of immich began", { node: "Home", vmid: 114 }],
    ];
    for (const [min, type, severity, source, title, more] of recent)
      this.event(now - min * MINUTE_MS, type, severity, source, title, more);
  }

  pastTasks(now) {
    const add = (min, kind, vmid, status, exit, secs, user = "root@pam") => {
      const g = this.guests.find((x) => x[0] === vmid);
      const node = g ? g[3] : "Home";
      const start = Math.round(now - min * MINUTE_MS);
      const upid = `UPID:${node}:${(10000 + min).toString(16).toUpperCase()}:0A:${Math.floor(start / 1000)
        .toString(16)
        .toUpperCase()}:${kind}:${vmid ?? ""}:${user}:`;
      this.tasks.set(upid, {
        upid,
        node,
        kind,
        user,
        status,
        start_ms: start,
        ...(vmid ? { vmid, target: String(vmid) } : {}),
        ...(secs ? { end_ms: start + secs * 1000 } : {}),
        ...(exit ? { exit } : {}),
      });
    };
    add(9, "vzdump", 114, "running");
    add(64, "vzmigrate", 104, "ok", "OK", 11);
    add(187, "qmstart", 106, "ok", "OK", 3);
    add(201, "aptupdate", undefined, "ok", "OK", 19);
    for (const [i, g] of this.guests.slice(0, 14).entries()) {
      if (i === 6) add(420 + i * 5, "vzdump", g[0], "failed", "unable to freeze filesystem", 41);
      else if (i === 9) add(420 + i * 5, "vzdump", g[0], "warnings", "WARNINGS: 2", 203);
      else add(420 + i * 5, "vzdump", g[0], "ok", "OK", 120 + i * 9);
    }
  }

  /** All records at this moment, as `entities` of a snapshot. */
  entities(now) {
    if (!this.silent) this.seenMs = now - 380;
    const node = {};
    for (const [name, cores, gib, cpu, mem, days, ip] of NODES) {
      const lost = this.down.has(name);
      const c = lost ? this.load.get(`n ${name}`) : this.wander(`n ${name}`, cpu, 0.05);
      node[name] = {
        name,
        status: lost ? "offline" : "online",
        health: lost ? "critical" : c > 0.8 ? "attention" : "ok",
        src: "resources",
        ...(lost
          ? { why: "does not answer its cluster", as_of_ms: this.lostAt ?? now }
          : c > 0.8
            ? { why: `CPU above 80 % for 22 min` }
            : {}),
        ip,
        cpu: r3(c),
        cpu_cores: cores,
        mem_used_bytes: Math.round(mem * gib * GIB),
        mem_total_bytes: gib * GIB,
        disk_used_bytes: Math.round(22 * GIB),
        disk_total_bytes: 94 * GIB,
        started_ms: now - (now % 1000) - days * DAY_MS,
        load1: r3(c * cores * 0.9),
        load5: r3(c * cores * 0.85),
        load15: r3(c * cores * 0.8),
        iowait: r3(c * 0.04),
        swap_used_bytes: 0,
        swap_total_bytes: 8 * GIB,
        cpu_model: "13th Gen Intel(R) Core(TM) i5-13500T",
        kernel: "6.14.11-4-pve",
        pve_version: "9.1.1",
        detail_as_of_ms: this.seenMs,
      };
    }
    const guest = {};
    for (const [vmid, name, kind, at, cores, gib, cpu, mem] of this.guests) {
      const lost = this.down.has(at);
      const on = !OFF.has(vmid) && !this.stopped?.has(vmid);
      const c = on && !lost ? this.wander(`g ${vmid}`, cpu, 0.04) : 0;
      const bps = Math.round(this.wander(`b ${vmid}`, 0.2, 0.1) * cpu * 4e7);
      guest[vmid] = {
        vmid,
        kind,
        node: at,
        status: lost ? "unknown" : on ? "running" : "stopped",
        health: lost ? "unknown" : !on ? "off" : vmid === 107 ? "attention" : "ok",
        template: vmid === 120,
        tags: vmid % 2 ? ["media"] : [],
        src: "resources",
        name,
        ...(vmid === 107 && on && !lost ? { why: "memory at 97 % of its limit" } : {}),
        ...(vmid === 114 ? { lock: "backup" } : {}),
        ...(lost ? { as_of_ms: this.lostAt } : {}),
        ...(on
          ? {
              cpu: r3(c),
              mem_used_bytes: Math.round(mem * gib * GIB),
              started_ms: this.started - 11 * DAY_MS,
              net_in_bps: bps,
              net_out_bps: Math.round(bps / 3),
              disk_read_bps: bps,
              disk_write_bps: bps * 2,
            }
          : {}),
        cpu_cores: cores,
        mem_total_bytes: Math.round(gib * GIB),
        disk_used_bytes: 9 * GIB,
        disk_total_bytes: 32 * GIB,
      };
    }
    const storage = {};
    for (const [name, shared, plugin, where] of STORAGES) {
      for (const [at, [used, total]] of Object.entries(where)) {
        const lost = this.down.has(at);
        const full = used / total > 0.85;
        storage[`${at}/${name}`] = {
          node: at,
          storage: name,
          status: lost ? "unknown" : "available",
          health: lost ? "unknown" : full ? "attention" : "ok",
          shared,
          content: ["images", "rootdir"],
          src: "resources",
          plugin,
          used_bytes: Math.round(used * TIB),
          total_bytes: Math.round(total * TIB),
          ...(lost ? { as_of_ms: this.lostAt } : {}),
          ...(full ? { why: "87 % full" } : {}),
        };
      }
    }
    const lost = [...this.down];
    const source = {};
    for (const [id, interval] of [
      ["resources", 1000],
      ["membership", 1000],
      ["tasks", 1000],
      ...NODES.map((n) => [`node/${n[0]}`, 10000]),
    ]) {
      const gone = this.down.has(id.slice(5));
      source[id] = {
        id,
        state: gone ? "lost" : "fresh",
        interval_ms: interval,
        seen_ms: gone ? this.lostAt : this.seenMs,
        via: "Home",
        ...(gone ? { error: `595 no route to ${id.slice(5)}`, error_since_ms: this.lostAt } : {}),
      };
    }
    const guests = Object.values(guest);
    const cluster = {
      cluster: {
        name: "homelab",
        nodes_total: 4,
        nodes_online: 4 - lost.length,
        guests_total: guests.length,
        guests_running: guests.filter((g) => g.status === "running").length,
        health: lost.length ? "critical" : "attention",
        headline: lost.length ? `I have lost ${lost.join(" and ")}.` : "Nextcloud is short of memory.",
        detail: lost.length
          ? "Quorum holds with 3 of 4 votes. The guests on it are unknown, not down."
          : "Container 107 on pve uses 97 % of 4 GiB. Everything else is steady: 4 of 4 nodes, 18 guests.",
        sight: "fresh",
        quorate: true,
        quorum: 3,
        pve_version: "9.1.1",
      },
    };
    return { cluster, node, guest, storage, task: Object.fromEntries(this.tasks), source };
  }
}

/** Merge patches that lead from one set of records to the next. */
export function diff(before, after) {
  const up = [];
  const del = [];
  for (const kind of Object.keys(after)) {
    for (const [id, record] of Object.entries(after[kind])) {
      const old = before[kind][id] ?? {};
      const patch = {};
      for (const [k, v] of Object.entries(record))
        if (JSON.stringify(old[k]) !== JSON.stringify(v)) patch[k] = v;
      for (const k of Object.keys(old)) if (!(k in record)) patch[k] = null;
      if (Object.keys(patch).length > 0) up.push([kind, id, patch]);
    }
    for (const id of Object.keys(before[kind])) if (!(id in after[kind])) del.push([kind, id]);
  }
  return { up, del };
}

/** A curve for any entity and metric, the same for the same question. */
export function curve(entity, metric, fromMs, toMs, points) {
  let seed = 7;
  for (const ch of entity + metric) seed = (seed * 31 + ch.charCodeAt(0)) % 2147483647;
  const rand = random(seed);
  const node = NODES.find((n) => entity === `node/${n[0]}`);
  const guest = GUESTS.find((g) => entity.endsWith(`/${g[0]}`));
  const total = node ? node[2] * GIB : guest ? guest[5] * GIB : 90 * GIB;
  const base =
    metric === "cpu"
      ? (node?.[3] ?? guest?.[6] ?? 0.31)
      : metric.startsWith("mem")
        ? (node?.[4] ?? guest?.[7] ?? 0.58)
        : 0.4;
  const scale =
    metric === "cpu"
      ? 1
      : metric.startsWith("mem")
        ? total
        : metric.endsWith("bps")
          ? 3e7
          : metric === "load1"
            ? 6
            : 0.05;
  const step = (toMs - fromMs) / points;
  let v = base;
  return Array.from({ length: points }, (_, i) => {
    v = clamp(v + (rand() - 0.5) * 0.12 * (metric.startsWith("mem") ? 0.2 : 1) + (base - v) * 0.1);
    const t = Math.round(fromMs + (i + 0.5) * step);
    return {
      t_ms: t,
      at: new Date(t).toISOString(),
      min: Math.max(0, v - 0.03) * scale,
      mean: v * scale,
      max: Math.min(1, v + 0.05) * scale,
      n: 6,
    };
  }).filter((_, i) => !(points > 100 && i > points * 0.62 && i < points * 0.66));
}
