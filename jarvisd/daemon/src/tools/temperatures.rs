//! `temperatures`: the sensors of each node, by `sensors` or the kernel's thermal zones.

use futures_util::StreamExt;
use jarvis_core::tools::Temperatures;
use serde_json::{Value, json};

use super::{Parts, Read, ToolError};
use crate::clients::ssh::reads::Temperature;

/// Nodes asked at once.
const AT_ONCE_MAX: usize = 8;

pub(super) async fn temperatures(call: &Temperatures, parts: &Parts) -> Result<Read, ToolError> {
    let nodes = parts.online(call.node.as_ref())?;
    let asked = nodes.into_iter().map(|node| async move {
        let read = match parts.ssh_to(&node, "the temperature") {
            Ok(ssh) => ssh.temperatures(&node).await.map_err(ToolError::from),
            Err(error) => Err(error),
        };
        match read {
            Ok(all) => json!({"node": node, "temp_c": Temperature::of_machine(&all), "sensors": all}),
            Err(error) => json!({"node": node, "unread": error.to_string()}),
        }
    });
    let mut nodes: Vec<Value> =
        futures_util::stream::iter(asked).buffer_unordered(AT_ONCE_MAX).collect().await;
    nodes.sort_by(|a, b| a["node"].as_str().cmp(&b["node"].as_str()));
    Ok(Read { value: json!({ "nodes": nodes }), as_of_ms: parts.now_ms() })
}
