// A stand-in for jarvisd with a seed, for working on the page and for looking at its states. Never shipped.
//   node scripts/fake-daemon.mjs [--port 7878] [--seed 7] [--guests 0] [--open] [--setup]
// It serves dist/ too. POST /fake/{drop|mute|speak|node_down|node_up|event|guest_stop|logout} changes what it plays.
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";
import { FakeActing } from "./fake-acting.mjs";
import { curve, diff, FakeCluster } from "./fake-cluster.mjs";

const { values: args } = parseArgs({
  options: {
    port: { type: "string", default: "7878" },
    seed: { type: "string", default: "7" },
    guests: { type: "string", default: "0" },
    open: { type: "boolean" },
    setup: { type: "boolean" },
  },
});
const DIST = new URL("../dist/", import.meta.url).pathname;
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".json": "application/json",
};
const CSP =
  "default-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; frame-ancestors 'none'";
const PASSWORD = "jarvis-demo";

const cluster = new FakeCluster(Number(args.seed), Date.now(), Number(args.guests));
const epoch = `fake-${args.seed}-${process.pid}`;
let entities = cluster.entities(Date.now());
let seq = 1;
let loggedIn = args.open === true;
let setUp = args.setup !== true;
const ring = [];

const acting = new FakeActing(
  () => entities,
  (frame) => broadcast(frame),
);

const server = createServer((req, res) => void route(req, res));
const sockets = new WebSocketServer({ noServer: true });

function json(res, status, body) {
  res.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  res.end(body === undefined ? undefined : JSON.stringify(body));
}
const error = (res, status, kind, message, details = {}) =>
  json(res, status, { error: { kind, message, details } });
const person = () => ({
  user: "operator",
  created_at: "2026-01-01T00:00:00Z",
  expires_at: "2027-01-01T00:00:00Z",
  idle_expires_at: "2027-01-01T00:00:00Z",
  fresh: true,
  password_length_min: 10,
  server_time_ms: Date.now(),
  build: "fake",
});

async function route(req, res) {
  const url = new URL(req.url, "http://fake");
  if (url.pathname.startsWith("/fake/")) return control(url.pathname.slice(6), res);
  if (!url.pathname.startsWith("/api/")) return file(url.pathname, res);
  let text = "";
  for await (const part of req) text += part;
  const body = text ? JSON.parse(text) : {};
  switch (`${req.method} ${url.pathname}`) {
    case "GET /api/v1/session":
      return loggedIn
        ? json(res, 200, person())
        : error(res, 401, "unauthenticated", "Log in first.", {
            set_up_needed: !setUp,
            password_length_min: 10,
          });
    case "POST /api/v1/login":
      if (body.password !== PASSWORD)
        return error(res, 401, "bad_credentials", "This password is not right. Try again.");
      loggedIn = acting.fresh = true;
      return json(res, 200, person());
    case "POST /api/v1/setup":
      if (body.token !== "token")
        return error(
          res,
          401,
          "bad_credentials",
          "This set-up token is not right. Read it again from the daemon's log.",
        );
      setUp = loggedIn = true;
      return json(res, 200, person());
    case "POST /api/v1/logout":
      loggedIn = false;
      for (const ws of sockets.clients) ws.close(4401, "logged out");
      return json(res, 204);
    case "GET /api/v1/history": {
      const q = Object.fromEntries(url.searchParams);
      return json(res, 200, {
        entity: q.entity,
        metric: q.metric,
        buckets: curve(q.entity, q.metric, Date.parse(q.from), Date.parse(q.to), Number(q.points ?? 200)),
      });
    }
    case "GET /api/v1/events":
      return json(res, 200, page(url.searchParams));
    default: {
      const log = url.pathname.match(/^\/api\/v1\/tasks\/(.+)\/log$/);
      if (log)
        return json(res, 200, taskLog(decodeURIComponent(log[1]), Number(url.searchParams.get("start"))));
      const answer = acting.route(req.method, url.pathname, body);
      return answer ? json(res, ...answer) : error(res, 404, "not_found", "There is nothing here.");
    }
  }
}

/** A line a second since the task began; a running one grows. */
function taskLog(upid, start) {
  const task = entities.task[upid];
  const endMs = task?.end_ms ?? Date.now();
  const total = Math.max(1, Math.min(200, Math.floor((endMs - (task?.start_ms ?? endMs)) / 1000)));
  const lines = [];
  for (let n = start + 1; n <= total; n++)
    lines.push({ n, text: `INFO: ${n}% (${n * 31} MiB of 6.1 GiB) in ${n}s` });
  return { upid, start, total, lines, next_start: null };
}

