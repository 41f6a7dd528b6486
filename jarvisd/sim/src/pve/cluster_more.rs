//! The rarer `/cluster` calls: firewall, backup jobs, replication, options.

use serde_json::{Value, json};

use super::access::empty;
use super::reply::Reply;
use super::{Call, Perm, Route, get};
use crate::cluster::World;

/// SHA-1 of nothing: the digest of a file that does not exist.
pub const EMPTY_DIGEST: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

const AUDIT: Perm = Perm::Root("Sys.Audit");

pub const ROUTES: &[Route] = &[
    get("/cluster/options", AUDIT, &[], options),
    get("/cluster/backup", AUDIT, &[], jobs),
    get("/cluster/backup/{id}", AUDIT, &[], job),
    get("/cluster/backup-info/not-backed-up", AUDIT, &[], not_backed_up),
    get("/cluster/replication", Perm::Any, &[], empty),
    get("/cluster/firewall/options", AUDIT, &[], firewall),
    get("/cluster/firewall/rules", AUDIT, &[], empty),
    get("/cluster/config/nodes", AUDIT, &[], config_nodes),
    get("/cluster/mapping/pci", Perm::Any, &[], empty).open(),
    get("/cluster/ceph/status", AUDIT, &[], no_ceph),
    get("/nodes/{node}/ceph/status", AUDIT, &[], no_ceph),
    get("/cluster/metrics/export", AUDIT, &[], metrics).open(),
];

fn options(world: &mut World, _: &Call) -> Reply {
    let mut tags: Vec<&str> = world.guests.values().flat_map(|g| g.tags.split(';')).collect();
    tags.retain(|t| !t.is_empty());
    tags.sort_unstable();
    tags.dedup();
    Reply::data(json!({"mac_prefix": "BC:24:11", "description": "", "allowed-tags": tags}))
}

fn jobs(world: &mut World, _: &Call) -> Reply {
    Reply::data(world.backup_jobs.clone().into())
}

fn job(world: &mut World, call: &Call) -> Reply {
    let id = call.part("id");
    match world.backup_jobs.iter().find(|j| j.get("id").and_then(Value::as_str) == Some(id)) {
        Some(job) => Reply::data(job.clone()),
        None => Reply::bad_param("id", &format!("No such job '{id}'")),
    }
}

/// Guests that no enabled job covers.
fn not_backed_up(world: &mut World, _: &Call) -> Reply {
    let mut covered: Vec<String> = Vec::new();
    for job in &world.backup_jobs {
        if job.get("enabled").and_then(Value::as_u64) == Some(0) {
            continue;
        }
        if job.get("all").and_then(Value::as_u64) == Some(1) {
            return Reply::data(json!([]));
        }
        let list = job.get("vmid").and_then(Value::as_str).unwrap_or_default();
        covered.extend(list.split(',').map(str::to_owned));
    }
    let open = world.guests.values().filter(|g| !covered.contains(&g.vmid.to_string()));
    let row =
        |g: &crate::cluster::model::Guest| json!({"vmid": g.vmid, "type": g.kind.name(), "name": g.name});
    Reply::data(open.map(row).collect())
}

pub fn firewall(_: &mut World, _: &Call) -> Reply {
    Reply::data(json!({"digest": EMPTY_DIGEST}))
}

fn config_nodes(world: &mut World, _: &Call) -> Reply {
    let row = |n: &crate::cluster::model::Node| json!({"node": n.name, "name": n.name, "nodeid": n.nodeid.to_string(), "quorum_votes": "1", "ring0_addr": n.ip});
    Reply::data(world.nodes.iter().map(row).collect())
}

fn no_ceph(_: &mut World, _: &Call) -> Reply {
    Reply::fail("binary not installed: /usr/bin/ceph-mon")
}

fn metrics(_: &mut World, _: &Call) -> Reply {
    Reply::data(json!({"data": []}))
}
