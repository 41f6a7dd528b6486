//! `volumes`: ZFS, LVM or Ceph, from the API, and by the node's own programs where it can be asked.

use jarvis_core::{
    cluster::NodeName,
    shapes::NodeRead,
    tools::{VolumeKind, Volumes},
};
use serde_json::{Map, Value, json};

use super::{Parts, Read, ToolError, rows, sources::put};
use crate::clients::ssh::reads::{self, ReadError};

pub(super) async fn volumes(call: &Volumes, parts: &Parts) -> Result<Read, ToolError> {
    parts.known_node(&call.node)?;
    let node = &call.node;
    let mut answer = Map::from_iter([("node".to_owned(), json!(node))]);
    let (api, command) = match call.kind {
        VolumeKind::Zfs => tokio::join!(zfs_api(node, parts), zfs_command(node, parts)),
        VolumeKind::Lvm => tokio::join!(lvm_api(node, parts), lvm_command(node, parts)),
        VolumeKind::Ceph => tokio::join!(ceph_api(parts), ceph_command(node, parts)),
    };
    // Where the API has the answer, a node without SSH lacks only the finer one.
    if let (Err(_), Err(ToolError::NoSsh { .. })) = (&api, &command) {
        return Err(api.err().unwrap_or(ToolError::NotYet));
    }
    put(&mut answer, "pools", api);
    put(&mut answer, "details", command);
    Ok(Read { value: Value::Object(answer), as_of_ms: parts.now_ms() })
}

async fn zfs_api(node: &NodeName, parts: &Parts) -> Result<Value, ToolError> {
    let all = parts.get(&["nodes", node.as_str(), "disks", "zfs"], &[]).await?;
    let names = [
        ("name", "pool"),
        ("health", "health"),
        ("size", "size_bytes"),
        ("alloc", "used_bytes"),
        ("free", "free_bytes"),
        ("frag", "fragmented_percent"),
        ("dedup", "dedup_ratio"),
    ];
    Ok(rows::list(&all).map(|row| Value::Object(rows::pick(row, &names))).collect())
}

async fn zfs_command(node: &NodeName, parts: &Parts) -> Result<Value, ToolError> {
    let status = parts.run(node, &NodeRead::ZpoolStatus, "the status of ZFS").await?;
    let list = parts.run(node, &NodeRead::ZpoolList, "the list of ZFS pools").await?;
    Ok(json!({ "status": reads::zpool_status(&status.text), "list": reads::zpool_list(&list.text) }))
}

async fn lvm_api(node: &NodeName, parts: &Parts) -> Result<Value, ToolError> {
    let (group_path, thin_path) =
        (["nodes", node.as_str(), "disks", "lvm"], ["nodes", node.as_str(), "disks", "lvmthin"]);
    let (groups, thin) = tokio::join!(parts.get(&group_path, &[]), parts.get(&thin_path, &[]));
    let groups = groups?;
    // Volume groups come as a tree: groups, and beneath each its disks.
    let group_names = [("name", "group"), ("size", "size_bytes"), ("free", "free_bytes")];
    let told = rows::list(groups.get("children").unwrap_or(&groups))
        .map(|row| Value::Object(rows::pick(row, &group_names)));
    let thin_names = [
        ("lv", "pool"),
        ("vg", "group"),
        ("lv_size", "size_bytes"),
        ("used", "used_bytes"),
        ("metadata_size", "metadata_size_bytes"),
        ("metadata_used", "metadata_used_bytes"),
    ];
    let thin = thin.unwrap_or_default();
    let thin = rows::list(&thin).map(|row| Value::Object(rows::pick(row, &thin_names)));
    Ok(json!({ "groups": told.collect::<Value>(), "thin_pools": thin.collect::<Value>() }))
}

async fn lvm_command(node: &NodeName, parts: &Parts) -> Result<Value, ToolError> {
    let said = parts.run(node, &NodeRead::Lvm, "the volumes of LVM").await?;
    let all = reads::lvm(&said.text).map_err(|what| ReadError::odd(node, &NodeRead::Lvm, what))?;
    Ok(Value::Array(all))
}

async fn ceph_api(parts: &Parts) -> Result<Value, ToolError> {
    let value = parts.get(&["cluster", "ceph", "status"], &[]).await?;
    Ok(reads::ceph(&value))
}

async fn ceph_command(node: &NodeName, parts: &Parts) -> Result<Value, ToolError> {
    let said = parts.run(node, &NodeRead::Ceph, "the status of Ceph").await?;
    let value: Value = serde_json::from_str(&said.text)
        .map_err(|_| ReadError::odd(node, &NodeRead::Ceph, "not the JSON of ceph"))?;
    Ok(reads::ceph(&value))
}
