//! The whole cluster at one moment. Cloning is cheap: records are shared until they change.

use std::{collections::BTreeMap, sync::Arc};

use super::ids::{NodeName, SourceId, StorageId, Upid, Vmid};
use super::records::{Cluster, Guest, Node, Source, Storage, Task};

/// Counters of a guest since it started, exact, for metrics and for rates; not published to screens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub at_ms: i64,
    pub net_in_bytes: u64,
    pub net_out_bytes: u64,
    pub disk_read_bytes: u64,
    pub disk_write_bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterState {
    /// Missing before the first reading.
    pub cluster: Option<Arc<Cluster>>,
    pub nodes: BTreeMap<NodeName, Arc<Node>>,
    pub guests: BTreeMap<Vmid, Arc<Guest>>,
    pub storages: BTreeMap<StorageId, Arc<Storage>>,
    pub tasks: BTreeMap<Upid, Arc<Task>>,
    pub sources: BTreeMap<SourceId, Arc<Source>>,
    /// Beside the published records.
    pub counters: BTreeMap<Vmid, Counters>,
}
