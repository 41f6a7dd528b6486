// Writes src/demo/recording.json: a minute of frames of the made-up cluster, for `?demo`.
import { writeFileSync } from "node:fs";
import { diff, FakeCluster } from "./fake-cluster.mjs";

const START_MS = 1_795_000_000_000;
const FRAMES = 60;
const cluster = new FakeCluster(7, START_MS);
let entities = cluster.entities(START_MS);
const frames = [
  { type: "hello", proto: 1, epoch: "demo", build: "demo", server_time_ms: START_MS, heartbeat_ms: 15000 },
  { type: "snapshot", channel: "cluster", seq: 1, ts_ms: START_MS, entities },
  {
    type: "snapshot",
    channel: "events",
    seq: cluster.events.length,
    ts_ms: START_MS,
    events: cluster.events.slice(-60),
  },
];
for (let i = 1; i <= FRAMES; i++) {
  const now = START_MS + i * 1000;
  const next = cluster.entities(now);
  frames.push({ type: "change", channel: "cluster", seq: i + 1, ts_ms: now, ...diff(entities, next) });
  entities = next;
}
writeFileSync(
  new URL("../src/demo/recording.json", import.meta.url),
  `${JSON.stringify({ recorded_ms: START_MS, frames })}\n`,
);
