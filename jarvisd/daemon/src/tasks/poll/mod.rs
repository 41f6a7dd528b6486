//! The one poller: nothing else asks the cluster for its state.
//!
//! Each part (resources, membership, tasks) has its own loop and is absorbed as it arrives, so that a slow
//! or hanging part holds up nothing but itself. Details of nodes and direct reads of guests come beside
//! them. Not here: what an answer means (`jarvis_core`), where it is sent (`clients`), who publishes it
//! (`state`).

mod budget;
mod details;
mod direct;
mod pace;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jarvis_core::cluster::{
    ClusterState, GuestKind, NodeName, SourceId, Vmid,
    reading::{GuestRow, Membership, NodeDetail, Part, Reading, Resources, TaskRow},
};
use tokio::sync::watch;

use crate::{
    clients::proxmox::{Answer, ErrorKind, Proxmox, ProxmoxError},
    clock::Clock,
    config,
    state::StateHub,
    supervisor::{self, Loop, OnStop, Supervisor},
    tasks::journal::Journal,
};
use budget::{Budget, Extras};
use pace::Pace;

/// How often sources grow older while somebody looks: a screen must not believe a value longer than this
/// after it became late.
const AGE_WATCHED: Duration = Duration::from_secs(1);

/// What the poller asks; the client is the only one outside of tests.
pub trait Cluster: Clone + Send + Sync + 'static {
    fn resources(&self) -> impl Future<Output = Result<Answer<Resources>, ProxmoxError>> + Send;
    fn membership(&self) -> impl Future<Output = Result<Answer<Membership>, ProxmoxError>> + Send;
    fn tasks(&self) -> impl Future<Output = Result<Answer<Vec<TaskRow>>, ProxmoxError>> + Send;
    fn node_detail(
        &self,
        node: &NodeName,
    ) -> impl Future<Output = Result<Answer<NodeDetail>, ProxmoxError>> + Send;
    fn guest_now(
        &self,
        node: &NodeName,
        kind: GuestKind,
        vmid: Vmid,
    ) -> impl Future<Output = Result<Answer<GuestRow>, ProxmoxError>> + Send;
    /// The same, asking `allowance` before each request.
    fn within(&self, allowance: Arc<dyn crate::clients::proxmox::Allowance>) -> Self;
}

impl Cluster for Proxmox {
    async fn resources(&self) -> Result<Answer<Resources>, ProxmoxError> {
        Proxmox::resources(self).await
    }
    async fn membership(&self) -> Result<Answer<Membership>, ProxmoxError> {
        Proxmox::membership(self).await
    }
    async fn tasks(&self) -> Result<Answer<Vec<TaskRow>>, ProxmoxError> {
        Proxmox::tasks(self).await
    }
    async fn node_detail(&self, node: &NodeName) -> Result<Answer<NodeDetail>, ProxmoxError> {
        Proxmox::node_detail(self, node).await
    }
    async fn guest_now(
        &self,
        node: &NodeName,
        kind: GuestKind,
        vmid: Vmid,
    ) -> Result<Answer<GuestRow>, ProxmoxError> {
        Proxmox::guest_now(self, node, kind, vmid).await
    }
    fn within(&self, allowance: Arc<dyn crate::clients::proxmox::Allowance>) -> Self {
        Proxmox::within(self, allowance)
    }
}

/// What the poller needs.
pub struct Parts<C> {
    pub cluster: C,
    pub state: StateHub,
    pub journal: Journal,
    pub clock: Clock,
    pub settings: config::Poll,
    /// True while an incident is open: the watched pace without anybody watching.
    pub incident: watch::Receiver<bool>,
}

/// What others get of the running poller.
pub struct Polling<C> {
    /// Asks every part at once, within the budget.
    pub poke: Poke,
    /// The cluster for questions that can wait: granted only what polling leaves of the budget.
    pub spare: C,
}

