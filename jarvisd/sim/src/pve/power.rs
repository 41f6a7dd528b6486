//! Power actions and migration: each answers with a task id, whatever becomes of it.

use serde_json::{Value, json};

use super::params::{Must, opt, req};
use super::reply::Reply;
use super::{Call, Perm, Route, delete, get, post};
use crate::cluster::World;
use crate::cluster::ha::HaAsk;
use crate::cluster::model::Kind;
use crate::cluster::task::NewTask;
use crate::cluster::travel::Clone as CloneJob;
use crate::cluster::work::{Act, Op, QUICK_MS};

const POWER: Perm = Perm::Guest("VM.PowerMgmt");
const TIMEOUT: super::params::Param = opt("timeout", Must::Int { min: 0 });
const SKIPLOCK: super::params::Param = opt("skiplock", Must::Bool);

macro_rules! action {
    ($verb:literal, $takes:expr, $run:ident) => {
        post(concat!("/nodes/{node}/{kind}/{vmid}/status/", $verb), POWER, $takes, $run)
    };
}

pub const ROUTES: &[Route] = &[
    action!(
        "start",
        &[
            SKIPLOCK,
            TIMEOUT,
            opt("machine", Must::Text),
            opt("debug", Must::Bool),
            opt("targetstorage", Must::Text)
        ],
        start
    ),
    action!(
        "stop",
        &[SKIPLOCK, TIMEOUT, opt("keepActive", Must::Bool), opt("overrule-shutdown", Must::Bool)],
        stop
    ),
    action!(
        "shutdown",
        &[SKIPLOCK, TIMEOUT, opt("keepActive", Must::Bool), opt("forceStop", Must::Bool)],
        shutdown
    ),
    action!("reboot", &[TIMEOUT], reboot),
    action!("suspend", &[SKIPLOCK, opt("todisk", Must::Bool), opt("statestorage", Must::Text)], suspend),
    action!("resume", &[SKIPLOCK, opt("nocheck", Must::Bool)], resume),
    action!("reset", &[SKIPLOCK], reset),
    get(
        "/nodes/{node}/{kind}/{vmid}/migrate",
        Perm::Guest("VM.Migrate"),
        &[opt("target", Must::Text)],
        migration_check,
    ),
    post("/nodes/{node}/{kind}/{vmid}/migrate", Perm::Guest("VM.Migrate"), MIGRATE, migrate),
    post("/nodes/{node}/{kind}/{vmid}/clone", Perm::Guest("VM.Clone"), CLONE, clone),
    delete(
        "/nodes/{node}/{kind}/{vmid}",
        Perm::Guest("VM.Allocate"),
        &[opt("purge", Must::Bool), opt("destroy-unreferenced-disks", Must::Bool), opt("force", Must::Bool)],
        destroy,
    ),
];

const MIGRATE: &[super::params::Param] = &[
    req("target", Must::Text),
    opt("online", Must::Bool),
    opt("restart", Must::Bool),
    opt("force", Must::Bool),
    opt("with-local-disks", Must::Bool),
    opt("targetstorage", Must::Text),
    opt("target-storage", Must::Text),
    opt("bwlimit", Must::Int { min: 0 }),
    opt("timeout", Must::Int { min: 0 }),
    opt("migration_network", Must::Text),
    opt("migration_type", Must::Text),
];

const CLONE: &[super::params::Param] = &[
    req("newid", Must::Vmid),
    opt("name", Must::Text),
    opt("hostname", Must::Text),
    opt("full", Must::Bool),
    opt("target", Must::Text),
    opt("storage", Must::Text),
    opt("description", Must::Text),
    opt("pool", Must::Text),
    opt("snapname", Must::Text),
];

/// PVE's own default for a clean shutdown.
const SHUTDOWN_S: u64 = 180;
const STOP_MS: u64 = 700;

/// Starts a task about a guest, or gives the 500 of a cluster without quorum.
pub fn guest_task(world: &mut World, call: &Call, verb: &str, act: Act, lasts_ms: u64) -> Reply {
    if !world.quorate_by(&call.asked, world.now) {
        return Reply::fail("cluster not ready - no quorum?");
    }
    let (vmid, kind) = (call.vmid(), call.kind());
    let whole = verb.starts_with("vz") || verb.starts_with("qm");
    let task = if whole { verb.to_owned() } else { format!("{}{verb}", kind.prefix()) };
    let upid = world.spawn(NewTask {
        node: call.part("node"),
        kind: &task,
        id: &vmid.to_string(),
        asker: &call.who.asker,
        op: Op::Guest { vmid, kind: Some(kind), act },
        lasts_ms,
    });
    Reply::data(Value::String(upid))
}

