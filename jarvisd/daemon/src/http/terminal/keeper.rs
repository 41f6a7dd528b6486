//! The shells that are open, by the secret with which a screen comes back. Only this room holds what opens a shell,
//! and a shell only listens to the screen it was opened for: nothing else in the daemon can type.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jarvis_core::cluster::NodeName;
use tokio::{runtime::Handle, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    line::{End, Return, Say, Screen},
    record::Subject,
    shell,
};
use crate::{
    access::{Keeper, Plain},
    clients::ssh::{Shells, Size, Target},
    clock::Clock,
    config,
    store::{SecretHash, Store},
};

/// Screens that may wait for one shell; one that is taken over is enough.
const RETURNS_MAX: usize = 2;

/// What the shells need, made by `site.rs`.
pub struct Parts {
    /// Missing when no node is reached over SSH, or terminals are switched off.
    pub shells: Option<Shells>,
    pub config: config::Terminal,
    pub clock: Clock,
    pub keeper: Keeper,
    pub store: Store,
    pub shutdown: CancellationToken,
}

#[derive(Clone)]
pub struct Terminals(Arc<Inner>);

/// Every living shell holds a sender; the receiver hears when the last one is gone.
type Alive = (Option<mpsc::Sender<()>>, Option<mpsc::Receiver<()>>);

pub(super) struct Inner {
    pub parts: Parts,
    /// Shells outlive the thread that serves their screen.
    runtime: Handle,
    table: Mutex<Table>,
    /// Gone when the last shell is.
    alive: Mutex<Alive>,
}

#[derive(Default)]
struct Table {
    open: HashMap<SecretHash, mpsc::Sender<Return>>,
    live: usize,
}

/// Who asks for a shell, and how large the screen is.
pub struct Asked {
    pub subject: Subject,
    pub session: SecretHash,
    pub size: Size,
}

impl Terminals {
    pub fn new(parts: Parts) -> Self {
        let (alive, ended) = mpsc::channel(1);
        Self(Arc::new(Inner {
            parts,
            runtime: Handle::current(),
            table: Mutex::default(),
            alive: Mutex::new((Some(alive), Some(ended))),
        }))
    }

    /// How a node's shell is reached; `None` when there is none.
    pub fn target(&self, node: &NodeName) -> Option<&Target> {
        self.targets().iter().find(|target| target.node == *node)
    }

    pub fn targets(&self) -> &[Target] {
        self.0.parts.shells.as_ref().map_or(&[], Shells::targets)
    }

    pub fn config(&self) -> &config::Terminal {
        &self.0.parts.config
    }

    /// Shells that are open now.
    pub fn live(&self) -> usize {
        self.0.table().live
    }

    /// Opens a shell for a screen, which hears how that went.
    pub fn begin(&self, asked: Asked, screen: Screen) {
        let seat = self.0.take_seat();
        let alive = self.0.alive.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
        let (Some(seat), Some(alive)) = (seat, alive) else {
            let _ = screen.say.try_send(Say::End(End::Full));
            return;
        };
        let inner = Arc::clone(&self.0);
        self.0.runtime.spawn(async move {
            shell::run(inner, asked, screen, seat).await;
            drop(alive);
        });
    }

    /// Leads a screen back to its shell.
    pub async fn come_back(&self, id: &str, back: Return) {
        let hash = Plain::parse(id).map(|id| id.hash());
        let way = hash.and_then(|hash| self.0.table().open.get(&hash).cloned());
        let say = back.screen.say.clone();
        let lost = match way {
            Some(way) => way.send(back).await.is_err(),
            None => true,
        };
        if lost {
            let _ = say.try_send(Say::End(End::Unknown));
        }
    }

    /// Waits until every shell has been ended and recorded, which they are when the daemon stops.
    pub async fn closed(&self) {
        let ended = {
            let mut alive = self.0.alive.lock().unwrap_or_else(PoisonError::into_inner);
            alive.0 = None;
            alive.1.take()
        };
        if let Some(mut ended) = ended {
            let _ = ended.recv().await;
        }
    }
}

impl Inner {
    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_seat(self: &Arc<Self>) -> Option<Seat> {
        let mut table = self.table();
        if table.live >= usize::from(self.parts.config.sessions_max) {
            return None;
        }
        table.live += 1;
        Some(Seat(Arc::clone(self)))
    }

    /// From now on a screen that knows the secret finds the shell, until the place is dropped.
    pub fn list(self: &Arc<Self>, id: SecretHash) -> (Place, mpsc::Receiver<Return>) {
        let (way, returns) = mpsc::channel(RETURNS_MAX);
        self.table().open.insert(id, way);
        (Place(Arc::clone(self), id), returns)
    }
}

/// One of the shells that may be open at once.
pub(super) struct Seat(Arc<Inner>);

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.0.table();
        table.live = table.live.saturating_sub(1);
    }
}

/// A shell's line in the table.
pub(super) struct Place(Arc<Inner>, SecretHash);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.table().open.remove(&self.1);
    }
}