/// Starts all loops.
pub fn start<C: Cluster>(supervisor: &Supervisor, parts: Parts<C>) -> Polling<C> {
    let (watched, idle) = (Pace::watched(&parts.settings), Pace::idle(&parts.settings));
    let budget = Budget::new(parts.settings.idle_requests_per_minute, idle.period, parts.clock);
    let looking = *parts.state.viewers().borrow() > 0 || *parts.incident.borrow();
    let (sender, pace) = watch::channel(if looking { watched } else { idle });
    let keeping =
        pace::keep(sender, (watched, idle), parts.state.viewers(), parts.incident, supervisor.stop().clone());
    supervisor.beside(keeping);
    let shared = Shared {
        free: parts.cluster.clone(),
        bounded: parts.cluster.within(budget.clone()),
        extra: parts.cluster.within(Arc::new(Extras(Arc::clone(&budget)))),
        state: parts.state,
        journal: parts.journal,
        clock: parts.clock,
        pace,
        budget,
    };
    let mut poke = Poke::default();
    let directs = direct::Directs::new(shared.clone(), supervisor.clone());
    for (name, part) in [
        ("poll resources", Which::Resources),
        ("poll membership", Which::Membership),
        ("poll tasks", Which::Tasks),
    ] {
        let this = Loop {
            name,
            period: period(supervisor, &shared.pace),
            poke: supervisor::Poke::default(),
            on_stop: OnStop::Drop,
        };
        poke.0.push(this.poke.clone());
        let (shared, directs) = (shared.clone(), directs.clone());
        let mut grid = Grid::default();
        supervisor.start(this, move || {
            let (shared, directs) = (shared.clone(), directs.clone());
            let pace = shared.pace();
            let due = grid.due(pace, shared.clock.monotonic());
            async move { shared.poll(part, pace, due, &directs).await }
        });
    }
    details::start(supervisor, &shared);
    age(supervisor, &shared);
    Polling { poke, spare: shared.extra }
}

/// Asks every part of the poller to run now. Without a poller it does nothing.
#[derive(Clone, Default)]
pub struct Poke(Vec<supervisor::Poke>);

impl Poke {
    pub fn poke(&self) {
        self.0.iter().for_each(supervisor::Poke::poke);
    }
}

/// Tells the runs of a loop that come by its period from those that were poked in between.
#[derive(Debug, Default)]
struct Grid(Option<Instant>);

impl Grid {
    /// Runs come a little early at times; that shall not make them a poke.
    const EARLY: Duration = Duration::from_millis(50);