fn running(world: &World, call: &Call) -> bool {
    call.guest(world).is_ok_and(|g| g.run.on())
}

fn times(world: &World, call: &Call) -> (u64, u64) {
    call.guest(world).map_or((1_000, 3_000), |g| (g.start_ms, g.shutdown_ms))
}

/// Of a guest under the HA manager this becomes a request to it.
fn ha_task(world: &mut World, call: &Call, kind: &str, ask: HaAsk) -> Reply {
    if !world.quorate_by(&call.asked, world.now) {
        return Reply::fail("cluster not ready - no quorum?");
    }
    let vmid = call.vmid();
    let upid = world.spawn(NewTask {
        node: call.part("node"),
        kind,
        id: &vmid.to_string(),
        asker: &call.who.asker,
        op: Op::Ha { vmid, ask },
        lasts_ms: 900,
    });
    Reply::data(Value::String(upid))
}

fn start(world: &mut World, call: &Call) -> Reply {
    if world.ha_managed(call.vmid()) {
        return ha_task(world, call, "hastart", HaAsk::Start);
    }
    let (start_ms, _) = times(world, call);
    guest_task(world, call, "start", Act::Start, start_ms)
}

fn stop(world: &mut World, call: &Call) -> Reply {
    if world.ha_managed(call.vmid()) {
        return ha_task(world, call, "hastop", HaAsk::Stop);
    }
    let lasts_ms = if running(world, call) { STOP_MS } else { QUICK_MS };
    if call.flag("overrule-shutdown") {
        abort_shutdowns(world, call.vmid());
    }
    guest_task(world, call, "stop", Act::Stop, lasts_ms)
}

/// `overrule-shutdown` ends the shutdown tasks that wait for this guest.
fn abort_shutdowns(world: &mut World, vmid: u32) {
    let waits = |op: &Op| matches!(op, Op::Guest { vmid: v, act: Act::Shutdown { .. }, .. } if *v == vmid);
    let waiting: Vec<String> =
        world.tasks.newest().filter(|t| t.end.is_none() && waits(&t.op)).map(|t| t.upid.clone()).collect();
    for upid in waiting {
        world.end_task(&upid, Some("received interrupt"));
    }
}

fn shutdown(world: &mut World, call: &Call) -> Reply {
    if world.ha_managed(call.vmid()) {
        return ha_task(world, call, "hashutdown", HaAsk::Stop);
    }
    let (_, takes_ms) = times(world, call);
    let fallback = if call.kind() == Kind::Lxc { 60 } else { SHUTDOWN_S };
    let deadline_ms = call.number("timeout").unwrap_or(fallback) * 1000;
    let lasts_ms = if running(world, call) { takes_ms.min(deadline_ms).max(QUICK_MS) } else { QUICK_MS };
    let act = Act::Shutdown { deadline_ms, force: call.flag("forceStop"), takes_ms };
    guest_task(world, call, "shutdown", act, lasts_ms)
}

fn reboot(world: &mut World, call: &Call) -> Reply {
    let (start_ms, shutdown_ms) = times(world, call);
    guest_task(world, call, "reboot", Act::Reboot, start_ms.max(shutdown_ms) * 2)
}

fn suspend(world: &mut World, call: &Call) -> Reply {
    let todisk = call.flag("todisk");
    let (verb, lasts_ms) = match (call.kind(), todisk) {
        (Kind::Qemu, false) => ("pause", 200),
        (Kind::Qemu, true) => ("suspend", 9_000),
        (Kind::Lxc, _) => ("suspend", 400),
    };
    guest_task(world, call, verb, Act::Suspend { todisk }, lasts_ms)
}

fn resume(world: &mut World, call: &Call) -> Reply {
    guest_task(world, call, "resume", Act::Resume, 200)
}

fn reset(world: &mut World, call: &Call) -> Reply {
    if call.kind() == Kind::Lxc {
        return Reply::not_implemented(&call.method, &call.path);
    }
    guest_task(world, call, "reset", Act::Reset, 200)
}

