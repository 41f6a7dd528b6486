//! `storages` from the published state, `storage_content` from the API.

use jarvis_core::{
    cluster::SourceId,
    tools::{Content, StorageContent, Storages},
};
use serde_json::{Value, json};

use super::{Parts, Read, ToolError, rows, sources::as_of};

pub(super) fn list(call: &Storages, parts: &Parts) -> Result<Read, ToolError> {
    let state = parts.seen()?;
    if let Some(node) = &call.node {
        parts.known_node(node)?;
    }
    let now_ms = parts.now_ms();
    let matching = state.storages.values().filter(|s| call.node.as_ref().is_none_or(|node| s.node == *node));
    let storages: Vec<Value> = matching.map(|s| Value::Object(rows::record(s.as_ref(), now_ms))).collect();
    Ok(Read { value: json!({ "storages": storages }), as_of_ms: as_of(&state, &SourceId::resources()) })
}

pub(super) async fn content(call: &StorageContent, parts: &Parts) -> Result<Read, ToolError> {
    parts.known_node(&call.node)?;
    let vmid = call.vmid.map(|vmid| vmid.to_string());
    let mut query = Vec::new();
    query.extend(call.content.map(|content| ("content", word(content))));
    query.extend(vmid.as_deref().map(|vmid| ("vmid", vmid)));
    let (all, left_out) = parts.volumes(&call.node, call.storage.as_str(), &query).await?;
    let now_ms = parts.now_ms();
    let volumes: Vec<Value> = rows::list(&all).map(|row| volume(row, now_ms)).collect();
    let mut value = json!({ "storage": call.storage, "node": call.node, "volumes_total": volumes.len(), "volumes": volumes });
    if let (Some(left_out), Some(map)) = (left_out, value.as_object_mut()) {
        map.insert("left_out".into(), json!(left_out));
    }
    Ok(Read { value, as_of_ms: now_ms })
}

fn word(content: Content) -> &'static str {
    match content {
        Content::Images => "images",
        Content::Rootdir => "rootdir",
        Content::Backup => "backup",
        Content::Iso => "iso",
        Content::Vztmpl => "vztmpl",
        Content::Snippets => "snippets",
    }
}

pub(super) fn volume(row: &Value, now_ms: i64) -> Value {
    let mut told = rows::pick(
        row,
        &[
            ("volid", "volume"),
            ("content", "content"),
            ("vmid", "vmid"),
            ("size", "size_bytes"),
            ("used", "used_bytes"),
            ("format", "format"),
            ("notes", "notes"),
            ("verification", "verification"),
        ],
    );
    if let Some(made_s) = rows::number(row, "ctime") {
        told.insert("age_h".into(), json!(rows::age_h(made_s, now_ms)));
    }
    if let Some(kept) = rows::flag(row, "protected") {
        told.insert("protected".into(), json!(kept));
    }
    Value::Object(told)
}