    fn due(&mut self, pace: Pace, now: Instant) -> bool {
        if pace.watched {
            self.0 = None;
            return true;
        }
        match self.0 {
            Some(next) if now + Self::EARLY < next => false,
            Some(mut next) => {
                while next <= now + Self::EARLY {
                    next += pace.period;
                }
                self.0 = Some(next);
                true
            }
            None => {
                self.0 = Some(now + pace.period);
                true
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Resources,
    Membership,
    Tasks,
}

/// What every loop of the poller holds.
#[derive(Clone)]
struct Shared<C> {
    /// While watched: unbounded but for its pace.
    free: C,
    /// While nobody looks: parts of a regular round.
    bounded: C,
    /// While nobody looks: everything else.
    extra: C,
    state: StateHub,
    journal: Journal,
    clock: Clock,
    pace: watch::Receiver<Pace>,
    budget: Arc<Budget>,
}

impl<C: Cluster> Shared<C> {
    fn pace(&self) -> Pace {
        *self.pace.borrow()
    }

    /// `due`: it is a part of a regular round, and not only poked.
    async fn poll(&self, part: Which, pace: Pace, due: bool, directs: &direct::Directs<C>) {
        if !pace.watched && part != Which::Resources && self.dark() {
            return;
        }
        let cluster = match (pace.watched, due) {
            (true, _) => &self.free,
            (false, true) => &self.bounded,
            (false, false) => &self.extra,
        };
        let interval_ms = pace.interval_ms();
        let reading = match part {
            Which::Resources => {
                let answer = cluster.resources().await;
                self.reading(SourceId::resources(), interval_ms, answer.map(|a| a.map(Part::Resources)))
            }
            Which::Membership => {
                let answer = cluster.membership().await;
                self.reading(SourceId::membership(), interval_ms, answer.map(|a| a.map(Part::Membership)))
            }
            Which::Tasks => {
                let answer = cluster.tasks().await;
                self.reading(SourceId::tasks(), interval_ms, answer.map(|a| a.map(Part::Tasks)))
            }
        };
        let Some(reading) = reading else { return };
        self.log(&reading);
        self.absorb(reading, directs);
        if part == Which::Resources {
            self.budget.for_nodes(self.state.current().1.nodes.len());
        }
    }

    /// While nobody looks and nothing answers, one question is enough to find out when something does: three
    /// of them at four dead nodes would use up the minute in twenty seconds.
    fn dark(&self) -> bool {
        let (_, state) = self.state.current();
        state
            .sources
            .get(&SourceId::resources())
            .is_some_and(|s| s.error.is_some() && s.error_since_ms > s.seen_ms)
    }

    /// Said once when it begins and once when it is over; in between the source says it.
    fn log(&self, reading: &Reading) {
        let (_, state) = self.state.current();
        let failing = state.sources.get(&reading.source).is_some_and(|s| s.error.is_some());
        match &reading.part {
            Err(error) if !failing && said_of_another(&state, &reading.source, error) => {
                tracing::debug!(source = %reading.source, %error, "cannot be read either");
            }
            Err(error) if !failing => tracing::warn!(source = %reading.source, %error, "cannot be read"),
            Ok(_) if failing => tracing::info!(source = %reading.source, "can be read again"),
            _ => {}
        }
    }

    /// `None` when the request was not granted: that is no word on the cluster, the source just ages.
    fn reading(
        &self,
        source: SourceId,
        interval_ms: i64,
        answer: Result<Answer<Part>, ProxmoxError>,
    ) -> Option<Reading> {
        Some(match answer {
            Err(error) if matches!(error.kind, ErrorKind::NotGranted) => {
                tracing::debug!(%source, "not asked: this minute's requests are used up");
                return None;
            }
            Ok(answer) => Reading {
                source,
                at_ms: answer.at_ms,
                interval_ms,
                via: Some(answer.via),
                part: Ok(answer.value),
                odd_rows: answer.odd_rows,
            },
            Err(error) => Reading {
                source,
                at_ms: self.clock.now_ms(),
                interval_ms,
                via: None,
                part: Err(error.to_string()),
                odd_rows: 0,
            },
        })
    }

    fn absorb(&self, reading: Reading, directs: &direct::Directs<C>) {
        let events = self.state.absorb(vec![reading], self.clock.now_ms());
        directs.wanted(&events);
        self.journal.tell(events);
    }
}

/// Whether another source fails for the same cause, so that this one has nothing new to say. The cause is what stands
/// behind the question and the node.
fn said_of_another(state: &ClusterState, source: &SourceId, error: &str) -> bool {
    let cause = |text: &str| text.split_once(": ").map_or_else(|| text.to_owned(), |(_, c)| c.to_owned());
    let mine = cause(error);
    let mut others = state.sources.iter().filter(|(id, _)| *id != source);
    others.any(|(_, s)| s.error.as_deref().is_some_and(|e| cause(e) == mine))
}

/// Sources grow older by themselves.
fn age<C: Cluster>(supervisor: &Supervisor, shared: &Shared<C>) {
    let (sender, period) = watch::channel(ageing(shared.pace()));
    let this = Loop { name: "age", period, poke: supervisor::Poke::default(), on_stop: OnStop::Drop };
    follow(supervisor, &shared.pace, sender, ageing);
    let shared = shared.clone();
    supervisor.start(this, move || {
        shared.journal.tell(shared.state.tick(shared.clock.now_ms()));
        async {}
    });
}

fn ageing(pace: Pace) -> Duration {
    if pace.watched { AGE_WATCHED } else { pace.period }
}

/// The period of a pace, for a loop.
fn period(supervisor: &Supervisor, pace: &watch::Receiver<Pace>) -> watch::Receiver<Duration> {
    let (sender, period) = watch::channel(pace.borrow().period);
    follow(supervisor, pace, sender, |p| p.period);
    period
}

/// Keeps a period in step with the pace.
fn follow(
    supervisor: &Supervisor,
    pace: &watch::Receiver<Pace>,
    period: watch::Sender<Duration>,
    of: impl Fn(Pace) -> Duration + Send + 'static,
) {
    let (mut pace, stop) = (pace.clone(), supervisor.stop().clone());
    supervisor.beside(async move {
        loop {
            period.send_replace(of(*pace.borrow_and_update()));
            tokio::select! {
                () = stop.cancelled() => return,
                changed = pace.changed() => if changed.is_err() { return },
            }
        }
    });
}

#[cfg(test)]
mod tests;
