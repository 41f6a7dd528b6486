//! `processes` and `sockets` of a node, by command.

use jarvis_core::{
    shapes::NodeRead,
    tools::{Processes, Sockets},
};
use serde_json::{Map, Value, json};

use super::{Parts, Read, ToolError, sources::put};
use crate::clients::ssh::reads;

const PROCESSES_DEFAULT: u32 = 20;

pub(super) async fn processes(call: &Processes, parts: &Parts) -> Result<Read, ToolError> {
    parts.known_node(&call.node)?;
    let node = &call.node;
    let limit =
        usize::try_from(call.limit.map_or(PROCESSES_DEFAULT, |limit| limit.get())).unwrap_or(usize::MAX);
    let said = parts.run(node, &NodeRead::Processes, "the list of processes").await?;
    let mut all = reads::processes(&said.text);
    let by_cpu: Vec<_> = all.iter().take(limit).cloned().collect();
    all.sort_by_key(|process| std::cmp::Reverse(process.resident_bytes));
    all.truncate(limit);
    let mut answer = Map::from_iter([
        ("node".to_owned(), json!(node)),
        ("by_cpu".to_owned(), json!(by_cpu)),
        ("by_memory".to_owned(), json!(all)),
    ]);
    let pressure = parts.run(node, &NodeRead::Pressure, "the pressure").await;
    put(&mut answer, "pressure", pressure.map(|said| reads::pressure(&said.text)));
    Ok(Read { value: Value::Object(answer), as_of_ms: parts.now_ms() })
}

pub(super) async fn sockets(call: &Sockets, parts: &Parts) -> Result<Read, ToolError> {
    parts.known_node(&call.node)?;
    let said = parts.run(&call.node, &NodeRead::Sockets, "the list of listening sockets").await?;
    let value = json!({ "node": call.node, "sockets": reads::sockets(&said.text) });
    Ok(Read { value, as_of_ms: parts.now_ms() })
}
