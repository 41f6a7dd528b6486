//! `guests`: the list, filtered, from the published state.

use jarvis_core::{cluster::SourceId, tools::Guests};
use serde_json::{Value, json};

use super::{Parts, Read, ToolError, rows, sources::as_of};

pub(super) fn list(call: &Guests, parts: &Parts) -> Result<Read, ToolError> {
    let state = parts.seen()?;
    if let Some(node) = &call.node {
        parts.known_node(node)?;
    }
    let now_ms = parts.now_ms();
    let needle = call.name.as_ref().map(|needle| needle.as_str().to_lowercase());
    let matching = state.guests.values().filter(|guest| {
        let named =
            |needle: &String| guest.name.as_ref().is_some_and(|name| name.to_lowercase().contains(needle));
        call.kind.is_none_or(|kind| guest.kind == kind)
            && call.node.as_ref().is_none_or(|node| guest.node == *node)
            && call.status.is_none_or(|status| guest.status == status)
            && needle.as_ref().is_none_or(named)
    });
    let guests: Vec<Value> =
        matching.map(|guest| Value::Object(rows::record(guest.as_ref(), now_ms))).collect();
    Ok(Read {
        value: json!({ "guests_total": guests.len(), "guests": guests }),
        as_of_ms: as_of(&state, &SourceId::resources()),
    })
}
