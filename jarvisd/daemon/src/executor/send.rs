//! Which client carries out which effect: the one place where that is said, for the dry run and the real one alike.

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
    sending::{SendError, Sent},
    ssh::{self, Ssh},
    wake::{Mac, Wake},
};

/// The clients that may change anything.
#[derive(Clone)]
pub struct Senders {
    /// With the token for changes.
    pub proxmox: Option<Proxmox>,
    pub ssh: Option<Ssh>,
    pub docker: Docker,
    pub wake: Wake,
}

impl Senders {
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
