//! Where the sides beside the API listen: a node itself or a guest, reachable or not at this moment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::cluster::World;
use crate::cluster::machine::Wire;
use crate::faults::catalog::What;
use crate::serve::{hold, listen};
use crate::sim::Sim;

/// A machine with an address of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    Node(String),
    Guest(u32),
}

/// Which of its doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Ssh,
    Docker,
}

/// How often a closed or open door looks whether it still is.
const LOOK: Duration = Duration::from_millis(100);

impl Host {
    /// The node whose line it hangs on, and whether it runs at all.
    fn place<'w>(&'w self, world: &'w World) -> (&'w str, bool) {
        match self {
            Self::Node(name) => (name, true),
            Self::Guest(vmid) => {
                world.guests.get(vmid).map_or(("", false), |g| (&g.node, g.run.on() && !g.paused()))
            }
        }
    }

    /// How its door behaves now.
    pub fn wire(&self, world: &World, service: Service) -> Wire {
        let (node, runs) = self.place(world);
        let refused = match service {
            Service::Ssh => world.fault_on(What::SshRefuse, self).map(|s| s.variant.as_deref()),
            Service::Docker => world.fault_on(What::DockerDown, self).map(|_| None),
        };
        match (world.lines.get(node).map(|l| l.borrow().wire), runs, refused) {
            (None, ..) | (_, false, _) | (_, _, Some(None | Some("refuse"))) => Wire::Gone,
            (_, _, Some(Some("silent"))) => Wire::Silent,
            (Some(wire), ..) => wire,
        }
    }

    /// How the cable of a machine behaves, whatever its doors do.
    fn line(&self, world: &World) -> Wire {
        let (node, _) = self.place(world);
        world.lines.get(node).map_or(Wire::Gone, |l| l.borrow().wire)
    }

    /// Changes when its connections of before are unknown to it: it has been off meanwhile.
    pub fn life(&self, world: &World) -> (u64, u64) {
        let (node, _) = self.place(world);
        let power = world.lines.get(node).map_or(0, |l| l.borrow().power);
        let since = match self {
            Self::Guest(vmid) => match world.guests.get(vmid).map(|g| g.run) {
                Some(crate::cluster::model::Run::Running { since_ms, .. }) => since_ms,
                _ => 0,
            },
            Self::Node(_) => 0,
        };
        (power, since)
    }
}

/// A TCP address that listens while its machine can be reached.
pub struct Door {
    sim: Arc<Sim>,
    host: Host,
    service: Service,
    address: SocketAddr,
    open: Option<TcpListener>,
    held: Option<TcpSocket>,
}

impl Door {
    /// Binds at once, so that the address is known.
    pub fn bind(sim: Arc<Sim>, host: Host, service: Service, address: SocketAddr) -> std::io::Result<Self> {
        let listener = listen(hold(address)?)?;
        let address = listener.local_addr()?;
        Ok(Self { sim, host, service, address, open: Some(listener), held: None })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection; while the machine cannot be reached there is none.
    pub async fn next(&mut self) -> std::io::Result<TcpStream> {
        loop {
            let wire = self.sim.with(|w| self.host.wire(w, self.service));
            if wire == Wire::Gone {
                self.open = None;
                if self.held.is_none() {
                    self.held = hold(self.address).ok();
                }
                tokio::time::sleep(LOOK).await;
                continue;
            }
            let listener = match self.open.take() {
                Some(listener) => listener,
                None => listen(match self.held.take() {
                    Some(held) => held,
                    None => hold(self.address)?,
                })?,
            };
            let taken = match wire {
                Wire::Open => tokio::time::timeout(LOOK, listener.accept()).await,
                // The kernel completes connects, nobody speaks.
                _ => {
                    tokio::time::sleep(LOOK).await;
                    self.open = Some(listener);
                    continue;
                }
            };
            self.open = Some(listener);
            match taken {
                // It may have gone off while it was waited for.
                Ok(Ok((stream, _))) if self.sim.with(|w| self.host.wire(w, self.service)) == Wire::Open => {
                    return Ok(stream);
                }
                Ok(Ok(_)) => {}
                // Out of file handles: let some close.
                Ok(Err(_)) => tokio::time::sleep(LOOK).await,
                Err(_) => {}
            }
        }
    }
}

/// Waits until packets get through to the machine.
pub async fn reachable(sim: &Sim, host: &Host) {
    while sim.with(|w| host.line(w)) != Wire::Open {
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until the server behind a door has ended.
pub async fn ended(sim: &Sim, host: &Host, service: Service) {
    let before = sim.with(|w| host.life(w));
    loop {
        let (life, line, door) = sim.with(|w| (host.life(w), host.line(w), host.wire(w, service)));
        if life != before || (line == Wire::Open && door == Wire::Gone) {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until the machine has been off and forgot its connections.
pub async fn restarted(sim: &Sim, host: &Host) {
    let before = sim.with(|w| host.life(w));
    while sim.with(|w| host.life(w)) == before {
        tokio::time::sleep(LOOK * 2).await;
    }
}
