//! What absorbing remembers beside what is published: the last raw words and figures, so that the next
//! answer can be told apart from the last one. Never sent to a screen.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::ids::{NodeName, StorageId, Upid, Vmid};
use super::records::{GuestStatus, NodeStatus, StorageStatus};
use super::sorted::Sorted;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    pub(crate) membership: Option<Arc<Members>>,
    /// Last certain word on quorum; outlives a time without one.
    pub(crate) quorate_known: Option<bool>,
    pub(crate) pve_version: Option<String>,
    /// When the last answer of `resources` was read; rows in `nodes` are of that answer.
    pub(crate) resources_at_ms: i64,
    pub(crate) nodes: BTreeMap<NodeName, NodeMemory>,
    /// The same keys as the published guests.
    pub(crate) guests: Sorted<Vmid, GuestMemory>,
    /// Guests that the last answer of `resources` had more than one row of, which of them is shown is chance.
    pub(crate) guests_twice: BTreeSet<Vmid>,
    /// The same keys as the published storages.
    pub(crate) storages: BTreeMap<StorageId, StorageMemory>,
    /// Running tasks that the last answer did not name.
    pub(crate) tasks_missed: BTreeSet<Upid>,
}

/// The last answer of `membership`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Members {
    pub at_ms: i64,
    /// Since when it has said the same.
    pub since_ms: i64,
    pub cluster_name: Option<String>,
    pub quorate: Option<bool>,
    pub version: Option<u64>,
    pub nodes: BTreeMap<NodeName, Member>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub online: bool,
    pub ip: Option<String>,
    pub nodeid: Option<u32>,
    pub level: Option<String>,
}

/// Raw figures of a node row: when one of them differs, the node has reported.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct RawNode {
    pub cpu: Option<f64>,
    pub mem_used_bytes: Option<u64>,
    pub disk_used_bytes: Option<u64>,
    pub uptime_s: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct NodeMemory {
    /// The row's own word; missing when the last answer had no such row.
    pub row: Option<NodeStatus>,
    pub raw: RawNode,
    /// When the figures last really moved.
    pub moved_ms: i64,
    /// Last certain word: online or offline, never unknown.
    pub known: Option<NodeStatus>,
    pub cpu_high_since_ms: Option<i64>,
    pub mem: Grade,
    pub disk: Grade,
    pub missed: bool,
    /// Since when membership and row have said opposite things.
    pub disagree_since_ms: Option<i64>,
}

/// Raw figures of a guest row.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct RawGuest {
    pub status: Option<GuestStatus>,
    pub uptime_s: Option<u64>,
    pub cpu: Option<f64>,
    pub mem_used_bytes: Option<u64>,
    pub mem_host_bytes: Option<u64>,
    pub disk_used_bytes: Option<u64>,
    /// Network in and out, disk read and written, since the guest started.
    pub counters: [Option<u64>; 4],
}

/// A status that was read from the guest itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Direct {
    pub at_ms: i64,
    pub status: GuestStatus,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct GuestMemory {
    pub raw: RawGuest,
    pub moved_ms: i64,
    pub direct: Option<Direct>,
    /// Proxmox's word as far as it can be believed; says nothing about the node being there.
    pub said: GuestStatus,
    /// Last certain word, never `unknown`.
    pub known: Option<GuestStatus>,
    pub mem: Grade,
    pub disk: Grade,
    pub missed: bool,
    /// Where its node was in the list of nodes, to look there first.
    pub seat: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StorageMemory {
    pub said: StorageStatus,
    pub raw: (Option<u64>, Option<u64>),
    pub moved_ms: i64,
    /// Last word while its node was live.
    pub known: Option<StorageStatus>,
    pub fill: Grade,
    pub missed: bool,
    /// Where its node was in the list of nodes, to look there first.
    pub seat: usize,
}

/// How full or busy something is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    #[default]
    Fine,
    Attention,
    Critical,
}
