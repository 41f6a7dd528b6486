//! `docker` and `docker_logs`.

use futures_util::StreamExt;
use jarvis_core::tools::{Docker, DockerLogs, words::HostName};
use serde_json::{Value, json};

use super::{Parts, Read, ToolError};
use crate::clients::docker::DockerError;

const LINES_DEFAULT: u32 = 100;
/// Hosts asked at once.
const AT_ONCE_MAX: usize = 4;

pub(super) async fn list(call: &Docker, parts: &Parts) -> Result<Read, ToolError> {
    let hosts: Vec<HostName> = match &call.host {
        Some(host) => vec![host.clone()],
        None => parts.docker.hosts().cloned().collect(),
    };
    if hosts.is_empty() {
        return Err(ToolError::NoDocker);
    }
    // One host asked for by name: its failure is the answer.
    if let (Some(host), [_]) = (&call.host, hosts.as_slice()) {
        return Ok(Read {
            value: json!({ "hosts": [of_host(host, parts).await?] }),
            as_of_ms: parts.now_ms(),
        });
    }
    let asked = hosts.into_iter().map(|host| async move {
        of_host(&host, parts).await.unwrap_or_else(|e| json!({"host": host, "unread": e.to_string()}))
    });
    let mut all: Vec<Value> = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE_MAX).collect().await;
    all.sort_by(|a, b| a["host"].as_str().cmp(&b["host"].as_str()));
    Ok(Read { value: json!({ "hosts": all }), as_of_ms: parts.now_ms() })
}

/// What was named and is not there is the caller's to mend.
fn named(error: DockerError, container: &str) -> ToolError {
    match error {
        DockerError::NoSuchHost { host, known } => ToolError::Absent {
            what: format!("Docker host `{host}` in the settings; there are: {known}"),
            todo: "or add it under [[docker.hosts]]",
        },
        DockerError::Refused { host, status: 404, .. } => ToolError::Absent {
            what: format!("container `{container}` on {host}"),
            todo: "`docker` lists those there are",
        },
        other => other.into(),
    }
}

async fn of_host(host: &HostName, parts: &Parts) -> Result<Value, ToolError> {
    let containers = parts.docker.containers(host).await.map_err(|e| named(e, ""))?;
    let running: Vec<_> =
        containers.iter().filter(|c| c.is_running()).filter_map(|c| c.name.parse().ok()).collect();
    // Without figures the list is still an answer.
    let stats = parts.docker.stats(host, &running).await.unwrap_or_default();
    let told = containers.iter().map(|container| {
        let mut told = json!(container);
        if let (Value::Object(map), Some(Value::Object(load))) = (&mut told, stats.get(&container.name)) {
            map.extend(load.clone());
        }
        told
    });
    Ok(json!({ "host": host, "containers": told.collect::<Vec<_>>() }))
}

pub(super) async fn logs(call: &DockerLogs, parts: &Parts) -> Result<Read, ToolError> {
    let lines = call.lines.map_or(LINES_DEFAULT, |lines| lines.get());
    let told = parts.docker.logs(&call.host, &call.name, lines).await;
    let told = told.map_err(|e| named(e, call.name.as_str()))?;
    let value = json!({ "host": call.host, "container": call.name, "lines": told });
    Ok(Read { value, as_of_ms: parts.now_ms() })
}
