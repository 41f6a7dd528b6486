//! Where answers come from: the state, the API, commands.

use std::sync::Arc;

use jarvis_core::{
    cluster::{ClusterState, Guest, GuestKind, NodeName, NodeStatus, SourceId, Vmid},
    shapes::NodeRead,
};
use serde_json::{Map, Value, json};

use super::{Parts, ToolError};
use crate::clients::{
    proxmox::{Permissions, Proxmox},
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

    /// What a storage holds, and what of it Proxmox left out without a word, because the token may not touch it.
    pub(super) async fn volumes(
        &self,
        node: &NodeName,
        storage: &str,
        query: &[(&str, &str)],
    ) -> Result<(Value, Option<String>), ToolError> {
        let (mut api, mut held) = (self.api()?, None);
        if let Some(acting) = &self.acting {
            let may = acting.permissions().await.map(|held| held.value).unwrap_or_default();
            if may.hold(&format!("/storage/{storage}"), ALLOCATE) {
                (api, held) = (acting, Some(may));
            }
        }
        let path = ["nodes", node.as_str(), "storage", storage, "content"];
        let answer = api.get_raw(&path, query).await?;
        let wanted = query.iter().find(|(name, _)| *name == "content").map(|(_, content)| *content);
        // Where nobody tells what it may do, nothing is claimed.
        let held = match held {
            Some(held) => held,
            None => api.permissions().await.map(|held| held.value).unwrap_or_default(),
        };
        let left_out = left_out(&held, api.token_id(), storage, wanted);
        Ok((serde_json::from_str(answer.value.get()).unwrap_or_default(), left_out))
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

const BACKUP: &str = "VM.Backup";
const ALLOCATE: &str = "Datastore.AllocateSpace";
/// What of a storage the token may see, and which kinds of content that is about.
const SEEN_WITH: [(&[&str], &str, &str); 2] =
    [(&["backup"], BACKUP, "backups"), (&["images", "rootdir"], "VM.Config.Disk", "disks of guests")];

/// Proxmox leaves these volumes out of its list without a word.
fn left_out(held: &Permissions, token: &str, storage: &str, wanted: Option<&str>) -> Option<String> {
    if held.0.is_empty() {
        return None;
    }
    let asked = |kinds: &[&str]| wanted.is_none_or(|wanted| kinds.contains(&wanted));
    let allowed = |privilege: &str| {
        let allocates = privilege != BACKUP || held.hold(&format!("/storage/{storage}"), ALLOCATE);
        allocates && held.hold("/vms", privilege)
    };
    let hidden = SEEN_WITH.iter().filter(|(kinds, privilege, _)| asked(kinds) && !allowed(privilege));
    let hidden: Vec<String> = hidden
        .map(|(_, privilege, what)| {
            let also =
                if *privilege == BACKUP { " and Datastore.AllocateSpace on this storage" } else { "" };
            format!("{what} are shown only to a token with {privilege}{also}, which {token} has not for all guests")
        })
        .collect();
    (!hidden.is_empty()).then(|| hidden.join("; "))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn held(all: &[(&str, &[&str])]) -> Permissions {
        let words = |privileges: &[&str]| privileges.iter().map(|p| (*p).to_owned()).collect();
        Permissions(all.iter().map(|(path, privileges)| ((*path).to_owned(), words(privileges))).collect())
    }

    #[test]
    fn what_proxmox_hides_from_a_token_is_said() {
        let reader = held(&[("/", &["VM.Audit", "Datastore.Audit"])]);
        let saver = held(&[("/", &["VM.Backup", "Datastore.AllocateSpace"])]);
        let allocates = ("/storage/nas", ["Datastore.AllocateSpace"].as_slice());
        let on_nas = held(&[("/vms", &["VM.Backup"]), allocates]);
        let one_guest = held(&[("/vms", &["VM.Audit"]), ("/vms/105", &["VM.Backup"]), allocates]);
        for (held, storage, wanted, hidden) in [
            (&reader, "nas", Some("backup"), "backups"),
            (&reader, "nas", Some("iso"), ""),
            (&reader, "nas", Some("images"), "disks of guests"),
            (&saver, "nas", Some("backup"), ""),
            (&saver, "nas", None, "disks of guests"),
            (&on_nas, "nas", Some("backup"), ""),
            (&on_nas, "local", Some("backup"), "backups"),
            (&one_guest, "nas", Some("backup"), "backups"),
            (&Permissions::default(), "nas", Some("backup"), ""),
        ] {
            let told = left_out(held, "jarvis@pve!act", storage, wanted).unwrap_or_default();
            assert_eq!(told.split(" are shown").next(), Some(hidden), "{storage} {wanted:?}: {told}");
            assert!(hidden.is_empty() || told.contains("jarvis@pve!act"), "{told}");
        }
    }
}
