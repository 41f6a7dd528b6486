//! What the executor is built of and what runs beside it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use jarvis_core::{
    graph::{Declared, Durations, Need, Thing},
    protocol::acting::{ActingChange, KillView},
    tools::Operation,
};
use tokio::sync::{broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Executor, ExecutorError, approvals::Approvals, book::Book, configs::Configs, eyes::Eyes, lanes::Line,
    late::Late, rules::InForce, send::Senders, standing::WATCH_EVERY,
};
use crate::{
    clients::{
        proxmox::Proxmox,
        wake::{LEARNT_KEY, Learnt, Mac},
    },
    clock::Clock,
    config::Config,
    state::StateHub,
    store::Store,
    supervisor::{Loop, OnStop, Supervisor},
    tools,
};

/// Changes a slow listener may be behind before it takes everything anew.
pub const CHANGES_BEHIND_MAX: usize = 256;
/// A request that arrived shows its task within this time; only then does a list without it tell anything.
pub const SETTLE: Duration = Duration::from_secs(5);
/// One configuration at a time, within what the poller's budget spares: a small cluster is known in five minutes.
const CONFIG_EVERY: Duration = Duration::from_secs(15);
/// How long the machine is up is noted, so that ages stay known across its restarts.
const SEEN_EVERY: Duration = Duration::from_secs(60);
/// Bytes of randomness in a number; numbers are no secret, they only must not meet.
const ID_BYTES: usize = 8;

/// A point in the life of an action. Told in order, for whoever watches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Decided,
    LaneHeld,
    IntentKept,
    LastLooked,
    Sent,
    TaskKept,
    TaskEnded,
    Verified,
    OutcomeKept,
}

impl Step {
    pub const ALL: [Self; 9] = [
        Self::Decided,
        Self::LaneHeld,
        Self::IntentKept,
        Self::LastLooked,
        Self::Sent,
        Self::TaskKept,
        Self::TaskEnded,
        Self::Verified,
        Self::OutcomeKept,
    ];
}

/// What the executor works with.
pub struct Parts {
    pub clock: Clock,
    pub config: Arc<Config>,
    pub state: StateHub,
    pub store: Store,
    /// Missing: no cluster is configured.
    pub proxmox: Option<Proxmox>,
    /// Whatever may change anything.
    pub send: Senders,
    /// What reads are made from.
    pub read: tools::Parts,
    /// Asks the poller to look now.
    pub poke: Box<dyn Fn() + Send + Sync>,
    /// See [`SETTLE`].
    pub settle: Duration,
    /// Nothing is followed longer, whatever its operation may take; [`Duration::MAX`] but for tests.
    pub longest: Duration,
    /// Is told each step of each action, before the next begins.
    pub on_step: Box<dyn Fn(Step) + Send + Sync>,
}

impl Parts {
    /// How long an operation may take until it is given up.
    pub(super) fn allowed(&self, operation: &Operation) -> Duration {
        Duration::from_secs(operation.descriptor().bounds.timeout_s.into()).min(self.longest)
    }

    pub(super) fn poke(&self) {
        (self.poke)();
    }
}

pub(super) struct Inner {
    pub parts: Parts,
    pub changes: broadcast::Sender<ActingChange>,
    pub book: Book,
    pub line: Line,
    pub eyes: Eyes,
    pub configs: Configs,
    pub approvals: Approvals,
    pub late: Late,
    pub rules: RwLock<Arc<InForce>>,
    /// One reload at a time.
    pub reloading: tokio::sync::Mutex<()>,
    /// Whoever changes the record of falls reads it first.
    pub flaps: tokio::sync::Mutex<()>,
    /// What engines run on.
    pub engines: Vec<Declared>,
    /// As tasks name us.
    pub own_users: BTreeSet<String>,
    pub durations: Mutex<Durations>,
    pub shown_switch: Mutex<Option<KillView>>,
    /// Counts what voided everything that waits, with the last reason.
    pub voids: watch::Sender<(u64, String)>,
    pub stop: CancellationToken,
    tasks: TaskTracker,
    handle: tokio::runtime::Handle,
}

