//! `guest`: one guest in depth. Every part stands alone: what cannot be read is named, the rest is told.

use jarvis_core::{cluster::Vmid, tools::Guest};
use serde_json::{Map, Value, json};

use super::{
    Parts, Read, ToolError, rows,
    sources::{kind_path, put},
};

/// Tasks told with a guest; `tasks` tells more.
const TASKS_MAX: u32 = 10;
/// Keys that hold what nobody who asks about a guest needs: passwords, keys, tokens.
const SECRET_KEYS: [&str; 3] = ["cipassword", "sshkeys", "cicustom"];

pub(super) async fn one(call: &Guest, parts: &Parts) -> Result<Read, ToolError> {
    let now_ms = parts.now_ms();
    let guest = parts.guest(call.vmid)?;
    let (node, vmid) = (guest.node.as_str(), call.vmid.to_string());
    let base = ["nodes", node, kind_path(guest.kind), &vmid];
    let path = |more: &[&'static str]| [&base[..], more].concat();
    let (status_path, config_path, snapshot_path) =
        (path(&["status", "current"]), path(&["config"]), path(&["snapshot"]));
    let (status, config, snapshots, tasks) = tokio::join!(
        parts.get(&status_path, &[]),
        parts.get(&config_path, &[]),
        parts.get(&snapshot_path, &[]),
        recent_tasks(parts, &guest.node, call.vmid),
    );
    let mut answer = Map::new();
    answer.insert("guest".into(), Value::Object(rows::record(guest.as_ref(), now_ms)));
    put(&mut answer, "now", status.map(|row| now(&row)));
    put(&mut answer, "config", config.map(|row| config_of(&row)));
    put(&mut answer, "snapshots", snapshots.map(|all| snapshots_of(&all, now_ms)));
    put(&mut answer, "recent_tasks", tasks);
    Ok(Read { value: Value::Object(answer), as_of_ms: now_ms })
}

fn now(row: &Value) -> Value {
    let mut now = rows::pick(
        row,
        &[
            ("status", "status"),
            ("qmpstatus", "machine_status"),
            ("lock", "lock"),
            ("ha", "ha"),
            ("uptime", "uptime_s"),
            ("cpu", "cpu_ratio"),
            ("mem", "mem_used_bytes"),
            ("maxmem", "mem_total_bytes"),
            ("agent", "agent"),
            ("running-qemu", "qemu_version"),
        ],
    );
    let pressure = row.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let what = name.strip_prefix("pressure")?;
        Some((format!("pressure_{what}_percent"), value.clone()))
    });
    now.extend(pressure);
    Value::Object(now)
}

fn config_of(row: &Value) -> Value {
    let kept =
        row.as_object().into_iter().flatten().filter(|(name, _)| !SECRET_KEYS.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Without Proxmox's pseudo snapshot of the running state.
fn snapshots_of(all: &Value, now_ms: i64) -> Value {
    let real = rows::list(all).filter(|row| rows::word(row, "name") != Some("current"));
    let told = real.map(|row| {
        let mut told =
            rows::pick(row, &[("name", "name"), ("description", "description"), ("parent", "parent")]);
        if let Some(taken_s) = rows::number(row, "snaptime") {
            told.insert("age_h".into(), json!(rows::age_h(taken_s, now_ms)));
        }
        told.insert("with_memory".into(), json!(rows::flag(row, "vmstate").unwrap_or(false)));
        Value::Object(told)
    });
    told.collect()
}

async fn recent_tasks(
    parts: &Parts,
    node: &jarvis_core::cluster::NodeName,
    vmid: Vmid,
) -> Result<Value, ToolError> {
    let answer = parts.api()?.guest_tasks(node, vmid, TASKS_MAX).await?;
    Ok(answer.value.iter().map(super::tasks::row).collect())
}
