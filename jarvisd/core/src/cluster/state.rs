//! The whole cluster at one moment. Cloning is cheap: records are shared until they change.

use std::{collections::BTreeMap, sync::Arc};

use super::ids::{NodeName, SourceId, StorageId, Upid, Vmid};
use super::memory::Memory;
use super::records::{Cluster, Guest, Node, Source, Storage, Task};

/// Counters of a guest since it started, exact, for metrics and for rates; not published to screens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// When they were last seen to move.
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
    pub(crate) memory: Memory,
}

impl ClusterState {
    /// Whether the last list had several guests of this number.
    pub fn ambiguous(&self, vmid: Vmid) -> bool {
        self.memory.guests_twice.contains(&vmid)
    }

    /// Number of a node in the cluster and level of its subscription, as the last answer of `membership` had them.
    pub fn enrolment(&self, node: &NodeName) -> (Option<u32>, Option<&str>) {
        let member = self.memory.membership.as_ref().and_then(|members| members.nodes.get(node));
        member.map_or((None, None), |member| (member.nodeid, member.level.as_deref()))
    }

    /// Version of the cluster's configuration; missing on a standalone node.
    pub fn config_version(&self) -> Option<u64> {
        self.memory.membership.as_ref().and_then(|members| members.version)
    }

    /// Exact counters of a guest; missing for a guest that was not seen to run.
    pub fn counters(&self, vmid: Vmid) -> Option<Counters> {
        let memory = self.memory.guests.get(&vmid)?;
        let [net_in, net_out, read, write] = memory.raw.counters;
        Some(Counters {
            at_ms: memory.moved_ms,
            net_in_bytes: net_in?,
            net_out_bytes: net_out?,
            disk_read_bytes: read?,
            disk_write_bytes: write?,
        })
    }
}