impl Executor {
    /// Builds it; nothing runs yet. Must be called within the runtime that actions are to run on.
    pub fn new(mut parts: Parts, stop: CancellationToken) -> Self {
        parts.send = parts.send.guarded(parts.store.kill_switch());
        let changes = broadcast::Sender::new(CHANGES_BEHIND_MAX);
        // An engine goes down with what it runs on, whether or not its containers can be listed.
        let engines = parts.send.docker.hosts().filter_map(|host| {
            let on = parts.send.docker.runs_on(host)?.clone();
            Some(Declared { dependent: Thing::Docker(host.clone()), on, need: Need::Hard })
        });
        let clients = parts.proxmox.iter().chain(&parts.send.proxmox);
        Self(Arc::new(Inner {
            book: Book::new(changes.clone()),
            line: Line::new(parts.clock),
            eyes: Eyes::default(),
            configs: Configs::new(parts.clock),
            approvals: Approvals::default(),
            late: Late::default(),
            rules: RwLock::new(Arc::new(InForce::of(&parts.config))),
            reloading: tokio::sync::Mutex::default(),
            flaps: tokio::sync::Mutex::default(),
            engines: engines.collect(),
            own_users: clients.map(|client| client.token_id().to_owned()).collect(),
            durations: Mutex::default(),
            shown_switch: Mutex::default(),
            voids: watch::Sender::new((0, String::new())),
            stop,
            tasks: TaskTracker::new(),
            handle: tokio::runtime::Handle::current(),
            changes,
            parts,
        }))
    }

    /// Settles what a former life left open and starts what runs beside. Call it before anything is asked.
    ///
    /// # Errors
    /// The store cannot be read or written: nothing may act then.
    pub async fn start(&self, supervisor: &Supervisor, spare: Option<Proxmox>) -> Result<(), ExecutorError> {
        self.0.void_stored().await?;
        self.0.watch_switch().await;
        self.0.recall_durations().await;
        let open = self.take_up().await?;
        if open > 0 {
            tracing::warn!(open, "actions of a former life have no outcome; it is found by reading");
        }
        self.watch_state(supervisor);
        let this = self.clone();
        supervisor.start(Loop::every("acting", WATCH_EVERY, OnStop::Finish), move || {
            let this = this.clone();
            async move {
                this.0.watch_switch().await;
                let (_, state) = this.0.parts.state.current();
                this.0.age_approvals(&state).await;
                this.0.end_what_tokens_asked().await;
            }
        });
        let this = self.clone();
        supervisor.start(Loop::every("boot time", SEEN_EVERY, OnStop::Finish), move || {
            let this = this.clone();
            async move {
                let now = this.0.parts.clock.moment();
                if let Err(error) = this.0.parts.store.ledger().seen(now).await {
                    tracing::warn!(%error, "the time since boot could not be noted");
                }
            }
        });
        if let Some(spare) = spare {
            self.read_configs(supervisor, spare);
        }
        // The stop waits for what is under way, within its grace.
        let (stop, tasks) = (self.0.stop.clone(), self.0.tasks.clone());
        supervisor.beside(async move {
            stop.cancelled().await;
            tasks.close();
            tasks.wait().await;
        });
        Ok(())
    }

    fn watch_state(&self, supervisor: &Supervisor) {
        let (this, stop) = (self.clone(), self.0.stop.clone());
        let mut watch = self.0.parts.state.watch();
        supervisor.beside(async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = watch.changed() => if changed.is_err() { return },
                }
                let state = Arc::clone(&watch.borrow_and_update());
                this.0.note_falls(&state).await;
                this.see_late(&state).await;
            }
        });
    }

    fn read_configs(&self, supervisor: &Supervisor, spare: Proxmox) {
        let this = self.clone();
        supervisor.start(Loop::every("guest configurations", CONFIG_EVERY, OnStop::Drop), move || {
            let (this, spare) = (this.clone(), spare.clone());
            async move {
                let (_, state) = this.0.parts.state.current();
                let wanted = this.0.configs.wanted(&state, this.0.parts.clock.monotonic());
                if let Some((vmid, node, kind)) = wanted.into_iter().next() {
                    // Without a grant of the budget it stays unread until somebody needs it.
                    let _ = this.0.configs.fresh(&spare, &node, kind, vmid).await;
                }
            }
        });
    }
}

impl Inner {
    /// Runs it to its end, whatever becomes of who asked.
    pub(super) fn spawn<F>(&self, work: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn_on(work, &self.handle)
    }

    pub(super) fn step(&self, step: Step) {
        (self.parts.on_step)(step);
    }

    pub(super) fn tell(&self, change: ActingChange) {
        // Nobody listening is no error.
        let _ = self.changes.send(change);
    }

    pub(super) fn durations(&self) -> Durations {
        self.durations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The hardware address of the node to wake, as it was learnt while that node was up.
    pub(super) async fn learnt(&self, operation: &Operation) -> Option<Mac> {
        let Operation::WakeNode(call) = operation else { return None };
        match self.parts.store.settings().get::<Learnt>(LEARNT_KEY).await {
            Ok(known) => known?.get(&call.node).copied(),
            Err(error) => {
                tracing::warn!(%error, "what was learnt about waking nodes cannot be read");
                None
            }
        }
    }

    pub(super) fn new_id(&self, kind: &str) -> Result<String, ExecutorError> {
        let mut bytes = [0; ID_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| ExecutorError::Random)?;
        let number: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{kind}-{number}"))
    }
}