fn migration_check(world: &mut World, call: &Call) -> Reply {
    let guest = match call.guest(world) {
        Ok(guest) => guest,
        Err(reply) => return reply,
    };
    let others: Vec<&str> =
        world.nodes.iter().map(|n| n.name.as_str()).filter(|n| *n != guest.node).collect();
    let running = u8::from(guest.run.on());
    if guest.kind == Kind::Lxc {
        return Reply::data(json!({"allowed-nodes": others, "not-allowed-nodes": {}, "running": running}));
    }
    let shared = world.storage(&guest.storage).is_some_and(|s| s.shared);
    let disk = json!({"volid": format!("{}:vm-{}-disk-0", guest.storage, guest.vmid), "drivename": "scsi0",
        "size": guest.disk_bytes, "shared": u8::from(shared), "is_attached": 1, "is_unused": 0, "is_vmstate": 0,
        "is_tpmstate": 0, "is_cloudinit": 0, "cdrom": 0, "replicate": 1});
    let disks = if shared { vec![] } else { vec![disk] };
    let not: serde_json::Map<String, Value> = others.iter().map(|n| ((*n).to_owned(), json!({}))).collect();
    Reply::data(json!({
        "running": running, "allowed_nodes": others, "not_allowed_nodes": not, "local_disks": disks,
        "local_resources": [], "mapped-resources": [], "mapped-resource-info": {}, "has-dbus-vmstate": 1,
    }))
}

fn migrate(world: &mut World, call: &Call) -> Reply {
    let target = call.param("target").unwrap_or_default().to_owned();
    if world.node(&target).is_none() {
        return Reply::bad_param("target", &format!("no such cluster node '{target}'"));
    }
    if target == call.part("node") {
        return Reply::bad_param("target", "target is local node.");
    }
    if world.ha_managed(call.vmid()) {
        return ha_task(world, call, "hamigrate", HaAsk::Migrate(target));
    }
    let (online, restart) = (call.flag("online"), call.flag("restart"));
    let mib =
        call.guest(world).map_or(0, |g| if g.run.on() { g.mem_bytes >> 20 } else { g.disk_bytes >> 24 });
    let local_disks = call.flag("with-local-disks");
    let moved =
        call.guest(world).ok().filter(|g| g.run.on() && !world.storage(&g.storage).is_some_and(|s| s.shared));
    let disk_mib = moved.map_or(0, |g| g.disk_bytes >> 22);
    let lasts_ms = 3_000 + (mib + disk_mib) * 1000 / 900;
    let verb = if call.kind() == Kind::Qemu { "qmigrate" } else { "vzmigrate" };
    guest_task(world, call, verb, Act::Migrate { target, online, restart, local_disks }, lasts_ms)
}

fn clone(world: &mut World, call: &Call) -> Reply {
    let newid = num_u32(call, "newid");
    if world.guests.contains_key(&newid) {
        let noun = call.kind().noun();
        return Reply::fail(format!("unable to create {noun} {newid}: config file already exists"));
    }
    let gib = call.guest(world).map_or(1, |g| g.disk_bytes >> 30);
    let name = call.param("name").or(call.param("hostname")).map(str::to_owned);
    let job =
        CloneJob { newid, name, full: call.flag("full"), target: call.param("target").map(str::to_owned) };
    let lasts_ms = if job.full { 2_000 + gib * 900 } else { 1_500 };
    guest_task(world, call, "clone", Act::Clone(job), lasts_ms)
}

fn num_u32(call: &Call, name: &str) -> u32 {
    call.number(name).and_then(|n| u32::try_from(n).ok()).unwrap_or_default()
}

fn destroy(world: &mut World, call: &Call) -> Reply {
    let guest = match call.guest(world) {
        Ok(guest) => guest,
        Err(reply) => return reply,
    };
    let noun = guest.kind.noun();
    if guest.run.on() {
        return Reply::fail(format!("{noun} {} is running - destroy failed", guest.vmid));
    }
    if guest.config.get("protection") == Some(&json!("1")) {
        return Reply::fail(format!("can't remove {noun} {} - protection mode enabled", guest.vmid));
    }
    guest_task(world, call, "destroy", Act::Destroy, 900)
}
