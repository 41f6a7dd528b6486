//! Where answers come from: the state, the API, commands.

use std::sync::Arc;

use jarvis_core::{
    cluster::{ClusterState, Guest, GuestKind, NodeName, NodeStatus, SourceId, Vmid},
    shapes::NodeRead,
};
use serde_json::{Map, Value, json};

use super::{Parts, ToolError};
use crate::clients::{
    proxmox::Proxmox,
    ssh::{Ssh, reads::Said},
};

impl Parts {
    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The published state, once there is one.
    pub(super) fn seen(&self) -> Result<Arc<ClusterState>, ToolError> {
        if self.proxmox.is_none() {
            return Err(ToolError::NoCluster);
        }
        let (_, state) = self.state.current();
        if state.cluster.is_none() { Err(ToolError::NotYet) } else { Ok(state) }
    }

    pub(super) fn api(&self) -> Result<&Proxmox, ToolError> {
        self.proxmox.as_ref().ok_or(ToolError::NoCluster)
    }

    /// A read of Proxmox's API as it is.
    pub(super) async fn get(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Value, ToolError> {
        let answer = self.api()?.get_raw(segments, query).await?;
        Ok(serde_json::from_str(answer.value.get()).unwrap_or_default())
    }

    /// SSH to this node, or how to get it.
    pub(super) fn ssh_to(&self, node: &NodeName, what: &'static str) -> Result<&Ssh, ToolError> {
        let ssh = self.ssh.as_ref().filter(|ssh| ssh.knows(node));
        ssh.ok_or_else(|| ToolError::NoSsh { node: node.clone(), what })
    }

    /// Runs a command whose answer counts when it ended well.
    pub(super) async fn run(
        &self,
        node: &NodeName,
        read: &NodeRead,
        what: &'static str,
    ) -> Result<Said, ToolError> {
        Ok(self.ssh_to(node, what)?.read_well(node, read).await?)
    }

    /// That the node is one of the cluster's.
    pub(super) fn known_node(&self, node: &NodeName) -> Result<(), ToolError> {
        let (_, state) = self.state.current();
        if state.nodes.is_empty() || state.nodes.contains_key(node) {
            return Ok(());
        }
        let what = format!("node `{node}` in the cluster");
        Err(ToolError::Absent {
            what,
            todo: "`cluster_status` names those there are; names are case-sensitive",
        })
    }

    pub(super) fn guest(&self, vmid: Vmid) -> Result<Arc<Guest>, ToolError> {
        let absent = || {
            let what = format!("guest {vmid} in the cluster");
            ToolError::Absent { what, todo: "`guests` lists those there are" }
        };
        self.seen()?.guests.get(&vmid).cloned().ok_or_else(absent)
    }

    /// Nodes that are online, those asked for or all.
    pub(super) fn online(&self, only: Option<&NodeName>) -> Result<Vec<NodeName>, ToolError> {
        let state = self.seen()?;
        if let Some(node) = only {
            self.known_node(node)?;
        }
        let wanted = |name: &&NodeName| only.is_none_or(|only| only == *name);
        let live = state.nodes.iter().filter(|(_, node)| node.status == NodeStatus::Online);
        Ok(live.map(|(name, _)| name).filter(wanted).cloned().collect())
    }
}

/// When the figures of the state were read.
pub(super) fn as_of(state: &ClusterState, source: &SourceId) -> i64 {
    state.sources.get(source).and_then(|source| source.seen_ms).unwrap_or(0)
}

/// As in a path of the API.
pub(super) fn kind_path(kind: GuestKind) -> &'static str {
    match kind {
        GuestKind::Qemu => "qemu",
        GuestKind::Lxc => "lxc",
    }
}

/// Puts a part into an answer, or why it is not there: one part that cannot be read costs no other.
pub(super) fn put(answer: &mut Map<String, Value>, name: &str, part: Result<Value, ToolError>) {
    match part {
        Ok(value) => answer.insert(name.to_owned(), value),
        Err(error) => answer.insert(format!("{name}_unread"), json!(error.to_string())),
    };
}
