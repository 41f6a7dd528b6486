//! The calls of an engine, from the path to the answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::words;
use crate::cluster::docker::{Container, State};
use crate::cluster::model::Guest;
use crate::cluster::{World, edit};
use crate::num;
use crate::records::{Effect, Side};

/// What is asked of an engine.
pub struct Call<'a> {
    pub vmid: u32,
    pub method: &'a str,
    /// Without the version in front.
    pub path: &'a str,
    pub query: &'a BTreeMap<String, String>,
    pub peer: &'a str,
}

pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
    pub kind: &'static str,
    pub takes_ms: u64,
    /// Statistics go on, one line a second.
    pub streams: bool,
}

const JSON: &str = "application/json";
pub const API_VERSION: &str = "1.51";
const ENGINE_VERSION: &str = "28.5.1";

impl Reply {
    fn json(value: &Value) -> Self {
        Self { status: 200, body: format!("{value}\n").into_bytes(), kind: JSON, takes_ms: 8, streams: false }
    }

    fn bare(status: u16) -> Self {
        Self { status, body: Vec::new(), kind: "", takes_ms: 8, streams: false }
    }

    fn error(status: u16, message: &str) -> Self {
        Self { status, ..Self::json(&json!({"message": message})) }
    }

    fn taking(self, takes_ms: u64) -> Self {
        Self { takes_ms, ..self }
    }
}

/// Answers a call; a change is done and on record in the same instant.
pub fn answer(world: &mut World, call: &Call<'_>) -> Reply {
    let parts: Vec<&str> = call.path.split('/').filter(|p| !p.is_empty()).collect();
    let reply = match (call.method, parts.as_slice()) {
        ("GET" | "HEAD", ["_ping"]) => {
            Reply { body: b"OK".to_vec(), kind: "text/plain; charset=utf-8", ..Reply::bare(200) }
        }
        ("GET", ["version"]) => Reply::json(&json!({"Version": ENGINE_VERSION, "ApiVersion": API_VERSION,
            "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64", "KernelVersion": "6.12.48+deb13-amd64",
            "GoVersion": "go1.24.8", "GitCommit": "f8215cc", "Platform": {"Name": "Docker Engine - Community"}})),
        ("GET", ["info"]) => info(world, call),
        ("GET", ["containers", "json"]) => list(world, call),
        ("GET", ["containers", name, "json"]) => one(world, call, name, inspect),
        ("GET", ["containers", name, "stats"]) => one(world, call, name, stats),
        ("GET", ["containers", name, "logs"]) => one(world, call, name, logs),
        ("POST", ["containers", name, verb @ ("start" | "stop" | "restart")]) => {
            return change(world, call, name, verb);
        }
        _ => Reply::error(404, "page not found"),
    };
    if call.method != "GET" && call.method != "HEAD" {
        record(world, call, None, &reply);
    }
    reply
}

fn guest(world: &World, vmid: u32) -> Option<&Guest> {
    world.guests.get(&vmid)
}

fn info(world: &World, call: &Call<'_>) -> Reply {
    let (Some(engine), Some(guest)) = (world.engines.get(&call.vmid), guest(world, call.vmid)) else {
        return Reply::bare(500);
    };
    let on = engine.containers.iter().filter(|c| c.on()).count();
    let all = engine.containers.len();
    Reply::json(&json!({"ID": format!("{:016x}", guest.how.seed), "Containers": all, "ContainersRunning": on,
        "ContainersPaused": 0, "ContainersStopped": all - on, "Images": all, "Driver": "overlay2",
        "Name": guest.name, "ServerVersion": ENGINE_VERSION, "OperatingSystem": "Debian GNU/Linux 13 (trixie)",
        "NCPU": guest.cores, "MemTotal": guest.mem_bytes, "Warnings": null}))
}

