//! Backups on demand.

use serde_json::Value;

use super::params::{Must, opt};
use super::reply::Reply;
use super::{Call, Perm, Route, post};
use crate::cluster::World;
use crate::cluster::backup::Backup;
use crate::cluster::task::NewTask;
use crate::cluster::work::Op;

pub const ROUTES: &[Route] = &[post("/nodes/{node}/vzdump", Perm::Any, TAKES, vzdump)];

const TAKES: &[super::params::Param] = &[
    opt("vmid", Must::Text),
    opt("all", Must::Bool),
    opt("storage", Must::Text),
    opt("mode", Must::OneOf(&["snapshot", "suspend", "stop"])),
    opt("compress", Must::OneOf(&["0", "1", "gzip", "lzo", "zstd"])),
    opt("notes-template", Must::Text),
    opt("protected", Must::Bool),
    opt("remove", Must::Bool),
    opt("exclude", Must::Text),
    opt("bwlimit", Must::Int { min: 0 }),
    opt("mailto", Must::Text),
    opt("notification-mode", Must::Text),
    opt("prune-backups", Must::Text),
    opt("quiet", Must::Bool),
    opt("zstd", Must::Int { min: 0 }),
];

/// What the simulated disks and network give.
const MIB_PER_S: u64 = 210;

fn vzdump(world: &mut World, call: &Call) -> Reply {
    let node = call.part("node");
    let listed = call.param("vmid").unwrap_or_default();
    let ids: Option<Vec<u32>> =
        listed.split(',').filter(|v| !v.is_empty()).map(|v| v.trim().parse().ok()).collect();
    let Some(mut vmids) = ids else {
        return Reply::bad_param("vmid", "invalid format - value does not look like a valid VM ID\n");
    };
    match (vmids.is_empty(), call.flag("all")) {
        (true, false) => return Reply::fail("you need to specify --vmid, --pool or --all"),
        (false, true) => return Reply::fail("option all conflicts with option vmid"),
        (true, true) => vmids = world.guests.values().filter(|g| g.node == node).map(|g| g.vmid).collect(),
        (false, false) => {}
    }
    for vmid in &vmids {
        let path = format!("/vms/{vmid}");
        if !call.who.can(&path, "VM.Backup") {
            return Reply::forbidden(&path, "VM.Backup");
        }
    }
    let storage = call.param("storage").unwrap_or("local").to_owned();
    let path = format!("/storage/{storage}");
    if !call.who.can(&path, "Datastore.AllocateSpace") {
        return Reply::forbidden(&path, "Datastore.AllocateSpace");
    }
    let mib: u64 = vmids.iter().filter_map(|v| world.guests.get(v)).map(|g| g.disk_bytes >> 20).sum();
    let notes = call.param("notes-template").map(str::to_owned);
    let mode = call.param("mode").unwrap_or("snapshot").to_owned();
    let job = Backup { vmids, storage, mode, notes, protected: call.flag("protected") };
    let upid = world.spawn(NewTask {
        node,
        kind: "vzdump",
        id: listed,
        asker: &call.who.asker,
        op: Op::Backup(job),
        lasts_ms: 2_000 + mib * 1000 / MIB_PER_S,
    });
    Reply::data(Value::String(upid))
}
