//! `shares`: network storages as Proxmox sees them, and where nodes can be asked, what they have mounted, whether it
//! answers, how full it is, and what they give to others.

use futures_util::StreamExt;
use jarvis_core::{
    cluster::{NodeName, SourceId},
    shapes::NodeRead,
    tools::Shares,
};
use serde_json::{Map, Value, json};

use super::{
    Parts, Read, ToolError,
    sources::{as_of, put},
};
use crate::clients::ssh::{
    Ssh,
    reads::{self, Mount},
};

/// Proxmox's names of storages on the network.
const NETWORK: [&str; 6] = ["nfs", "cifs", "pbs", "glusterfs", "cephfs", "iscsi"];
/// Nodes asked at once.
const AT_ONCE_MAX: usize = 4;
/// Mounts of one node whose fill is asked; each dead one takes 5 s.
const FILLS_MAX: usize = 16;

pub(super) async fn shares(call: &Shares, parts: &Parts) -> Result<Read, ToolError> {
    let state = parts.seen()?;
    let nodes = parts.online(call.node.as_ref())?;
    let network = |plugin: &Option<String>| plugin.as_deref().is_some_and(|p| NETWORK.contains(&p));
    let storages: Vec<Value> = state
        .storages
        .values()
        .filter(|s| network(&s.plugin) && call.node.as_ref().is_none_or(|node| s.node == *node))
        .map(|s| {
            json!({
                "node": s.node, "storage": s.storage, "kind": s.plugin, "status": s.status, "health": s.health,
                "why": s.why, "used_bytes": s.used_bytes, "total_bytes": s.total_bytes,
            })
        })
        .collect();
    let asked = nodes.into_iter().map(|node| async move {
        let told = match parts.ssh_to(&node, "the list of mounted shares") {
            Ok(ssh) => of_node(ssh, &node).await,
            Err(error) => Map::from_iter([("unread".to_owned(), json!(error.to_string()))]),
        };
        let mut told = told;
        told.insert("node".into(), json!(node));
        Value::Object(told)
    });
    let mut nodes: Vec<Value> =
        futures_util::stream::iter(asked).buffer_unordered(AT_ONCE_MAX).collect().await;
    nodes.sort_by(|a, b| a["node"].as_str().cmp(&b["node"].as_str()));
    Ok(Read {
        value: json!({ "storages": storages, "nodes": nodes }),
        as_of_ms: as_of(&state, &SourceId::resources()),
    })
}

async fn of_node(ssh: &Ssh, node: &NodeName) -> Map<String, Value> {
    let mut told = Map::new();
    let mounts = match ssh.mounts(node).await {
        Ok(all) => {
            let mut told = Vec::new();
            for mount in all.into_iter().take(FILLS_MAX) {
                told.push(filled(ssh, node, &mount).await);
            }
            Ok(Value::Array(told))
        }
        Err(error) => Err(error.into()),
    };
    put(&mut told, "mounted", mounts);
    // Most nodes give nothing to others: no file, no program, no answer.
    if let Ok(said) = ssh.read_well(node, &NodeRead::Exports).await {
        told.insert("nfs_exports".into(), json!(reads::exports(&said.text)));
    }
    if let Ok(said) = ssh.read_well(node, &NodeRead::Samba).await
        && let Ok(connections) = reads::samba(&said.text)
    {
        told.insert("samba_connections".into(), json!(connections));
    }
    told
}

async fn filled(ssh: &Ssh, node: &NodeName, mount: &Mount) -> Value {
    let mut told = json!(mount);
    let Value::Object(map) = &mut told else { return told };
    match ssh.fill(node, mount).await {
        Ok(Some(fill)) => {
            map.insert("reachable".into(), json!(true));
            map.insert("used_bytes".into(), json!(fill.used_bytes));
            map.insert("total_bytes".into(), json!(fill.total_bytes));
        }
        Ok(None) => {
            map.insert("reachable".into(), json!(false));
        }
        Err(error) => {
            map.insert("fill_unread".into(), json!(error.to_string()));
        }
    }
    told
}
