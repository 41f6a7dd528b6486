//! The frames of the stream. Unknown frames are ignored by both sides.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    acting::{ActingChange, ActingView},
    event::Event,
};
use crate::cluster::{
    Cluster, Guest, Node, NodeName, Patch, Source, SourceId, Storage, StorageId, Task, Upid, Vmid,
    diff::CLUSTER_ID,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    Cluster,
    Node,
    Guest,
    Storage,
    Task,
    Source,
}

/// Every record by kind and id: `{"node":{"pve":{…}},"guest":{"100":{…}}}`. The cluster's own id is `cluster`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct Entities {
    pub cluster: BTreeMap<String, Arc<Cluster>>,
    pub node: BTreeMap<String, Arc<Node>>,
    pub guest: BTreeMap<String, Arc<Guest>>,
    pub storage: BTreeMap<String, Arc<Storage>>,
    pub task: BTreeMap<String, Arc<Task>>,
    pub source: BTreeMap<String, Arc<Source>>,
}

/// `[kind, id, merge patch]`. A patch for an id that is not there creates the record.
#[derive(Debug, Clone, PartialEq)]
pub enum Upsert {
    Cluster(Patch<Cluster>),
    Node(NodeName, Patch<Node>),
    Guest(Vmid, Patch<Guest>),
    Storage(StorageId, Patch<Storage>),
    Task(Upid, Patch<Task>),
    Source(SourceId, Patch<Source>),
}

/// `[kind, id]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct Removal(pub EntityKind, pub String);

/// What the daemon says on `/ws`.
#[expect(clippy::large_enum_variant, reason = "made one at a time and serialised at once")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    Hello {
        proto: u32,
        epoch: String,
        build: String,
        server_time_ms: i64,
        heartbeat_ms: i64,
    },
    /// Whole state of a channel; `entities` on `cluster`, `events` (newest last) on `events`, `acting` on
    /// `approvals`.
    Snapshot {
        channel: String,
        seq: i64,
        ts_ms: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        entities: Option<Entities>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        events: Option<Vec<Event>>,
        /// On `approvals`: approvals, actions, the switch and the level.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        acting: Option<ActingView>,
    },
    /// The client's place was still known: what it missed follows as ordinary frames.
    Resumed {
        channel: String,
        seq: i64,
    },
    /// `seq` is the last one plus one; otherwise the client asks `resync`.
    Change {
        channel: String,
        seq: i64,
        ts_ms: i64,
        #[cfg_attr(test, ts(type = "Array<[string, string, Record<string, unknown>]>"))]
        up: Vec<Upsert>,
        del: Vec<Removal>,
    },
    #[serde(rename = "event")]
    Event {
        channel: String,
        seq: i64,
        event: Event,
    },
    /// On `approvals`: something of acting is now as told here. `seq` counts from the snapshot's.
    #[serde(rename = "approval.change")]
    Acting {
        channel: String,
        seq: i64,
        ts_ms: i64,
        change: ActingChange,
    },
    /// The client was too slow: a new snapshot of the channel follows.
    Lag {
        channel: String,
    },
    Ping {
        server_time_ms: i64,
    },
    Bye {
        reason: String,
    },
}

/// What a screen says on `/ws`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    Subscribe { channel: String },
    Unsubscribe { channel: String },
    Resync { channel: String },
    Pong,
}

impl Serialize for Upsert {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Cluster(p) => (EntityKind::Cluster, CLUSTER_ID, p).serialize(s),
            Self::Node(id, p) => (EntityKind::Node, id, p).serialize(s),
            // Ids are texts in every frame.
            Self::Guest(id, p) => (EntityKind::Guest, format_args!("{id}"), p).serialize(s),
            Self::Storage(id, p) => (EntityKind::Storage, id, p).serialize(s),
            Self::Task(id, p) => (EntityKind::Task, id, p).serialize(s),
            Self::Source(id, p) => (EntityKind::Source, id, p).serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Upsert {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let (kind, id, patch) = <(EntityKind, String, serde_json::Value)>::deserialize(d)?;
        fn typed<T: serde::de::DeserializeOwned, E: Error>(v: serde_json::Value) -> Result<T, E> {
            serde_json::from_value(v).map_err(E::custom)
        }
        Ok(match kind {
            EntityKind::Cluster => Self::Cluster(typed(patch)?),
            EntityKind::Node => Self::Node(id.try_into().map_err(D::Error::custom)?, typed(patch)?),
            EntityKind::Guest => Self::Guest(id.parse().map_err(D::Error::custom)?, typed(patch)?),
            EntityKind::Storage => Self::Storage(id.try_into().map_err(D::Error::custom)?, typed(patch)?),
            EntityKind::Task => Self::Task(id.try_into().map_err(D::Error::custom)?, typed(patch)?),
            EntityKind::Source => Self::Source(typed(id.into())?, typed(patch)?),
        })
    }
}