fn list(world: &World, call: &Call<'_>) -> Reply {
    let (Some(engine), Some(guest)) = (world.engines.get(&call.vmid), guest(world, call.vmid)) else {
        return Reply::bare(500);
    };
    let all = call.query.get("all").is_some_and(|v| v == "1" || v == "true");
    let filters: Value =
        call.query.get("filters").and_then(|f| serde_json::from_str(f).ok()).unwrap_or_default();
    let row = |c: &Container| {
        json!({"Id": c.id, "Names": [format!("/{}", c.name)], "Image": c.image,
            "ImageID": format!("sha256:{}", c.id), "Command": format!("/usr/bin/{}", c.name), "Created": c.created_s,
            "Ports": [], "Labels": c.labels, "State": if c.on() { "running" } else { "exited" },
            "Status": words::status(c, guest, world.now.unix_ms), "HostConfig": {"NetworkMode": "management_default"},
            "NetworkSettings": {"Networks": {}}, "Mounts": []})
    };
    let wanted = engine.containers.iter().filter(|c| (all || c.on()) && fits(c, &filters));
    Reply::json(&wanted.map(row).collect::<Vec<_>>().into()).taking(25)
}

/// Filters by label, name and state; others let everything pass.
fn fits(container: &Container, filters: &Value) -> bool {
    let texts = |key: &str| -> Vec<String> {
        match filters.get(key) {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::Object(map)) => map.keys().cloned().collect(),
            _ => Vec::new(),
        }
    };
    let labelled = |l: &String| match l.split_once('=') {
        Some((key, value)) => container.labels.get(key).is_some_and(|v| v == value),
        None => container.labels.contains_key(l),
    };
    let state = if container.on() { "running" } else { "exited" };
    let (names, states) = (texts("name"), texts("status"));
    texts("label").iter().all(labelled)
        && (names.is_empty() || names.iter().any(|n| container.name.contains(n.trim_start_matches('/'))))
        && (states.is_empty() || states.iter().any(|s| s == state))
}

