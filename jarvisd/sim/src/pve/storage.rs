//! `/storage` and `/nodes/N/storage`.

use serde_json::{Value, json};

use super::node::{CF, FRAME};
use super::params::{Must, opt, req};
use super::reply::Reply;
use super::{Call, Perm, Route, get, put, wave};
use crate::cluster::World;
use crate::cluster::model::{Kind, Storage, Volume};
use crate::num;

const AUDIT: Perm = Perm::Storage(&["Datastore.Audit", "Datastore.AllocateSpace"]);
const LIST: &[super::params::Param] = &[
    opt("content", Must::Text),
    opt("enabled", Must::Bool),
    opt("format", Must::Bool),
    opt("storage", Must::Text),
    opt("target", Must::Text),
];

pub const ROUTES: &[Route] = &[
    get("/storage", Perm::Any, &[opt("type", Must::Text)], definitions),
    put("/storage/{storage}", Perm::Storage(&["Datastore.Allocate"]), &[], change).open(),
    get("/nodes/{node}/storage", Perm::Any, LIST, list),
    get("/nodes/{node}/storage/{storage}/status", AUDIT, &[], status),
    get(
        "/nodes/{node}/storage/{storage}/content",
        AUDIT,
        &[opt("content", Must::Text), opt("vmid", Must::Vmid)],
        content,
    ),
    get("/nodes/{node}/storage/{storage}/rrddata", AUDIT, &[req("timeframe", FRAME), opt("cf", CF)], history),
];

/// How long a write waits for the cluster's lock before it gives up without quorum.
pub const CFS_LOCK_MS: u64 = 9_900;

fn definitions(world: &mut World, call: &Call) -> Reply {
    let sees = |s: &&Storage| call.who.can(&format!("/storage/{}", s.id), "Datastore.Audit");
    let row = |s: &Storage| {
        let mut map = s.options.clone();
        map.insert("storage".into(), json!(s.id));
        map.insert("type".into(), json!(s.plugin));
        map.insert("content".into(), json!(s.content));
        map.insert("digest".into(), json!("7ad963e0ec2aab48652b22d136ad4d317ac7cce0"));
        if !s.nodes.is_empty() {
            map.insert("nodes".into(), json!(s.nodes.join(",")));
        }
        if s.shared {
            map.insert("shared".into(), json!(1));
        }
        Value::Object(map)
    };
    Reply::data(world.storages.iter().filter(sees).map(row).collect())
}

fn change(world: &mut World, call: &Call) -> Reply {
    if !world.quorate_by(&call.asked, world.now) {
        return Reply::fail("update storage failed: cfs-lock 'file-storage_cfg' error: no quorum!")
            .taking(CFS_LOCK_MS);
    }
    let id = call.part("storage");
    match world.storages.iter_mut().find(|s| s.id == id) {
        Some(storage) => {
            if let Some(content) = call.param("content") {
                storage.content = content.to_owned();
            }
            Reply::data(json!({"storage": storage.id, "type": storage.plugin}))
        }
        None => Reply::fail(format!("update storage failed: storage '{id}' does not exist")),
    }
}

fn figures(world: &World, s: &Storage, node: &str) -> Value {
    let active = s.active_on(node);
    let (total, used) = match active {
        true => (s.total_bytes, s.used_bytes(node, num::real(world.now.unix_s()))),
        false => (0, 0),
    };
    let mut row = json!({
        "type": s.plugin, "content": s.content, "shared": u8::from(s.shared), "enabled": u8::from(s.on(node)),
        "active": u8::from(active), "total": total, "used": used, "avail": total - used,
    });
    if let (true, Some(map)) = (total > 0, row.as_object_mut()) {
        map.insert("used_fraction".into(), json!(num::real(used) / num::real(total)));
    }
    row
}

fn list(world: &mut World, call: &Call) -> Reply {
    let node = call.part("node");
    let holds = |s: &Storage, wanted: &str| s.content.split(',').any(|c| wanted.split(',').any(|w| w == c));
    let rows = world
        .storages
        .iter()
        .filter(|s| call.who.can(&format!("/storage/{}", s.id), "Datastore.Audit"))
        .filter(|s| call.param("content").is_none_or(|c| holds(s, c)))
        .filter(|s| call.param("storage").is_none_or(|id| id == s.id))
        .filter(|s| !call.flag("enabled") || s.on(node))
        .map(|s| {
            let mut row = figures(world, s, node);
            if let Some(map) = row.as_object_mut() {
                map.insert("storage".into(), json!(s.id));
            }
            row
        })
        .collect();
    Reply::data(rows).taking(80)
}

