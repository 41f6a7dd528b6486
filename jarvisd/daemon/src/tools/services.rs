//! `services`: those Proxmox knows, from its API; every failed unit besides, where the node can be asked.

use jarvis_core::{shapes::NodeRead, tools::Services};
use serde_json::{Map, Value, json};

use super::{Parts, Read, ToolError, rows, sources::put};
use crate::clients::ssh::reads;

pub(super) async fn services(call: &Services, parts: &Parts) -> Result<Read, ToolError> {
    parts.known_node(&call.node)?;
    let path = ["nodes", call.node.as_str(), "services"];
    let (known, failed) = tokio::join!(
        parts.get(&path, &[]),
        parts.run(&call.node, &NodeRead::FailedUnits, "the list of failed units"),
    );
    let known = known.map(|all| rows::list(&all).map(service).collect::<Value>());
    // Proxmox's own services are answered by its API; without SSH that is the answer.
    let mut answer = Map::from_iter([("node".to_owned(), json!(call.node))]);
    if let (Err(error), true) = (&known, failed.is_err()) {
        tracing::debug!(%error, "services could not be read either way");
        return Err(known.err().unwrap_or(ToolError::NotYet));
    }
    put(&mut answer, "services", known);
    put(&mut answer, "failed_units", failed.map(|said| json!(reads::failed_units(&said.text))));
    Ok(Read { value: Value::Object(answer), as_of_ms: parts.now_ms() })
}

fn service(row: &Value) -> Value {
    let names = [("service", "name"), ("state", "state"), ("active-state", "active"), ("unit-state", "unit")];
    Value::Object(rows::pick(row, &names))
}