type Show = fn(&World, &Call<'_>, &Container, &Guest) -> Reply;

fn one(world: &World, call: &Call<'_>, name: &str, show: Show) -> Reply {
    match (world.container(call.vmid, name), guest(world, call.vmid)) {
        (Some(container), Some(guest)) => show(world, call, container, guest),
        _ => Reply::error(404, &format!("No such container: {name}")),
    }
}

fn stamp(ms: u64) -> String {
    format!("{}.{:03}000000Z", edit::iso_stamp(ms / 1000), ms % 1000)
}

fn inspect(world: &World, _: &Call<'_>, c: &Container, guest: &Guest) -> Reply {
    const NEVER: &str = "0001-01-01T00:00:00Z";
    let now_ms = world.now.unix_ms;
    let (started, finished, code) = match c.state {
        State::Running { .. } => (stamp(c.since_ms(guest).unwrap_or(now_ms)), NEVER.to_owned(), 0),
        State::Exited { at_ms, code } => (stamp(c.created_s * 1000), stamp(at_ms), code),
    };
    let mut state = Map::from_iter([
        ("Status".to_owned(), json!(if c.on() { "running" } else { "exited" })),
        ("Running".to_owned(), json!(c.on())),
        ("Paused".to_owned(), json!(false)),
        ("Restarting".to_owned(), json!(false)),
        ("OOMKilled".to_owned(), json!(false)),
        ("Dead".to_owned(), json!(false)),
        ("Pid".to_owned(), json!(if c.on() { c.pid } else { 0 })),
        ("ExitCode".to_owned(), json!(code)),
        ("Error".to_owned(), json!("")),
        ("StartedAt".to_owned(), json!(started)),
        ("FinishedAt".to_owned(), json!(finished)),
    ]);
    if let Some(health) = c.health_at(guest, now_ms) {
        let failing = if health == crate::cluster::docker::Health::Unhealthy { 4 } else { 0 };
        state.insert("Health".into(), json!({"Status": health.name(), "FailingStreak": failing, "Log": []}));
    }
    Reply::json(&json!({
        "Id": c.id, "Created": stamp(c.created_s * 1000), "Path": format!("/usr/bin/{}", c.name), "Args": [],
        "State": state, "Image": format!("sha256:{}", c.id), "Name": format!("/{}", c.name),
        "RestartCount": c.restarts, "Driver": "overlay2", "Platform": "linux",
        "HostConfig": {"NetworkMode": "management_default", "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
            "Privileged": false, "Binds": [format!("/srv/{}:/data", c.name)]},
        "Config": {"Hostname": c.id.get(..12), "User": "", "Tty": false, "Env": c.env, "Cmd": null, "Image": c.image,
            "WorkingDir": "/", "Labels": c.labels},
        "Mounts": [], "NetworkSettings": {"Networks": {}},
    }))
}

fn stats(world: &World, call: &Call<'_>, c: &Container, guest: &Guest) -> Reply {
    let value = figures(world, c, guest);
    let once = |key: &str| call.query.get(key).is_some_and(|v| v == "0" || v == "false");
    let streams = !once("stream");
    // A second look is needed for a rate, unless one is enough.
    let one_shot = call.query.get("one-shot").is_some_and(|v| v == "1" || v == "true");
    let takes_ms = if streams || one_shot { 30 } else { 1_900 };
    Reply { streams, ..Reply::json(&value).taking(takes_ms) }
}

/// One line of statistics.
pub fn figures(world: &World, c: &Container, guest: &Guest) -> Value {
    let (cpu, mem, [net_in, net_out, read, write]) = c.load(guest, world.now);
    let now_ms = world.now.unix_ms;
    let up_ms = c.since_ms(guest).map_or(0, |s| now_ms.saturating_sub(s));
    let total_ns = num::whole(num::real(up_ms) * 1e6 * 0.01);
    let system_ns = now_ms.saturating_mul(guest.cores).saturating_mul(1_000_000);
    let step_ns = guest.cores * 1_000_000_000;
    let used_ns = num::whole(cpu * 1e9);
    let usage = |total: u64, system: u64| {
        json!({"cpu_usage": {"total_usage": total, "usage_in_kernelmode": total / 3, "usage_in_usermode": total - total / 3},
            "system_cpu_usage": system, "online_cpus": guest.cores,
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0}})
    };
    json!({
        "name": format!("/{}", c.name), "id": c.id, "read": stamp(now_ms), "preread": stamp(now_ms.saturating_sub(1_000)),
        "num_procs": 0, "pids_stats": {"current": if c.on() { 4 + c.seed % 20 } else { 0 }},
        "cpu_stats": usage(total_ns + used_ns, system_ns + step_ns), "precpu_stats": usage(total_ns, system_ns),
        "memory_stats": {"usage": mem, "limit": guest.mem_bytes, "stats": {"inactive_file": mem / 12}},
        "blkio_stats": {"io_service_bytes_recursive": [{"major": 8, "minor": 0, "op": "read", "value": read},
            {"major": 8, "minor": 0, "op": "write", "value": write}]},
        "networks": {"eth0": {"rx_bytes": net_in, "rx_packets": net_in / 700, "rx_errors": 0, "rx_dropped": 0,
            "tx_bytes": net_out, "tx_packets": net_out / 700, "tx_errors": 0, "tx_dropped": 0}},
    })
}

/// Most lines told of a log.
const TAIL_MAX: usize = 5_000;

