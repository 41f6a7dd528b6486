//! One direct read of a guest when a task on it begins or ends: Proxmox's own figures are up to ten seconds
//! old, and people look at what they just did.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use jarvis_core::{
    cluster::{NodeStatus, SourceId, Vmid, reading::Part},
    protocol::{EventKind, NewEvent},
};
use tokio::sync::Semaphore;

use super::{Cluster, Shared};
use crate::supervisor::Supervisor;

/// Guests that may wait for their read; beyond that the next rows tell, ten seconds later.
const WAITING_MAX: usize = 64;
/// Reads under way at once.
const AT_ONCE_MAX: usize = 4;

#[derive(Clone)]
pub(super) struct Directs<C> {
    shared: Shared<C>,
    supervisor: Supervisor,
    gate: Arc<Semaphore>,
    /// Guests whose read is under way or waits, and whether something happened since it was sent.
    pending: Arc<Mutex<BTreeMap<Vmid, Place>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waits,
    Sent,
    /// It must be read once more.
    Overtaken,
}

impl<C: Cluster> Directs<C> {
    pub fn new(shared: Shared<C>, supervisor: Supervisor) -> Self {
        Self { shared, supervisor, gate: Arc::new(Semaphore::new(AT_ONCE_MAX)), pending: Arc::default() }
    }

    /// Looks for beginnings and ends of tasks among what just happened.
    pub fn wanted(&self, events: &[NewEvent]) {
        for event in events {
            let task =
                matches!(event.kind, EventKind::TaskStarted | EventKind::TaskEnded | EventKind::TaskFailed);
            if let Some(vmid) = event.vmid.filter(|_| task)
                && self.enlist(vmid)
            {
                let this = self.clone();
                self.supervisor.beside(async move {
                    let stop = this.supervisor.stop().clone();
                    tokio::select! {
                        () = this.read(vmid) => {}
                        () = stop.cancelled() => {}
                    }
                });
            }
        }
    }

    /// Whether a new read must be started for this guest.
    fn enlist(&self, vmid: Vmid) -> bool {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = pending.get_mut(&vmid) {
            if *place == Place::Sent {
                *place = Place::Overtaken;
            }
            return false;
        }
        if pending.len() >= WAITING_MAX {
            return false;
        }
        pending.insert(vmid, Place::Waits);
        true
    }

    async fn read(&self, vmid: Vmid) {
        loop {
            {
                // The gate is never closed.
                let _pass = self.gate.acquire().await.ok();
                self.mark(vmid, Place::Sent);
                self.once(vmid).await;
            }
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            if pending.get(&vmid) != Some(&Place::Overtaken) {
                pending.remove(&vmid);
                return;
            }
        }
    }

    fn mark(&self, vmid: Vmid, place: Place) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(vmid, place);
    }

    async fn once(&self, vmid: Vmid) {
        let (_, state) = self.shared.state.current();
        let Some(guest) = state.guests.get(&vmid) else { return };
        if state.nodes.get(&guest.node).is_none_or(|n| n.status != NodeStatus::Online) {
            return;
        }
        let cluster = if self.shared.pace().watched { &self.shared.free } else { &self.shared.extra };
        match cluster.guest_now(&guest.node, guest.kind, vmid).await {
            Ok(answer) => {
                let reading = self.shared.reading(
                    SourceId::guest(vmid),
                    self.shared.pace().interval_ms(),
                    Ok(answer.map(Part::GuestNow)),
                );
                let readings = reading.into_iter().collect();
                let events = self.shared.state.absorb(readings, self.shared.clock.now_ms());
                self.shared.journal.tell(events);
            }
            // A guest that was just removed or moved away is no longer there: the rows will say so.
            Err(error) => tracing::debug!(%vmid, %error, "a direct read of a guest failed"),
        }
    }
}
