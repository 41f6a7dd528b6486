//! A line of the activity feed: something that happened, with who and where.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cluster::{NodeName, Upid, Vmid};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Notice,
    Warning,
    Critical,
}

/// Who made it known: the system itself, a person, an automation, the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum EventSource {
    Sys,
    User,
    Auto,
    Ai,
}

/// What kind of thing happened; a closed set, so that filters are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    NodeOffline,
    NodeOnline,
    NodeAdded,
    NodeRemoved,
    QuorumLost,
    QuorumBack,
    GuestStarted,
    GuestStopped,
    GuestAdded,
    GuestRemoved,
    GuestMoved,
    GuestLocked,
    GuestUnlocked,
    StorageOffline,
    StorageOnline,
    StorageFull,
    TaskStarted,
    TaskEnded,
    TaskFailed,
    SightLost,
    SightBack,
    Contradiction,
    Access,
    System,
}

/// One line of the feed. `id` grows without gaps and is also its sequence on the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct Event {
    pub id: i64,
    pub ts_ms: i64,
    #[serde(rename = "type")]
    pub kind: EventKind,
    pub severity: Severity,
    pub source: EventSource,
    /// What happened, in one short sentence.
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub node: Option<NodeName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub vmid: Option<Vmid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub upid: Option<Upid>,
}

/// An event before the store has given it its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub ts_ms: i64,
    pub kind: EventKind,
    pub severity: Severity,
    pub source: EventSource,
    pub title: String,
    pub detail: Option<String>,
    pub node: Option<NodeName>,
    pub vmid: Option<Vmid>,
    pub upid: Option<Upid>,
}

/// The word that a value of a closed set has on the wire.
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
