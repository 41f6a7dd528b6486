//! Which client carries out which effect: the one place where that is said, for the dry run and the real one alike.

use std::sync::Arc;

use jarvis_core::{
    policy::{Order, Route},
    protocol::acting::ExactCall,
    tools::Operation,
};

use crate::clients::{
    docker::{self, Docker},
    proxmox::{
        Proxmox,
        changes::{self, Place},
    },
    sending::{Gate, LastWord, SendError, Sent},
    ssh::{self, Ssh},
    wake::{Mac, Wake},
};
use crate::store::KillSwitch;

/// The clients that may change anything.
#[derive(Clone)]
pub struct Senders {
    /// With the token for changes.
    pub proxmox: Option<Proxmox>,
    pub ssh: Option<Ssh>,
    pub docker: Docker,
    pub wake: Wake,
}

/// The kill switch's file, read in the instant before a change leaves.
struct Switch(KillSwitch);

impl LastWord for Switch {
    fn may_leave(&self) -> bool {
        self.0.read().is_ok_and(|state| !state.on)
    }
}

impl Senders {
    /// The same clients with the kill switch's last word before everything that waits once more after its permit. A
    /// wake-up packet waits for nothing.
    pub(super) fn guarded(self, switch: KillSwitch) -> Self {
        let gate: Gate = Arc::new(Switch(switch));
        Self {
            proxmox: self.proxmox.map(|client| client.guarded(Arc::clone(&gate))),
            ssh: self.ssh.map(|ssh| ssh.guarded(Arc::clone(&gate))),
            docker: self.docker.guarded(gate),
            wake: self.wake,
        }
    }

    /// The one request of this operation.
    ///
    /// # Errors
    /// `NotSent`: there is no way to carry it out.
    pub fn exact(
        &self,
        operation: &Operation,
        place: &Place,
        route: Route,
        learnt: Option<Mac>,
    ) -> Result<ExactCall, SendError> {
        match operation {
            Operation::WakeNode(call) => match self.wake.exact(call, learnt) {
                Some(exact) => Ok(exact),
                None => changes::exact(operation, place, route),
            },
            Operation::RestartService(call) if !changes::restarts(&call.unit) => ssh::exact(call),
            Operation::DockerStart(_) | Operation::DockerRestart(_) | Operation::DockerStop(_) => {
                docker::exact(operation)
            }
            _ => changes::exact(operation, place, route),
        }
    }

    /// Sends what [`Senders::exact`] shows, once.
    ///
    /// # Errors
    /// Each says whether the change may have been made.
    pub async fn send(&self, order: Order, place: &Place, learnt: Option<Mac>) -> Result<Sent, SendError> {
        let missing = |what: &'static str| SendError::NotSent(what.into());
        match order.operation() {
            Operation::WakeNode(call) if self.wake.exact(call, learnt).is_some() => {
                self.wake.send(order, learnt).await
            }
            Operation::RestartService(call) if !changes::restarts(&call.unit) => match &self.ssh {
                Some(ssh) => ssh.send(order).await,
                None => Err(missing("nodes are not reached over SSH; configure [ssh]")),
            },
            Operation::DockerStart(_) | Operation::DockerRestart(_) | Operation::DockerStop(_) => {
                self.docker.send(order).await
            }
            _ => match &self.proxmox {
                Some(proxmox) => proxmox.send(order, place).await,
                None => Err(missing("no cluster is configured")),
            },
        }
    }
}
