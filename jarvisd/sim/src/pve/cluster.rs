//! `/cluster` and `/nodes`: the calls a dashboard polls.

use serde_json::{Value, json};

use super::params::{Must, opt};
use super::reply::Reply;
use super::{Call, Perm, Route, get, wave};
use crate::cluster::World;
use crate::cluster::task::Task;
use crate::num;

pub const ROUTES: &[Route] = &[
    get("/cluster/status", Perm::Root("Sys.Audit"), &[], status),
    get("/cluster/resources", Perm::Any, &[opt("type", SECTION)], resources),
    get("/cluster/tasks", Perm::Any, &[], tasks),
    get("/cluster/log", Perm::Any, &[opt("max", Must::Int { min: 1 })], log),
    get("/cluster/nextid", Perm::Any, &[opt("vmid", Must::Vmid)], next_id),
    get("/nodes", Perm::Any, &[], nodes),
];

const SECTION: Must = Must::OneOf(&["vm", "storage", "node", "sdn"]);

/// Finished tasks of a node that `/cluster/tasks` still shows.
const TASKS_PER_NODE: usize = 25;

fn status(world: &mut World, call: &Call) -> Reply {
    let now = world.now;
    let quorate = u8::from(world.quorate_by(&call.asked, now) || world.contradiction);
    let version = world.nodes.len();
    let mut rows = vec![json!({
        "type": "cluster", "id": "cluster", "name": world.name, "nodes": world.nodes.len(),
        "version": version, "quorate": quorate,
    })];
    for node in &world.nodes {
        let local = node.name == call.asked;
        let online = world.member(&call.asked, node, now) && !world.contradiction;
        let mut row = json!({
            "type": "node", "id": format!("node/{}", node.name), "name": node.name, "nodeid": node.nodeid,
            "ip": node.ip, "online": u8::from(online), "local": u8::from(local), "level": "",
        });
        if let (true, Some(map)) = (world.contradiction && !local, row.as_object_mut()) {
            map.remove("ip");
        }
        rows.push(row);
    }
    // A cluster of one has no corosync, hence no row about it.
    let skip = usize::from(world.nodes.len() == 1);
    Reply::data(rows.into_iter().skip(skip).collect())
}

fn resources(world: &mut World, call: &Call) -> Reply {
    let sees = |path: &str, privilege: &str| call.who.can(path, privilege);
    Reply::rows(&world.resource_rows(&call.asked, call.param("type"), &sees))
}

fn nodes(world: &mut World, call: &Call) -> Reply {
    let row = |node: &crate::cluster::model::Node| {
        let audit = call.who.can(&format!("/nodes/{}", node.name), "Sys.Audit");
        let print = format!(r#""ssl_fingerprint":"{}","#, node.fingerprint);
        world.node_row(&call.asked, node, audit, &print)
    };
    Reply::rows(&world.nodes.iter().map(row).collect::<Vec<_>>().join(","))
}

fn tasks(world: &mut World, call: &Call) -> Reply {
    let auditor = call.who.can("/", "Sys.Audit");
    let mine = |t: &Task| auditor || t.user == call.who.asker.user;
    let mut left: std::collections::BTreeMap<&str, usize> =
        world.nodes.iter().map(|n| (n.name.as_str(), TASKS_PER_NODE)).collect();
    let mut rows = Vec::new();
    for task in world.tasks.newest().filter(|t| mine(t)) {
        if task.end.is_some() {
            match left.get_mut(task.node.as_str()) {
                Some(n) if *n > 0 => *n -= 1,
                _ => continue,
            }
        }
        rows.push(task_row(task));
    }
    Reply::data(rows.into())
}

/// `saved` is text in rows read from the file and a number in rows just broadcast: both in one reply.
fn task_row(task: &Task) -> Value {
    let saved = match (&task.end, wave::key_of(&task.upid) % 3) {
        (None, _) => json!("0"),
        (Some(_), 0) => json!(1),
        (Some(_), _) => json!("1"),
    };
    let mut row = json!({
        "upid": task.upid, "node": task.node, "type": task.kind, "id": task.id, "user": task.user,
        "starttime": task.start_s, "saved": saved,
    });
    if let Some(map) = row.as_object_mut() {
        if let Some(id) = &task.tokenid {
            map.insert("tokenid".into(), json!(id));
        }
        if let Some(end) = &task.end {
            map.insert("endtime".into(), json!(end.at_s));
            map.insert("status".into(), json!(end.status));
        }
    }
    row
}

fn log(world: &mut World, call: &Call) -> Reply {
    let max = num::size(call.number("max").unwrap_or(50));
    let auditor = call.who.can("/", "Sys.Syslog") || call.who.can("/", "Sys.Audit");
    let mine = |user: &str| auditor || user.split('!').next() == Some(call.who.asker.user.as_str());
    let lines = world.log.iter().filter(|l| mine(&l.user)).take(max);
    let row = |l: &crate::cluster::task::LogLine| {
        json!({
            "id": format!("{}:{}", l.uid, l.node), "uid": l.uid.to_string(), "time": l.time_s, "node": l.node,
            "user": l.user, "pri": l.pri, "tag": "pvedaemon", "msg": l.msg, "pid": 110 + l.uid % 3,
        })
    };
    Reply::data(lines.map(row).collect())
}

fn next_id(world: &mut World, call: &Call) -> Reply {
    if let Some(vmid) = call.param("vmid") {
        let taken = vmid.parse::<u32>().is_ok_and(|v| world.guests.contains_key(&v));
        return match taken {
            true => Reply::bad_param("vmid", &format!("VM {vmid} already exists")),
            false => Reply::data(json!(vmid)),
        };
    }
    let free = (100_u32..).find(|v| !world.guests.contains_key(v)).unwrap_or(100);
    Reply::data(json!(free.to_string()))
}
