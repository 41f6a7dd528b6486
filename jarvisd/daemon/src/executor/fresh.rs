//! Reads that verifying needs and nobody else asks for: units of a node, snapshots, backups, how long a node is up.
//!
//! Foreign shapes become ours here. What is odd is left out; whoever needs it then finds it missing.

use std::collections::BTreeMap;

use jarvis_core::cluster::{GuestKind, NodeName, Vmid};
use serde_json::{Map, Value};

use crate::clients::proxmox::{Proxmox, ProxmoxError};

/// Units of a node and whether each runs; missing where the node does not say.
pub async fn services(
    proxmox: &Proxmox,
    node: &NodeName,
) -> Result<BTreeMap<String, Option<bool>>, ProxmoxError> {
    let rows = list(proxmox, &["nodes", node.as_str(), "services"], &[]).await?;
    let units = rows.iter().filter_map(|row| {
        let name = text(row, "service").or_else(|| text(row, "name"))?;
        let running = match (text(row, "active-state"), text(row, "state")) {
            (Some(active), _) => Some(active == "active"),
            (None, Some(state)) => Some(state == "running"),
            (None, None) => None,
        };
        Some((name, running))
    });
    Ok(units.collect())
}

pub async fn snapshots(
    proxmox: &Proxmox,
    node: &NodeName,
    kind: GuestKind,
    vmid: Vmid,
) -> Result<Vec<String>, ProxmoxError> {
    let number = vmid.to_string();
    let rows = list(proxmox, &["nodes", node.as_str(), word(kind), &number, "snapshot"], &[]).await?;
    Ok(rows.iter().filter_map(|row| text(row, "name")).filter(|name| name != "current").collect())
}

/// When each backup of the guest on this storage was made, UTC seconds.
pub async fn backups(
    proxmox: &Proxmox,
    node: &NodeName,
    storage: &str,
    vmid: Vmid,
) -> Result<Vec<i64>, ProxmoxError> {
    let number = vmid.to_string();
    let query = [("content", "backup"), ("vmid", number.as_str())];
    let rows = list(proxmox, &["nodes", node.as_str(), "storage", storage, "content"], &query).await?;
    Ok(rows.iter().filter_map(|row| row.get("ctime").and_then(whole)).collect())
}

/// Seconds since the node was started.
pub async fn node_uptime_s(proxmox: &Proxmox, node: &NodeName) -> Result<Option<i64>, ProxmoxError> {
    let map = object(proxmox, &["nodes", node.as_str(), "status"], &[]).await?;
    Ok(map.get("uptime").and_then(whole))
}

async fn object(
    proxmox: &Proxmox,
    path: &[&str],
    query: &[(&str, &str)],
) -> Result<Map<String, Value>, ProxmoxError> {
    let raw = proxmox.get_raw(path, query).await?;
    Ok(serde_json::from_str(raw.value.get()).unwrap_or_default())
}

async fn list(
    proxmox: &Proxmox,
    path: &[&str],
    query: &[(&str, &str)],
) -> Result<Vec<Map<String, Value>>, ProxmoxError> {
    let raw = proxmox.get_raw(path, query).await?;
    let rows: Vec<Value> = serde_json::from_str(raw.value.get()).unwrap_or_default();
    Ok(rows
        .into_iter()
        .filter_map(|row| if let Value::Object(map) = row { Some(map) } else { None })
        .collect())
}

fn word(kind: GuestKind) -> &'static str {
    match kind {
        GuestKind::Qemu => "qemu",
        GuestKind::Lxc => "lxc",
    }
}

/// Proxmox writes numbers and texts for one another.
fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    match map.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
