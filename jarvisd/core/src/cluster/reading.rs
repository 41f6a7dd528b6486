//! What a client read from the cluster, in our words, and what could not be read.
//!
//! A reading is never all-or-nothing: each part stands alone, a failed part carries its error.
//! Foreign shapes (numbers as texts, missing fields) are settled before they come here.

use super::ids::{NodeName, SourceId, Upid, Vmid};
use super::records::{GuestKind, GuestStatus, NodeStatus, StorageStatus, TaskStatus};
use super::{tags::Tags, text::Text};

/// One answer, or the lack of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub source: SourceId,
    /// When the answer was complete.
    pub at_ms: i64,
    /// How often this source is asked at present.
    pub interval_ms: i64,
    /// The node that answered.
    pub via: Option<NodeName>,
    pub part: Result<Part, String>,
    /// Rows that could not be read and were left out.
    pub odd_rows: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// `GET /cluster/resources`
    Resources(Resources),
    /// `GET /cluster/status`
    Membership(Membership),
    /// `GET /cluster/tasks`
    Tasks(Vec<TaskRow>),
    /// `GET /nodes/{node}/status`
    NodeDetail(NodeDetail),
    /// `GET /nodes/{node}/{kind}/{vmid}/status/current`
    GuestNow(GuestRow),
    /// `GET /version`
    Version(String),
    /// Commands on a node.
    Sensors(Sensors),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    pub nodes: Vec<NodeRow>,
    pub guests: Vec<GuestRow>,
    pub storages: Vec<StorageRow>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NodeRow {
    pub name: NodeName,
    pub status: NodeStatus,
    pub cpu: Option<f64>,
    pub cpu_cores: Option<u32>,
    pub mem_used_bytes: Option<u64>,
    pub mem_total_bytes: Option<u64>,
    pub disk_used_bytes: Option<u64>,
    pub disk_total_bytes: Option<u64>,
    pub uptime_s: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GuestRow {
    pub vmid: Vmid,
    pub kind: GuestKind,
    pub node: NodeName,
    pub status: GuestStatus,
    pub name: Option<Text>,
    /// `None` in a bare row: keep what was known.
    pub template: Option<bool>,
    pub tags: Option<Tags>,
    pub cpu: Option<f64>,
    pub cpu_cores: Option<f64>,
    pub mem_used_bytes: Option<u64>,
    pub mem_total_bytes: Option<u64>,
    pub mem_host_bytes: Option<u64>,
    pub disk_used_bytes: Option<u64>,
    pub disk_total_bytes: Option<u64>,
    pub uptime_s: Option<u64>,
    pub lock: Option<String>,
    pub pool: Option<Text>,
    pub ha_state: Option<String>,
    /// Counters since the guest started.
    pub net_in_bytes: Option<u64>,
    pub net_out_bytes: Option<u64>,
    pub disk_read_bytes: Option<u64>,
    pub disk_write_bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StorageRow {
    pub node: NodeName,
    pub storage: String,
    pub status: StorageStatus,
    pub shared: Option<bool>,
    pub plugin: Option<String>,
    pub content: Option<Vec<String>>,
    pub used_bytes: Option<u64>,
    pub total_bytes: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Membership {
    /// Missing on a standalone node.
    pub cluster_name: Option<String>,
    pub quorate: Option<bool>,
    /// Of the cluster's configuration.
    pub version: Option<u64>,
    pub nodes: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub name: NodeName,
    pub online: bool,
    pub ip: Option<String>,
    /// The node that answered.
    pub local: bool,
    /// Its number in the cluster; 0 on a standalone node.
    pub nodeid: Option<u32>,
    /// Of its subscription; empty without one.
    pub level: Option<String>,
}

impl Member {
    /// Of which nothing else is said.
    pub fn named(name: NodeName, online: bool) -> Self {
        Self { name, online, ip: None, local: false, nodeid: None, level: None }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct TaskRow {
    pub upid: Upid,
    pub node: NodeName,
    pub kind: String,
    pub target: Option<String>,
    /// `user@realm`, with `!tokenid` when a token was used.
    pub user: String,
    pub start_ms: i64,
    pub end_ms: Option<i64>,
    pub status: TaskStatus,
    pub exit: Option<String>,
}

/// What commands on a node tell; each part is missing when it could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensors {
    pub node: NodeName,
    pub temp_c: Option<f64>,
    pub shares: Option<Mounted>,
    pub units_failed: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounted {
    pub count: u32,
    /// Mount points of shares whose servers do not answer.
    pub dead: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NodeDetail {
    pub node: NodeName,
    pub load: Option<[f64; 3]>,
    pub iowait: Option<f64>,
    pub swap_used_bytes: Option<u64>,
    pub swap_total_bytes: Option<u64>,
    pub cpu_model: Option<String>,
    pub kernel: Option<String>,
    pub pve_version: Option<String>,
}
