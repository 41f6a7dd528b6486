//! `cluster_status` and `node_status`, from the published state.

use jarvis_core::{
    cluster::{Health, SourceId, SourceState, TaskStatus},
    tools::NodeStatus,
};
use serde_json::{Value, json};

use super::{Parts, Read, ToolError, rows, sources::as_of};

/// More than this is a storm, and the headline says so.
const ATTENTION_MAX: usize = 50;

pub(super) fn status(parts: &Parts) -> Result<Read, ToolError> {
    let state = parts.seen()?;
    let now_ms = parts.now_ms();
    let cluster = state.cluster.as_ref().map(|cluster| rows::record(cluster.as_ref(), now_ms));
    let nodes = state.nodes.values().map(|node| {
        json!({
            "name": node.name, "status": node.status, "health": node.health, "why": node.why,
            "cpu_ratio": node.cpu, "mem_used_bytes": node.mem_used_bytes, "mem_total_bytes": node.mem_total_bytes,
        })
    });
    let bad = |health: Health| matches!(health, Health::Attention | Health::Critical);
    let of_nodes = state
        .nodes
        .values()
        .filter(|n| bad(n.health))
        .map(|n| (n.health, format!("node {}", n.name), n.why.clone()));
    let of_guests = state.guests.values().filter(|g| bad(g.health)).map(|g| {
        let name = g.name.as_deref().unwrap_or("unnamed");
        (g.health, format!("guest {} ({name})", g.vmid), g.why.clone())
    });
    let of_storages = state
        .storages
        .iter()
        .filter(|(_, s)| bad(s.health))
        .map(|(id, s)| (s.health, format!("storage {id}"), s.why.clone()));
    let mut attention: Vec<_> = of_nodes.chain(of_storages).chain(of_guests).collect();
    attention.sort_by_key(|(health, ..)| std::cmp::Reverse(*health));
    let total = attention.len();
    attention.truncate(ATTENTION_MAX);
    let attention: Vec<Value> = attention
        .into_iter()
        .map(|(health, what, why)| json!({"health": health, "what": what, "why": why}))
        .collect();
    let blind = state.sources.values().filter(|s| s.state != SourceState::Fresh);
    let blind: Vec<Value> = blind.map(|s| Value::Object(rows::record(s.as_ref(), now_ms))).collect();
    Ok(Read {
        value: json!({
            "cluster": cluster,
            "nodes": nodes.collect::<Vec<_>>(),
            "needs_attention": attention,
            "needs_attention_total": total,
            "tasks_running": state.tasks.values().filter(|t| t.status == TaskStatus::Running).count(),
            "sources_not_fresh": blind,
        }),
        as_of_ms: as_of(&state, &SourceId::resources()),
    })
}

pub(super) fn node(call: &NodeStatus, parts: &Parts) -> Result<Read, ToolError> {
    let state = parts.seen()?;
    parts.known_node(&call.node)?;
    let now_ms = parts.now_ms();
    let node = state.nodes.get(&call.node).map(|node| rows::record(node.as_ref(), now_ms));
    let guests = state.guests.values().filter(|guest| guest.node == call.node).map(|guest| {
        json!({"vmid": guest.vmid, "name": guest.name, "kind": guest.kind, "status": guest.status, "health": guest.health})
    });
    let storages = state.storages.values().filter(|storage| storage.node == call.node).map(|storage| {
        json!({
            "storage": storage.storage, "status": storage.status, "health": storage.health,
            "used_bytes": storage.used_bytes, "total_bytes": storage.total_bytes,
        })
    });
    let running = state.tasks.values().filter(|t| t.node == call.node && t.status == TaskStatus::Running);
    Ok(Read {
        value: json!({
            "node": node,
            "guests": guests.collect::<Vec<_>>(),
            "storages": storages.collect::<Vec<_>>(),
            "tasks_running": running.map(|task| json!({"kind": task.kind, "target": task.target, "upid": task.upid})).collect::<Vec<_>>(),
        }),
        as_of_ms: as_of(&state, &SourceId::resources()),
    })
}
