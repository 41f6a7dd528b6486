//! `/nodes/N/tasks`: lists, state, logs, stopping.

use serde_json::{Map, Value, json};

use super::params::{Must, looks_like_upid, opt};
use super::reply::Reply;
use super::{Call, Perm, Route, delete, get};
use crate::cluster::World;
use crate::cluster::task::Task;
use crate::num;

pub const ROUTES: &[Route] = &[
    get("/nodes/{node}/tasks", Perm::Any, LIST, list),
    get("/nodes/{node}/tasks/{upid}", Perm::Any, &[], index),
    get("/nodes/{node}/tasks/{upid}/status", Perm::Any, &[], status),
    get(
        "/nodes/{node}/tasks/{upid}/log",
        Perm::Any,
        &[
            opt("start", Must::Int { min: 0 }),
            opt("limit", Must::Int { min: 0 }),
            opt("download", Must::Bool),
        ],
        log,
    ),
    delete("/nodes/{node}/tasks/{upid}", Perm::Any, &[], stop),
];

const LIST: &[super::params::Param] = &[
    opt("limit", Must::Int { min: 0 }),
    opt("start", Must::Int { min: 0 }),
    opt("errors", Must::Bool),
    opt("since", Must::Int { min: 0 }),
    opt("until", Must::Int { min: 0 }),
    opt("vmid", Must::Vmid),
    opt("typefilter", Must::Text),
    opt("userfilter", Must::Text),
    opt("statusfilter", Must::Text),
    opt("source", Must::OneOf(&["archive", "active", "all"])),
];

fn list(world: &mut World, call: &Call) -> Reply {
    let node = call.part("node");
    let auditor = call.who.can(&format!("/nodes/{node}"), "Sys.Audit");
    let source = call.param("source").unwrap_or("archive");
    let wanted = |t: &&Task| {
        let bad = |t: &Task| t.end.as_ref().is_some_and(|e| e.status != "OK");
        t.node == node
            && (auditor || t.user == call.who.asker.user)
            && match source {
                "active" => t.end.is_none(),
                "all" => true,
                _ => t.end.is_some(),
            }
            && (!call.flag("errors") || bad(t))
            && call.param("vmid").is_none_or(|v| v == t.id)
            && call.param("typefilter").is_none_or(|k| t.kind.contains(k))
            && call.param("userfilter").is_none_or(|u| t.user.contains(u))
            && call.number("since").is_none_or(|s| t.start_s >= s)
            && call.number("until").is_none_or(|s| t.start_s <= s)
    };
    let all: Vec<&Task> = world.tasks.newest().filter(wanted).collect();
    let total = all.len();
    let start = num::size(call.number("start").unwrap_or(0));
    let limit = num::size(call.number("limit").unwrap_or(50));
    Reply::list(all.into_iter().skip(start).take(limit).map(list_row).collect(), total)
}

fn basics(task: &Task) -> Map<String, Value> {
    let row = json!({
        "upid": task.upid, "node": task.node, "pid": task.pid, "pstart": task.pstart, "starttime": task.start_s,
        "type": task.kind, "id": task.id, "user": task.user,
    });
    let mut map = match row {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    if let Some(id) = &task.tokenid {
        map.insert("tokenid".into(), json!(id));
    }
    map
}

fn list_row(task: &Task) -> Value {
    let mut row = basics(task);
    match &task.end {
        Some(end) => {
            row.insert("endtime".into(), json!(end.at_s));
            row.insert("status".into(), json!(end.status));
        }
        None => {
            row.insert("status".into(), json!("RUNNING"));
        }
    }
    Value::Object(row)
}

/// The task a call is about: well-formed, known, and the caller's own or one they may see.
fn found<'w>(world: &'w World, call: &Call, privilege: &str) -> Result<&'w Task, Reply> {
    let upid = call.part("upid");
    if !looks_like_upid(upid) {
        return Err(Reply::bad_param("upid", "unable to parse worker upid"));
    }
    let path = format!("/nodes/{}", call.part("node"));
    let Some(task) = world.tasks.get(upid) else { return Err(Reply::fail("no such task")) };
    let own = task.user == call.who.asker.user && task.tokenid == call.who.asker.tokenid;
    if own || call.who.can(&path, privilege) { Ok(task) } else { Err(Reply::forbidden(&path, privilege)) }
}

fn index(_: &mut World, _: &Call) -> Reply {
    Reply::data(json!([{"name": "log"}, {"name": "status"}]))
}

fn status(world: &mut World, call: &Call) -> Reply {
    match found(world, call, "Sys.Audit") {
        Ok(task) => {
            let mut row = basics(task);
            let state = if task.end.is_some() { "stopped" } else { "running" };
            row.insert("status".into(), json!(state));
            if let Some(end) = &task.end {
                row.insert("exitstatus".into(), json!(end.status));
            }
            Reply::data(Value::Object(row))
        }
        Err(reply) => reply,
    }
}

fn log(world: &mut World, call: &Call) -> Reply {
    match found(world, call, "Sys.Audit") {
        Ok(task) => {
            let start = num::size(call.number("start").unwrap_or(0));
            let limit = match call.number("limit").unwrap_or(50) {
                0 => usize::MAX,
                n => num::size(n),
            };
            let lines = task.log.iter().enumerate().skip(start).take(limit);
            let rows: Vec<Value> = lines.map(|(i, t)| json!({"n": i + 1, "t": t})).collect();
            match (rows.is_empty(), task.log.is_empty()) {
                // A log that has nothing yet is told as one line, as the real one does.
                (true, true) => Reply::list(vec![json!({"n": 1, "t": "no content"})], 1),
                _ => Reply::list(rows, task.log.len()),
            }
        }
        Err(reply) => reply,
    }
}

fn stop(world: &mut World, call: &Call) -> Reply {
    let upid = match found(world, call, "Sys.Modify") {
        Ok(task) => task.upid.clone(),
        Err(reply) => return reply,
    };
    world.end_task(&upid, Some("received interrupt"));
    Reply::null()
}