fn found<'w>(world: &'w World, call: &Call) -> Result<&'w Storage, Reply> {
    let (id, node) = (call.part("storage"), call.part("node"));
    match world.storage(id) {
        None => Err(Reply::fail(format!("storage '{id}' does not exist"))),
        Some(s) if !s.on(node) => {
            Err(Reply::fail(format!("storage '{id}' is not available on node '{node}'")))
        }
        Some(s) => Ok(s),
    }
}

fn status(world: &mut World, call: &Call) -> Reply {
    match found(world, call) {
        Ok(s) => {
            let mut row = figures(world, s, call.part("node"));
            if let Some(map) = row.as_object_mut() {
                map.remove("used_fraction");
            }
            Reply::data(row).taking(90)
        }
        Err(reply) => reply,
    }
}

fn history(world: &mut World, call: &Call) -> Reply {
    let (step_s, rows) =
        crate::cluster::history::frame(call.param("timeframe").unwrap_or("hour")).unwrap_or((60, 60));
    match found(world, call) {
        Ok(s) => Reply::data(world.storage_history(s, call.part("node"), step_s, rows).into()),
        Err(reply) => reply,
    }
}

fn content(world: &mut World, call: &Call) -> Reply {
    let s = match found(world, call) {
        Ok(s) => s,
        Err(reply) => return reply,
    };
    let node = call.part("node");
    if !s.active_on(node) {
        return Reply::fail(format!("storage '{}' is not online", s.id)).taking(2_000);
    }
    let wanted = call.param("content");
    let vmid: Option<u32> = call.param("vmid").and_then(|v| v.parse().ok());
    // What belongs to a guest is left out for who may not touch it.
    let may = |path: &str, privilege: &str| call.who.can(path, privilege);
    let shown = |v: &Volume| match (v.content, v.vmid) {
        ("backup", Some(id)) => {
            may(&format!("/storage/{}", s.id), "Datastore.AllocateSpace")
                && may(&format!("/vms/{id}"), "VM.Backup")
        }
        ("images" | "rootdir", Some(id)) => may(&format!("/vms/{id}"), "VM.Config.Disk"),
        _ => true,
    };
    let fits = |v: &Volume| {
        wanted.is_none_or(|w| w == v.content) && vmid.is_none_or(|id| v.vmid == Some(id)) && shown(v)
    };
    let mut rows: Vec<Value> = s.volumes.iter().filter(|v| fits(v)).map(volume_row).collect();
    let here = |g: &&crate::cluster::model::Guest| g.storage == s.id && (s.shared || g.node == node);
    for guest in world.guests.values().filter(here) {
        let kind = if guest.kind == Kind::Qemu { "images" } else { "rootdir" };
        let base = if guest.template { "base" } else { "vm" };
        let volume = Volume {
            volid: format!("{}:{base}-{}-disk-0", s.id, guest.vmid),
            vmid: Some(guest.vmid),
            content: kind,
            format: "raw".into(),
            size_bytes: guest.disk_bytes,
            ctime_s: guest.created_s,
            notes: None,
            protected: false,
            verified: false,
            subtype: None,
        };
        if fits(&volume) {
            let mut row = volume_row(&volume);
            if let Some(map) = row.as_object_mut() {
                let share = 0.2 + 0.5 * wave::unit(guest.how.seed, 31);
                map.insert("used".into(), json!(num::whole(num::real(guest.disk_bytes) * share)));
                map.insert("parent".into(), Value::Null);
            }
            rows.push(row);
        }
    }
    Reply::data(rows.into()).taking(250)
}

fn volume_row(v: &Volume) -> Value {
    let mut row = json!({"volid": v.volid, "content": v.content, "format": v.format, "size": v.size_bytes, "ctime": v.ctime_s});
    if let Some(map) = row.as_object_mut() {
        if let Some(vmid) = v.vmid {
            map.insert("vmid".into(), json!(vmid));
        }
        if let Some(notes) = &v.notes {
            map.insert("notes".into(), json!(notes));
        }
        if let Some(subtype) = v.subtype {
            map.insert("subtype".into(), json!(subtype));
        }
        if v.protected {
            map.insert("protected".into(), json!(1));
        }
    }
    row
}