function page(q) {
  const list = (k) => q.get(k)?.split(",");
  const limit = Number(q.get("limit") ?? 100);
  const before = q.has("cursor") ? Number(q.get("cursor")) : Number.POSITIVE_INFINITY;
  const hits = cluster.events
    .filter(
      (e) =>
        e.id < before &&
        (list("severity")?.includes(e.severity) ?? true) &&
        (list("source")?.includes(e.source) ?? true) &&
        (!q.get("node") || e.node === q.get("node")),
    )
    .reverse();
  const items = hits.slice(0, limit).map((e) => ({ ...e, at: new Date(e.ts_ms).toISOString() }));
  return { items, next_cursor: hits.length > limit ? String(items.at(-1).id) : null };
}

function file(path, res) {
  const asked = join(DIST, normalize(path));
  const found =
    path !== "/" && asked.startsWith(DIST) && existsSync(asked) ? asked : join(DIST, "index.html");
  if (!existsSync(found)) return error(res, 404, "not_found", "Run `npm run build` first.");
  res.writeHead(200, {
    "content-type": TYPES[extname(found)] ?? "application/octet-stream",
    "content-security-policy": CSP,
  });
  res.end(readFileSync(found));
}

function control(what, res) {
  const now = Date.now();
  const acts = {
    drop: () => each((ws) => ws.terminate()),
    mute: () => {
      cluster.silent = true;
    },
    speak: () => {
      cluster.silent = false;
    },
    node_down: () => {
      cluster.down.add("agent1");
      cluster.lostAt = now;
      say(
        cluster.event(now, "node_offline", "critical", "sys", "agent1 went offline", {
          detail: "its cluster no longer sees it",
          node: "agent1",
        }),
      );
    },
    node_up: () => {
      cluster.down.clear();
      say(cluster.event(now, "node_online", "notice", "sys", "agent1 is back", { node: "agent1" }));
    },
    guest_stop: () => {
      cluster.stopped = new Set([103]);
      say(
        cluster.event(now, "guest_stopped", "notice", "user", "jellyfin stopped", {
          detail: "by root@pam",
          node: "pve",
          vmid: 103,
        }),
      );
    },
    event: () =>
      say(
        cluster.event(now, "system", "info", "sys", "A line for the feed", {
          detail: `number ${cluster.events.length}`,
        }),
      ),
    logout: () => {
      loggedIn = false;
      each((ws) => ws.close(4401, "session ended"));
    },
    ask: () => acting.ask(),
    stale: () => {
      acting.fresh = false;
    },
    refuse: () => {
      refusing = true;
      each((ws) => ws.terminate());
    },
    accept: () => {
      refusing = false;
    },
  };
  acts[what]?.();
  json(res, acts[what] ? 200 : 404, { did: what });
}
let refusing = false;

const each = (act) => {
  for (const ws of sockets.clients) act(ws);
};
const send = (ws, frame) => ws.readyState === 1 && ws.send(JSON.stringify(frame));
const broadcast = (frame) => each((ws) => send(ws, frame));
const say = (e) => broadcast({ type: "event", channel: "events", seq: e.id, event: e });
const snapshot = () => ({ type: "snapshot", channel: "cluster", seq, ts_ms: Date.now(), entities });
const eventsSnapshot = () => ({
  type: "snapshot",
  channel: "events",
  seq: cluster.events.length,
  ts_ms: Date.now(),
  events: cluster.events.slice(-100),
});

server.on("upgrade", (req, socket, head) => {
  if (!loggedIn || refusing) {
    socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
    return;
  }
  sockets.handleUpgrade(req, socket, head, (ws) => greet(ws, new URL(req.url, "http://fake").searchParams));
});

function greet(ws, q) {
  send(ws, {
    type: "hello",
    proto: 1,
    epoch,
    build: "3.1.0",
    server_time_ms: Date.now(),
    heartbeat_ms: 15000,
  });
  const from = Number(q.get("cluster_seq"));
  const missed = ring.filter((f) => f.seq > from);
  if (q.get("epoch") === epoch && missed.length === seq - from) {
    send(ws, { type: "resumed", channel: "cluster", seq: from });
    for (const f of missed) send(ws, f);
  } else send(ws, snapshot());
  send(ws, eventsSnapshot());
  if (q.get("channels")?.includes("approvals")) send(ws, acting.snapshot());
  ws.on("message", (text) => {
    const frame = JSON.parse(text);
    if (frame.type === "resync") send(ws, frame.channel === "events" ? eventsSnapshot() : snapshot());
  });
}

setInterval(() => {
  const now = Date.now();
  if (cluster.silent) return;
  const next = cluster.entities(now);
  const frame = { type: "change", channel: "cluster", seq: ++seq, ts_ms: now, ...diff(entities, next) };
  entities = next;
  ring.push(frame);
  if (ring.length > 600) ring.shift();
  broadcast(frame);
}, 1000);
setInterval(() => broadcast({ type: "ping", server_time_ms: Date.now() }), 15000);

server.listen(Number(args.port), "127.0.0.1", () =>
  console.log(
    `fake daemon on http://127.0.0.1:${server.address().port} (password ${PASSWORD}, set-up token "token")`,
  ),
);
