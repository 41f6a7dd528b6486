//! Snapshots of guests.

use serde_json::{Value, json};

use super::params::{Must, opt, req};
use super::power::guest_task;
use super::reply::Reply;
use super::{Call, Perm, Route, delete, get, post};
use crate::cluster::World;
use crate::cluster::work::Act;

const PATH: &str = "/nodes/{node}/{kind}/{vmid}/snapshot";
const ONE: &str = "/nodes/{node}/{kind}/{vmid}/snapshot/{snapname}";
const SNAPSHOT: Perm = Perm::Guest("VM.Snapshot");

pub const ROUTES: &[Route] = &[
    get(PATH, Perm::Guest("VM.Audit"), &[], list),
    post(
        PATH,
        SNAPSHOT,
        &[req("snapname", Must::ConfigId), opt("description", Must::Text), opt("vmstate", Must::Bool)],
        take,
    ),
    delete(ONE, SNAPSHOT, &[opt("force", Must::Bool)], drop),
    get("/nodes/{node}/{kind}/{vmid}/snapshot/{snapname}/config", Perm::Guest("VM.Audit"), &[], config),
    post(
        "/nodes/{node}/{kind}/{vmid}/snapshot/{snapname}/rollback",
        Perm::Guest("VM.Snapshot.Rollback"),
        &[opt("start", Must::Bool)],
        rollback,
    ),
];

/// The list ends with the pseudo snapshot `current`.
fn list(world: &mut World, call: &Call) -> Reply {
    let guest = match call.guest(world) {
        Ok(guest) => guest,
        Err(reply) => return reply,
    };
    let mut rows: Vec<Value> = guest
        .snapshots
        .iter()
        .map(|s| {
            let mut row = json!({"name": s.name, "description": s.description, "snaptime": s.taken_s, "vmstate": u8::from(s.vmstate)});
            if let (Some(parent), Some(map)) = (&s.parent, row.as_object_mut()) {
                map.insert("parent".into(), json!(parent));
            }
            row
        })
        .collect();
    let digest = super::config::config(guest).remove("digest");
    let mut current = json!({"name": "current", "description": "You are here!", "running": u8::from(guest.run.on()), "digest": digest});
    if let (Some(last), Some(map)) = (guest.snapshots.last(), current.as_object_mut()) {
        map.insert("parent".into(), json!(last.name));
    }
    rows.push(current);
    Reply::data(rows.into())
}

fn take(world: &mut World, call: &Call) -> Reply {
    let name = call.param("snapname").unwrap_or_default().to_owned();
    if name == "current" {
        return Reply::fail("unable to use snapshot name 'current' (reserved name)");
    }
    let description = call.param("description").unwrap_or_default().to_owned();
    let vmstate = call.flag("vmstate");
    let lasts_ms = if vmstate { 12_000 } else { 1_400 };
    guest_task(world, call, "snapshot", Act::Snapshot { name, description, vmstate }, lasts_ms)
}

fn drop(world: &mut World, call: &Call) -> Reply {
    let name = call.part("snapname").to_owned();
    guest_task(world, call, "delsnapshot", Act::DropSnapshot { name }, 1_100)
}

fn config(world: &mut World, call: &Call) -> Reply {
    match call.guest(world) {
        Ok(guest) => match guest.snapshots.iter().find(|s| s.name == call.part("snapname")) {
            Some(s) => Reply::data(
                json!({"snaptime": s.taken_s, "description": s.description, "cores": guest.cores}),
            ),
            None => Reply::fail(format!("snapshot '{}' does not exist", call.part("snapname"))),
        },
        Err(reply) => reply,
    }
}

fn rollback(world: &mut World, call: &Call) -> Reply {
    let name = call.part("snapname").to_owned();
    guest_task(world, call, "rollback", Act::Rollback { name, start: call.flag("start") }, 2_500)
}
