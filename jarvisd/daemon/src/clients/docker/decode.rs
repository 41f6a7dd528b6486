//! What an engine answers, as far as it is ours to know. `Config.Env` is not in these shapes, so it is never read.

use std::collections::BTreeMap;

use jarvis_core::tools::words::HostName;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{changes, error::DockerError};

/// One container of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Container {
    pub name: String,
    pub id: String,
    pub image: String,
    /// `running`, `exited` …
    pub state: String,
    /// `Up 3 hours (healthy)`
    pub status: String,
    /// Whether its label lets it be started, restarted or stopped from here.
    pub may_change: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

impl Container {
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "Names", default)]
    names: Vec<String>,
    #[serde(rename = "Id", default)]
    id: String,
    #[serde(rename = "Image", default)]
    image: String,
    #[serde(rename = "State", default)]
    state: String,
    #[serde(rename = "Status", default)]
    status: String,
    #[serde(rename = "Labels", default)]
    labels: Option<BTreeMap<String, String>>,
}

/// `GET /containers/json`
pub(super) fn containers(host: &HostName, answer: &[u8], own: &str) -> Result<Vec<Container>, DockerError> {
    let rows: Vec<Value> = serde_json::from_slice(answer).map_err(|e| DockerError::odd(host, &e))?;
    let container = |row: Value| {
        // One odd row costs no other.
        let row: Row = serde_json::from_value(row).ok()?;
        let labels = row.labels.unwrap_or_default();
        Some(Container {
            name: row.names.first()?.trim_start_matches('/').to_owned(),
            id: row.id.chars().take(12).collect(),
            image: row.image,
            state: row.state,
            status: row.status,
            may_change: changes::forbids(&labels, own).is_none(),
            project: labels.get(changes::PROJECT_LABEL).cloned(),
        })
    };
    Ok(rows.into_iter().filter_map(container).collect())
}

/// A line of `docker container ls` in the table's format. Such a host is only read.
pub(super) fn container_over_ssh(line: &Value) -> Option<Container> {
    let word = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Container {
        name: Some(word("name")).filter(|name| !name.is_empty())?,
        id: word("id").chars().take(12).collect(),
        image: word("image"),
        state: word("state"),
        status: word("status"),
        may_change: false,
        project: None,
    })
}

/// One container in depth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspected {
    pub id: String,
    pub name: String,
    pub created: String,
    pub running: bool,
    pub state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    pub restarts: u32,
    pub started_at: String,
    #[serde(skip)]
    pub labels: BTreeMap<String, String>,
}

/// `GET /containers/{name}/json`
pub(super) fn inspected(host: &HostName, answer: &[u8]) -> Result<Inspected, DockerError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Whole {
        id: String,
        name: String,
        #[serde(default)]
        created: String,
        #[serde(default)]
        restart_count: u32,
        state: State,
        config: Config,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct State {
        #[serde(default)]
        status: String,
        #[serde(default)]
        running: bool,
        #[serde(default)]
        started_at: String,
        health: Option<Health>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Health {
        status: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Config {
        labels: Option<BTreeMap<String, String>>,
    }
    let whole: Whole = serde_json::from_slice(answer).map_err(|e| DockerError::odd(host, &e))?;
    Ok(Inspected {
        id: whole.id,
        name: whole.name.trim_start_matches('/').to_owned(),
        created: whole.created,
        running: whole.state.running,
        state: whole.state.status,
        health: whole.state.health.map(|h| h.status),
        restarts: whole.restart_count,
        started_at: whole.state.started_at,
        labels: whole.config.labels.unwrap_or_default(),
    })
}

/// `GET /containers/{name}/stats?stream=false`: the share of all cores, and memory without the page cache.
pub(super) fn stats(answer: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(answer).ok()?;
    let number = |pointer: &str| value.pointer(pointer).and_then(Value::as_f64);
    let cpu = || {
        let used =
            number("/cpu_stats/cpu_usage/total_usage")? - number("/precpu_stats/cpu_usage/total_usage")?;
        let whole = number("/cpu_stats/system_cpu_usage")? - number("/precpu_stats/system_cpu_usage")?;
        let cores = number("/cpu_stats/online_cpus").unwrap_or(1.0);
        (whole > 0.0 && used >= 0.0).then(|| (used / whole * cores * 1_000.0).round() / 10.0)
    };
    let bytes = |pointer: &str| value.pointer(pointer).and_then(Value::as_u64);
    let cache = bytes("/memory_stats/stats/inactive_file").or_else(|| bytes("/memory_stats/stats/cache"));
    let used = bytes("/memory_stats/usage").map(|all| all.saturating_sub(cache.unwrap_or(0)));
    let sum = |name: &str| {
        let cards = value.get("networks").and_then(Value::as_object)?;
        Some(cards.values().filter_map(|card| card.get(name).and_then(Value::as_u64)).sum::<u64>())
    };
    Some(json!({
        "cpu_percent": cpu(),
        "mem_used_bytes": used,
        "mem_limit_bytes": bytes("/memory_stats/limit"),
        "net_in_bytes": sum("rx_bytes"),
        "net_out_bytes": sum("tx_bytes"),
        "processes": value.pointer("/pids_stats/current"),
    }))
}
