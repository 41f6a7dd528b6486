//! What the executor is built of and what runs beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jarvis_core::{
    cluster::{ClusterState, NodeName, NodeStatus},
    graph::{Declared, Durations, Need, Thing},
    policy::{Fact, Window, evidence},
    protocol::{
        EventKind, EventSource, NewEvent, Severity,
        acting::{ActingChange, KillView},
    },
    tools::{Operation, Target},
};
use tokio::sync::{broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Executor, ExecutorError, approvals::Approvals, book::Book, configs::Configs, eyes::Eyes, facts,
    lanes::Line, send::Senders, standing::WATCH_EVERY,
};
use crate::{
    clients::{proxmox::Proxmox, wake::Mac},
    clock::Clock,
    config::{self, Config},
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
    /// Is told each step of each action, before the next begins.
    pub on_step: Box<dyn Fn(Step) + Send + Sync>,
}

impl Parts {
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
    /// Which rules are in force.
    pub rules: u64,
    pub windows: Vec<Window>,
    pub declared: Vec<Declared>,
    /// As tasks name us.
    pub own_users: BTreeSet<String>,
    pub durations: Mutex<Durations>,
    /// Hardware addresses of nodes, learnt while they are up.
    pub macs: Mutex<BTreeMap<NodeName, Mac>>,
    pub shown_switch: Mutex<Option<KillView>>,
    pub level_by: Mutex<Option<(String, i64)>>,
    /// Counts what voided everything that waits, with the last reason.
    pub voids: watch::Sender<(u64, String)>,
    pub stop: CancellationToken,
    tasks: TaskTracker,
    handle: tokio::runtime::Handle,
}

impl Executor {
    /// Builds it; nothing runs yet. Must be called within the runtime that actions are to run on.
    pub fn new(parts: Parts, stop: CancellationToken) -> Self {
        let changes = broadcast::Sender::new(CHANGES_BEHIND_MAX);
        let config = &parts.config;
        let links = config.policy.links.iter();
        let declared = links.map(|link| Declared {
            dependent: link.dependent.clone(),
            on: link.on.clone(),
            need: link.need,
        });
        // An engine goes down with what it runs on, whether or not its containers can be listed.
        let engines = parts.send.docker.hosts().filter_map(|host| {
            let on = parts.send.docker.runs_on(host)?.clone();
            Some(Declared { dependent: Thing::Docker(host.clone()), on, need: Need::Hard })
        });
        let clients = parts.proxmox.iter().chain(&parts.send.proxmox);
        Self(Arc::new(Inner {
            book: Book::new(changes.clone()),
            line: Line::default(),
            eyes: Eyes::default(),
            configs: Configs::new(parts.clock),
            approvals: Approvals::default(),
            rules: config::rules_version(&config.own, &config.policy, &config.services),
            windows: facts::windows(&config.policy.windows),
            declared: declared.chain(engines).collect(),
            macs: Mutex::default(),
            own_users: clients.map(|client| client.token_id().to_owned()).collect(),
            durations: Mutex::default(),
            shown_switch: Mutex::default(),
            level_by: Mutex::default(),
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
            }
        });
    }

    fn read_configs(&self, supervisor: &Supervisor, spare: Proxmox) {
        let this = self.clone();
        supervisor.start(Loop::every("guest configurations", CONFIG_EVERY, OnStop::Drop), move || {
            let (this, spare) = (this.clone(), spare.clone());
            async move {
                let (_, state) = this.0.parts.state.current();
                this.0.learn_mac(&spare, &state).await;
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

    /// One node that is up and whose address is not known yet.
    async fn learn_mac(&self, spare: &Proxmox, state: &ClusterState) {
        let known = self.macs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let online = state.nodes.values().filter(|node| node.status == NodeStatus::Online);
        let Some(node) = online.map(|node| node.name.clone()).find(|name| !known.contains_key(name)) else {
            return;
        };
        // Without a grant or an address the configured ones have to do.
        if let Ok(answer) = spare.wake_mac(&node).await
            && let Some(mac) = answer.value.and_then(|text| text.parse().ok())
        {
            self.macs.lock().unwrap_or_else(PoisonError::into_inner).insert(node, mac);
        }
    }

    pub(super) fn learnt(&self, operation: &Operation) -> Option<Mac> {
        let Operation::WakeNode(call) = operation else { return None };
        self.macs.lock().unwrap_or_else(PoisonError::into_inner).get(&call.node).copied()
    }

    pub(super) fn new_id(&self, kind: &str) -> Result<String, ExecutorError> {
        let mut bytes = [0; ID_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| ExecutorError::Random)?;
        let number: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{kind}-{number}"))
    }

    /// Takes a state in; what fell without anybody's wish goes into the record of falls.
    pub(super) async fn note_falls(&self, state: &ClusterState) {
        let now = self.parts.clock.moment();
        let fallen = self.eyes.see(state, now);
        if fallen.is_empty() {
            return;
        }
        let configs = self.configs.all();
        let limits = &self.parts.config.policy.limits;
        let unwished = fallen
            .into_iter()
            .map(Target::Guest)
            .filter(|target| evidence::meant_off(state, &configs, target) == Fact::Known(None));
        let mut quarantined = BTreeMap::new();
        let rows = self.parts.store.ledger();
        let flaps = rows.flaps().await.map(|mut flaps| {
            for target in unwished {
                let before = flaps.is_quarantined(&target);
                flaps.went_down(&target, now, limits);
                if !before && flaps.is_quarantined(&target) {
                    quarantined.insert(target.to_string(), target);
                }
            }
            flaps
        });
        let kept = match flaps {
            Ok(flaps) => rows.put_flaps(&flaps, Vec::new()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::error!(%error, "a fall could not be recorded");
        }
        let told = quarantined.into_iter().map(|(name, target)| {
            let (node, vmid) = super::views::place(&target, state);
            NewEvent {
                ts_ms: now.wall_ms,
                kind: EventKind::System,
                severity: Severity::Warning,
                source: EventSource::Auto,
                title: format!("{name} fell again and again and is in quarantine until you lift it"),
                detail: None,
                node,
                vmid,
                upid: None,
            }
        });
        if let Err(error) = self.parts.store.events().append(told.collect()).await {
            tracing::error!(%error, "a quarantine could not be told");
        }
    }
}
