//! What was: figures over time, events, incidents, the audit; from the store.

use jarvis_core::{
    cluster::GuestKind,
    tools::{Audit, Entity, Events, History, Incidents},
};
use serde_json::{Value, json};

use super::{Parts, Read, ToolError, rows, sources::kind_path};
use crate::store::EventFilter;

const EVENTS_DEFAULT: u32 = 50;
const AUDIT_DEFAULT: u32 = 50;
const POINTS_DEFAULT: u32 = 60;
const HOUR_MS: i64 = 3_600_000;

pub(super) async fn history(call: &History, parts: &Parts) -> Result<Read, ToolError> {
    let now_ms = parts.now_ms();
    let to_ms = call.to.as_ref().map_or(now_ms, |to| to.ms());
    let from_ms = call.from.as_ref().map_or(to_ms - HOUR_MS, |from| from.ms());
    let points = call.points.map_or(POINTS_DEFAULT, |points| points.get());
    let entity = stored_as(&call.entity, parts)?;
    let metric = call.metric.as_str();
    let range = parts.store.history().query(&entity, metric, from_ms, to_ms, points.into()).await?;
    let buckets: Vec<Value> = range
        .buckets
        .iter()
        .map(|b| json!({"at": rows::at(b.t_ms), "min": b.min, "mean": b.mean, "max": b.max}))
        .collect();
    let note = buckets.is_empty().then_some("nothing is recorded for this; check entity, metric and times");
    Ok(Read {
        value: json!({
            "entity": call.entity, "metric": metric, "step_s": range.step_ms / 1_000, "buckets": buckets, "note": note,
        }),
        as_of_ms: now_ms,
    })
}

/// Histories are kept under Proxmox's names.
fn stored_as(entity: &Entity, parts: &Parts) -> Result<String, ToolError> {
    Ok(match entity {
        Entity::Guest(vmid) => {
            // A guest that is gone still has its past; most are VMs.
            let kind = parts.guest(*vmid).map(|guest| guest.kind).unwrap_or(GuestKind::Qemu);
            format!("{}/{vmid}", kind_path(kind))
        }
        other => other.to_string(),
    })
}

pub(super) async fn events(call: &Events, parts: &Parts) -> Result<Read, ToolError> {
    let filter = EventFilter {
        since_ms: call.since.as_ref().map(|since| since.ms()),
        severity_min: call.severity,
        node: call.node.clone(),
        ..EventFilter::default()
    };
    let limit = call.limit.map_or(EVENTS_DEFAULT, |limit| limit.get());
    let page = parts.store.events().page(filter, None, limit.into()).await?;
    let told: Vec<Value> = page.events.iter().map(|event| Value::Object(rows::happening(event))).collect();
    let value = json!({ "events": told, "more": page.next_cursor.is_some() });
    Ok(Read { value, as_of_ms: parts.now_ms() })
}

pub(super) fn incidents(_: &Incidents, parts: &Parts) -> Read {
    let note = "this version watches and acts but has no detectors yet, so no incident is ever opened; `cluster_status` \
                and `events` tell what needs attention";
    Read { value: json!({ "incidents": [], "note": note }), as_of_ms: parts.now_ms() }
}

pub(super) async fn audit(call: &Audit, parts: &Parts) -> Result<Read, ToolError> {
    let limit = call.limit.map_or(AUDIT_DEFAULT, |limit| limit.get());
    let page = parts.store.audit().page(None, limit.into()).await?;
    let told = page.rows.iter().map(|row| {
        json!({
            "seq": row.seq, "at": rows::at(row.at_ms), "kind": row.kind, "who": row.who, "subject": row.subject,
            "detail": row.detail,
        })
    });
    let value = json!({ "rows": told.collect::<Vec<_>>(), "more": page.next_cursor.is_some() });
    Ok(Read { value, as_of_ms: parts.now_ms() })
}
