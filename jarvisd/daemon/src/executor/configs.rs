//! Guests' configurations, kept with their age. The one acted on is always read anew; the others may be a few
//! minutes old, since a new disk or card is rare and the graph only needs to know what leans on what.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use jarvis_core::{
    cluster::{ClusterState, GuestKind, NodeName, NodeStatus, Vmid},
    graph::{GuestConfig, StorageConfig},
};

use crate::{
    clients::proxmox::{GuestFile, Proxmox},
    clock::Clock,
};

/// Older ones are read again before they are leant on.
const AGE_MAX: Duration = Duration::from_secs(600);
/// Reads under way at once: about what a node's API workers carry beside everything else.
const AT_ONCE_MAX: usize = 8;
/// A decision does not wait longer for what it needs; what is missing then is unknown.
const WAIT_MAX: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub struct Configs {
    clock: Clock,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    guests: BTreeMap<Vmid, Kept>,
    storages: Option<(Instant, BTreeMap<String, StorageConfig>)>,
}

struct Kept {
    config: GuestConfig,
    /// A guest that moved is read again: its number may belong to another one now.
    node: NodeName,
    at: Instant,
}

impl Configs {
    pub fn new(clock: Clock) -> Self {
        Self { clock, shelf: Arc::default() }
    }

    /// Reads one now and keeps it.
    pub async fn fresh(
        &self,
        proxmox: &Proxmox,
        node: &NodeName,
        kind: GuestKind,
        vmid: Vmid,
    ) -> Result<GuestFile, String> {
        let read = proxmox.guest_config(node, kind, vmid).await;
        let read = read.map_err(|e| {
            self.shelf().guests.remove(&vmid);
            e.to_string()
        })?;
        self.keep(vmid, node, &read.value);
        Ok(read.value)
    }

    /// Everything kept, for the graph.
    pub fn all(&self) -> BTreeMap<Vmid, GuestConfig> {
        self.shelf().guests.iter().map(|(vmid, kept)| (*vmid, kept.config.clone())).collect()
    }

    pub fn storages(&self) -> BTreeMap<String, StorageConfig> {
        self.shelf().storages.as_ref().map(|(_, all)| all.clone()).unwrap_or_default()
    }

    /// Reads what is missing or too old: every guest on a node that is there, and the storages. Answers what is
    /// still missing, for a person.
    pub async fn fill(&self, proxmox: &Proxmox, state: &ClusterState) -> Result<(), String> {
        let now = self.clock.monotonic();
        let wanted = self.wanted(state, now);
        let reads = stream::iter(wanted.into_iter().map(|(vmid, node, kind)| async move {
            let read = proxmox.guest_config(&node, kind, vmid).await;
            (vmid, node, read)
        }));
        let mut reads = std::pin::pin!(reads.buffer_unordered(AT_ONCE_MAX));
        let mut failed: Option<String> = None;
        let filled = tokio::time::timeout(WAIT_MAX, async {
            while let Some((vmid, node, read)) = reads.next().await {
                match read {
                    Ok(read) => self.keep(vmid, &node, &read.value),
                    Err(error) => failed = failed.take().or_else(|| Some(format!("guest {vmid}: {error}"))),
                }
            }
            if self.shelf().storages.as_ref().is_none_or(|(at, _)| now.duration_since(*at) > AGE_MAX) {
                match proxmox.storage_configs().await {
                    Ok(all) => self.shelf().storages = Some((self.clock.monotonic(), all.value)),
                    Err(error) => failed = failed.take().or_else(|| Some(format!("storages: {error}"))),
                }
            }
        });
        let in_time = filled.await.is_ok();
        let missing = self.wanted(state, now).len();
        match failed {
            Some(why) => Err(why),
            None if !in_time || missing > 0 => {
                Err(format!("the configurations of {missing} guests could not be read in time"))
            }
            None => Ok(()),
        }
    }

    /// Guests whose configuration is missing or too old, those on absent nodes aside: nobody could answer for them.
    pub fn wanted(&self, state: &ClusterState, now: Instant) -> Vec<(Vmid, NodeName, GuestKind)> {
        let mut shelf = self.shelf();
        shelf.guests.retain(|vmid, kept| state.guests.get(vmid).is_some_and(|guest| guest.node == kept.node));
        let here = |node: &NodeName| state.nodes.get(node).is_some_and(|n| n.status == NodeStatus::Online);
        let old = |vmid: &Vmid| {
            shelf.guests.get(vmid).is_none_or(|kept| now.saturating_duration_since(kept.at) > AGE_MAX)
        };
        let guests = state.guests.values().filter(|guest| here(&guest.node) && old(&guest.vmid));
        guests.map(|guest| (guest.vmid, guest.node.clone(), guest.kind)).collect()
    }

    fn keep(&self, vmid: Vmid, node: &NodeName, read: &GuestFile) {
        let kept = Kept { config: read.config.clone(), node: node.clone(), at: self.clock.monotonic() };
        self.shelf().guests.insert(vmid, kept);
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
