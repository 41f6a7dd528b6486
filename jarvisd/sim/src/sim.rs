//! The world behind its lock, shared by the listeners, and the timer that lets things happen by themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::sync::{Notify, watch};

use crate::cluster::World;
use crate::cluster::machine::Line;
use crate::tls::NodeTls;

pub struct Sim {
    world: Mutex<World>,
    changed: Notify,
    tls: BTreeMap<String, NodeTls>,
}

/// How long the timer sleeps when nothing is planned.
const IDLE: Duration = Duration::from_secs(3_600);

impl Sim {
    pub fn new(world: World, tls: BTreeMap<String, NodeTls>) -> Arc<Self> {
        Arc::new(Self { world: Mutex::new(world), changed: Notify::new(), tls })
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works with the world as it is now.
    pub fn with<R>(&self, work: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.lock();
        let before = world.next_ms();
        world.catch_up();
        let result = work(&mut world);
        if world.next_ms() != before {
            self.changed.notify_one();
        }
        result
    }

    /// How long so many simulated milliseconds really take.
    pub fn real(&self, sim_ms: u64) -> Duration {
        self.lock().clock.real(sim_ms)
    }

    pub fn tls(&self, node: &str) -> Option<Arc<ServerConfig>> {
        let expired = self.with(|w| w.cert_expired(node));
        let tls = self.tls.get(node)?;
        Some(if expired { tls.expired.clone() } else { tls.good.clone() })
    }

    pub fn line(&self, node: &str) -> Option<watch::Receiver<Line>> {
        self.lock().lines.get(node).map(watch::Sender::subscribe)
    }

    /// Lets planned things happen on time even when nobody asks.
    pub async fn keep_time(self: Arc<Self>) {
        loop {
            let wait = {
                let mut world = self.lock();
                world.catch_up();
                let left = world.next_ms().map(|at| at.saturating_sub(world.now.sim_ms));
                left.map_or(IDLE, |ms| world.clock.real(ms) + Duration::from_millis(1))
            };
            tokio::select! {
                () = tokio::time::sleep(wait.min(IDLE)) => {}
                () = self.changed.notified() => {}
            }
        }
    }
}
