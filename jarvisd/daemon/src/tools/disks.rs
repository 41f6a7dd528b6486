//! `disks`: a node's inventory, and one disk's SMART values, from the API; by command where that fails.

use jarvis_core::{
    cluster::NodeName,
    shapes::NodeRead,
    tools::{Disks, words::DiskPath},
};
use serde_json::{Value, json};

use super::{Parts, Read, ToolError, rows};
use crate::clients::ssh::reads::{self, ReadError};

pub(super) async fn disks(call: &Disks, parts: &Parts) -> Result<Read, ToolError> {
    parts.known_node(&call.node)?;
    let inventory = parts.get(&["nodes", call.node.as_str(), "disks", "list"], &[]).await;
    let value = match &call.disk {
        None => {
            let all: Vec<Value> = rows::list(&inventory?).map(disk).collect();
            json!({ "node": call.node, "disks": all })
        }
        Some(path) => one(&call.node, path, inventory, parts).await?,
    };
    Ok(Read { value, as_of_ms: parts.now_ms() })
}

async fn one(
    node: &NodeName,
    path: &DiskPath,
    inventory: Result<Value, ToolError>,
    parts: &Parts,
) -> Result<Value, ToolError> {
    let mut told = Value::Null;
    if let Ok(all) = &inventory {
        let found = rows::list(all).find(|row| rows::word(row, "devpath") == Some(path.as_str()));
        match found {
            Some(row) => told = disk(row),
            None => {
                let what = format!("disk {path} on {node}");
                return Err(ToolError::Absent { what, todo: "`disks` without `disk` lists those there are" });
            }
        }
    }
    let query = [("disk", path.as_str())];
    let smart = match parts.get(&["nodes", node.as_str(), "disks", "smart"], &query).await {
        Ok(row) => {
            let names = [
                ("health", "health"),
                ("type", "type"),
                ("wearout", "life_left_percent"),
                ("attributes", "attributes"),
                ("text", "text"),
            ];
            Value::Object(rows::pick(&row, &names))
        }
        // A token without the privilege, or a disk behind a controller: the node itself may know.
        Err(error) => match by_command(node, path, parts).await {
            Ok(value) => value,
            Err(ToolError::NoSsh { .. }) => return Err(error),
            Err(other) => return Err(other),
        },
    };
    Ok(json!({ "node": node, "disk": told, "smart": smart }))
}

async fn by_command(node: &NodeName, path: &DiskPath, parts: &Parts) -> Result<Value, ToolError> {
    let read = NodeRead::Smart(path.clone());
    let said = parts.ssh_to(node, "the SMART values")?.read(node, &read).await?;
    // The exit code is a set of bits; an answer that can be read is an answer.
    match reads::smart(&said.text) {
        Ok(disk) => Ok(json!(disk)),
        Err(what) => match said.exit {
            Some(exit) if exit != 0 => Err(ReadError::failed(node, &read, exit, &said.error).into()),
            _ => Err(ReadError::odd(node, &read, what).into()),
        },
    }
}

fn disk(row: &Value) -> Value {
    let names = [
        ("devpath", "disk"),
        ("type", "type"),
        ("size", "size_bytes"),
        ("model", "model"),
        ("serial", "serial"),
        ("vendor", "vendor"),
        ("health", "health"),
        ("wearout", "life_left_percent"),
        ("used", "used_by"),
        ("rpm", "rpm"),
    ];
    Value::Object(rows::pick(row, &names))
}
