//! `tasks` from the state, or from the node where one is asked for; `task_log` from the API.

use jarvis_core::{
    cluster::{NodeName, SourceId, TaskStatus, Vmid, reading::TaskRow},
    tools::{TaskLog, Tasks},
};
use serde_json::{Value, json};

use super::{Parts, Read, ToolError, rows, sources::as_of};
use crate::clients::proxmox::TaskFilter;

const TASKS_DEFAULT: u32 = 50;
const LINES_DEFAULT: u32 = 50;

pub(super) async fn list(call: &Tasks, parts: &Parts) -> Result<Read, ToolError> {
    let limit = call.limit.map_or(TASKS_DEFAULT, |limit| limit.get());
    let node = match (&call.node, call.vmid) {
        (Some(node), _) => {
            parts.known_node(node)?;
            Some(node.clone())
        }
        (None, Some(vmid)) => Some(parts.guest(vmid)?.node.clone()),
        (None, None) => None,
    };
    let failed = call.failed.unwrap_or(false);
    // The node keeps thousands of tasks, the published state the newest of each.
    if let Some(node) = &node {
        let filter = TaskFilter { vmid: call.vmid, since_s: None, failed, limit };
        if let Ok(answer) = parts.api()?.node_tasks(node, &filter).await {
            let tasks: Vec<Value> = answer.value.iter().map(row).collect();
            return Ok(Read { value: json!({ "tasks": tasks }), as_of_ms: answer.at_ms });
        }
    }
    from_state(parts, node.as_ref(), call.vmid, failed, limit)
}

fn from_state(
    parts: &Parts,
    node: Option<&NodeName>,
    vmid: Option<Vmid>,
    failed: bool,
    limit: u32,
) -> Result<Read, ToolError> {
    let state = parts.seen()?;
    let mut tasks: Vec<_> = state
        .tasks
        .values()
        .filter(|task| node.is_none_or(|node| task.node == *node))
        .filter(|task| vmid.is_none_or(|vmid| task.vmid == Some(vmid)))
        .filter(|task| !failed || task.status == TaskStatus::Failed)
        .collect();
    tasks.sort_by_key(|task| std::cmp::Reverse(task.start_ms));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let told = tasks.into_iter().take(limit).map(|task| Value::Object(rows::happening(task.as_ref())));
    let value = json!({ "tasks": told.collect::<Vec<_>>() });
    Ok(Read { value, as_of_ms: as_of(&state, &SourceId::tasks()) })
}

pub(super) fn row(task: &TaskRow) -> Value {
    json!({
        "upid": task.upid, "node": task.node, "kind": task.kind, "target": task.target, "user": task.user,
        "status": task.status, "exit": task.exit,
        "start_at": rows::at(task.start_ms), "end_at": task.end_ms.and_then(rows::at),
    })
}

pub(super) async fn log(call: &TaskLog, parts: &Parts) -> Result<Read, ToolError> {
    let lines = call.lines.map_or(LINES_DEFAULT, |lines| lines.get());
    let api = parts.api()?;
    if call.upid.node().is_none() {
        let what = format!("task `{}`", call.upid);
        return Err(ToolError::Absent { what, todo: "`tasks` names those there are" });
    }
    let (end, log) = tokio::join!(api.task_end(&call.upid), api.task_tail(&call.upid, lines));
    let log = log?;
    // Without a word on its end the log is still worth reading.
    let (status, exit) = match end {
        Ok(end) => (Some(end.value.status), end.value.exit),
        Err(_) => (None, None),
    };
    let told: Vec<&str> = log.value.lines.iter().map(|line| line.text.as_str()).collect();
    let value = json!({
        "upid": call.upid, "status": status, "exit": exit, "lines_total": log.value.total, "lines": told,
    });
    Ok(Read { value, as_of_ms: log.at_ms })
}