fn logs(world: &World, call: &Call<'_>, c: &Container, guest: &Guest) -> Reply {
    let flag = |key: &str| call.query.get(key).is_some_and(|v| v == "1" || v == "true");
    let wanted = [flag("stdout"), flag("stderr")];
    if wanted == [false, false] {
        return Reply::error(400, "Bad parameters: you must choose at least one stream");
    }
    let tail = call.query.get("tail").and_then(|t| t.parse().ok()).unwrap_or(TAIL_MAX).min(TAIL_MAX);
    let since_s: f64 = call.query.get("since").and_then(|s| s.parse().ok()).unwrap_or(0.0);
    let mut body = Vec::new();
    for (at_ms, stream, text) in c.log(guest, world.now.unix_ms, tail) {
        let is_wanted = if stream == 2 { flag("stderr") } else { flag("stdout") };
        if !is_wanted || num::real(at_ms) / 1000.0 < since_s {
            continue;
        }
        let line =
            if flag("timestamps") { format!("{} {text}\n", stamp(at_ms)) } else { format!("{text}\n") };
        let length = u32::try_from(line.len()).unwrap_or_default().to_be_bytes();
        body.extend([&[stream, 0, 0, 0], length.as_slice(), line.as_bytes()].concat());
    }
    let kind = "application/vnd.docker.multiplexed-stream";
    Reply { status: 200, body, kind, takes_ms: 20, streams: false }
}

/// How long a container takes to end and to begin.
const STOP_MS: u64 = 900;
const START_MS: u64 = 500;

fn change(world: &mut World, call: &Call<'_>, name: &str, verb: &str) -> Reply {
    let now_ms = world.now.unix_ms;
    let Some(container) = world.container_mut(call.vmid, name) else {
        let reply = Reply::error(404, &format!("No such container: {name}"));
        record(world, call, Some(name), &reply);
        return reply;
    };
    let known = container.name.clone();
    let reply = match (verb, container.on()) {
        ("start", true) | ("stop", false) => Reply::bare(304),
        ("start", false) => {
            container.begin(now_ms);
            Reply::bare(204).taking(START_MS)
        }
        ("stop", true) => {
            container.end(now_ms, 0);
            Reply::bare(204).taking(STOP_MS)
        }
        _ => {
            container.end(now_ms, 0);
            container.begin(now_ms);
            container.restarts += 1;
            Reply::bare(204).taking(STOP_MS + START_MS)
        }
    };
    record(world, call, Some(&known), &reply);
    reply
}

fn record(world: &mut World, call: &Call<'_>, container: Option<&str>, reply: &Reply) {
    let host = guest(world, call.vmid).map(|g| (g.name.clone(), g.node.clone()));
    let (host, node) = host.unwrap_or_default();
    let acted = reply.status == 204;
    let why = match reply.status {
        204 => None,
        304 => Some("it is so already".to_owned()),
        _ => serde_json::from_slice::<Value>(&reply.body)
            .ok()
            .and_then(|v| v.get("message").and_then(Value::as_str).map(str::to_owned)),
    };
    let effect = Effect {
        unix_ms: world.now.unix_ms,
        side: Side::Docker,
        by: "docker".into(),
        method: call.method.to_owned(),
        path: call.path.to_owned(),
        params: call.query.clone(),
        node: Some(node),
        target: container.map(|c| format!("container/{host}/{c}")),
        acted,
        status: reply.status,
        why,
        asked: host,
        peer: call.peer.to_owned(),
        ..Effect::default()
    };
    world.effects.add(effect);
}

/// The containers as they really are, for the control listener.
pub fn truth(world: &World) -> Value {
    let row = |guest: &Guest, c: &Container| {
        json!({"name": c.name, "id": c.id, "image": c.image, "state": if c.on() { "running" } else { "exited" },
            "health": c.health_at(guest, world.now.unix_ms).map(crate::cluster::docker::Health::name),
            "restarts": c.restarts, "labels": c.labels})
    };
    let host = |(vmid, engine): (&u32, &crate::cluster::docker::Engine)| {
        let guest = guest(world, *vmid)?;
        let up = crate::site::Host::Guest(*vmid).wire(world, crate::site::Service::Docker)
            == crate::cluster::machine::Wire::Open;
        let rows: Vec<Value> = engine.containers.iter().map(|c| row(guest, c)).collect();
        Some(json!({"name": guest.name, "vmid": vmid, "up": up, "containers": rows}))
    };
    json!({"hosts": world.engines.iter().filter_map(host).collect::<Vec<_>>()})
}
