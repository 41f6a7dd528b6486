//! Reads that decisions and tools need beside the poll: configurations, HA, the tasks of one guest, ends of logs.

use std::collections::BTreeMap;

use jarvis_core::{
    cluster::{GuestKind, NodeName, Upid, Vmid, reading::TaskRow},
    graph::StorageConfig,
};

use super::{
    Answer, GuestFile, HaState, Proxmox, ProxmoxError, TaskLog,
    ask::{Ask, Class},
    decode, kind_path,
};

/// Which tasks of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    pub vmid: Option<Vmid>,
    /// Begun at or after this, UTC seconds.
    pub since_s: Option<i64>,
    pub failed: bool,
    pub limit: u32,
}

impl Proxmox {
    /// What a guest stands on, who it is, and what holds it now.
    pub async fn guest_config(
        &self,
        node: &NodeName,
        kind: GuestKind,
        vmid: Vmid,
    ) -> Result<Answer<GuestFile>, ProxmoxError> {
        let vmid = vmid.to_string();
        let segments = ["nodes", node.as_str(), kind_path(kind), &vmid, "config"];
        let ask = Ask::raw(&segments, &[], Class::Proxied)?.counted_as("/nodes/{node}/{kind}/{vmid}/config");
        self.read(&ask, |data| decode::guest_file(data, kind)).await
    }

    /// The cluster's storages by name, without their nodes.
    pub async fn storage_configs(&self) -> Result<Answer<BTreeMap<String, StorageConfig>>, ProxmoxError> {
        let ask = Ask::raw(&["storage"], &[], Class::List)?.counted_as("/storage");
        self.read(&ask, decode::storage_configs).await
    }

    /// The guests under HA; those that are not in it are not managed.
    pub async fn ha_states(&self) -> Result<Answer<BTreeMap<Vmid, HaState>>, ProxmoxError> {
        let ask = Ask::raw(&["cluster", "ha", "status", "current"], &[], Class::List)?;
        self.read(&ask.counted_as("/cluster/ha/status/current"), decode::ha_states).await
    }

    /// Tasks of one node, running and ended, newest first.
    pub async fn node_tasks(
        &self,
        node: &NodeName,
        filter: &TaskFilter,
    ) -> Result<Answer<Vec<TaskRow>>, ProxmoxError> {
        let mut query = vec![("source", "all".to_owned()), ("limit", filter.limit.max(1).to_string())];
        query.extend(filter.vmid.map(|vmid| ("vmid", vmid.to_string())));
        query.extend(filter.since_s.map(|s| ("since", s.max(0).to_string())));
        query.extend(filter.failed.then(|| ("errors", "1".to_owned())));
        let query: Vec<(&str, &str)> = query.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let ask = Ask::raw(&["nodes", node.as_str(), "tasks"], &query, Class::Proxied)?;
        self.read(&ask.counted_as("/nodes/{node}/tasks"), decode::tasks).await
    }

    /// Tasks of one guest on the node it is on, newest first.
    pub async fn guest_tasks(
        &self,
        node: &NodeName,
        vmid: Vmid,
        limit: u32,
    ) -> Result<Answer<Vec<TaskRow>>, ProxmoxError> {
        self.node_tasks(node, &TaskFilter { vmid: Some(vmid), limit, ..TaskFilter::default() }).await
    }

    /// The last `lines` of a task's log.
    pub async fn task_tail(&self, upid: &Upid, lines: u32) -> Result<Answer<TaskLog>, ProxmoxError> {
        let lines = lines.max(1);
        let first = self.task_log(upid, 0, lines).await?;
        let total = first.value.total.and_then(|n| u32::try_from(n).ok());
        let Some(start) = total.and_then(|total| total.checked_sub(lines)).filter(|n| *n > 0) else {
            return Ok(first);
        };
        self.task_log(upid, start, lines).await
    }

    /// The hardware address that wakes a node, when Proxmox's node settings hold one.
    pub async fn wake_mac(&self, node: &NodeName) -> Result<Answer<Option<String>>, ProxmoxError> {
        let ask = Ask::raw(&["nodes", node.as_str(), "config"], &[], Class::Proxied)?;
        self.read(&ask.counted_as("/nodes/{node}/config"), decode::wake_mac).await
    }

    /// Proxmox's own units of a node and whether each runs; missing where the node does not say.
    pub async fn services(
        &self,
        node: &NodeName,
    ) -> Result<Answer<BTreeMap<String, Option<bool>>>, ProxmoxError> {
        let ask = Ask::raw(&["nodes", node.as_str(), "services"], &[], Class::Slow)?;
        self.read(&ask.counted_as("/nodes/{node}/services"), decode::services).await
    }

    /// Names of a guest's snapshots.
    pub async fn snapshots(
        &self,
        node: &NodeName,
        kind: GuestKind,
        vmid: Vmid,
    ) -> Result<Answer<Vec<String>>, ProxmoxError> {
        let vmid = vmid.to_string();
        let ask =
            Ask::raw(&["nodes", node.as_str(), kind_path(kind), &vmid, "snapshot"], &[], Class::Proxied)?;
        self.read(&ask.counted_as("/nodes/{node}/{kind}/{vmid}/snapshot"), decode::snapshots).await
    }

    /// When each backup of the guest on this storage was made, UTC seconds.
    pub async fn backups_made_s(
        &self,
        node: &NodeName,
        storage: &str,
        vmid: Vmid,
    ) -> Result<Answer<Vec<i64>>, ProxmoxError> {
        let vmid = vmid.to_string();
        let query = [("content", "backup"), ("vmid", vmid.as_str())];
        let ask = Ask::raw(&["nodes", node.as_str(), "storage", storage, "content"], &query, Class::Slow)?;
        self.read(&ask.counted_as("/nodes/{node}/storage/{storage}/content"), decode::made_s).await
    }

    /// Seconds since the node was started.
    pub async fn node_uptime_s(&self, node: &NodeName) -> Result<Answer<Option<i64>>, ProxmoxError> {
        let ask = Ask::raw(&["nodes", node.as_str(), "status"], &[], Class::Proxied)?;
        self.read(&ask.counted_as("/nodes/{node}/status"), decode::uptime_s).await
    }
}
