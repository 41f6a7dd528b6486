//! Tasks that turn up after their action has ended as *unknown*: each is given back to the action it is of.
//!
//! A request may arrive long after anybody waits for it, a node's answers may be late, and a task may outlive the time
//! its action may take. What was told before stays in the audit; another row says what turned out. Nothing is sent
//! because of it. Not here: looking for a task right after the send or a restart (`reconcile.rs`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jarvis_core::{
    cluster::{ClusterState, Task, TaskStatus, Upid},
    policy::Moment,
    protocol::{Severity, acting::ActionView},
    tools::Operation,
};

use super::{
    Executor, Inner,
    end::Ended,
    follow::Followed,
    reconcile::{Trace, begins_ms, is_task_of, understood},
    run::UnderWay,
    verify::Patience,
    views,
};
use crate::store::{End, Intent, StoreError};

/// A task that begins later after the request is not taken for its own.
const BEGINS_WITHIN_MS: i64 = 3_600_000;
/// So long after the request its task is awaited; by then a person has looked.
const AWAITED_MS: i64 = 24 * 3_600_000;
/// Actions awaited at once; the newest count.
const AWAITED_MAX: usize = 64;
/// For asking a task that is over how it ended.
const END_WAIT: Duration = Duration::from_secs(10);

/// Actions that ended as unknown and may yet show their task, by their number, oldest first.
#[derive(Default)]
pub struct Late(Mutex<BTreeMap<i64, Awaited>>);

#[derive(Clone)]
struct Awaited {
    number: i64,
    id: String,
    at: Moment,
    operation: Operation,
    under_way: UnderWay,
}

impl Late {
    fn all(&self) -> MutexGuard<'_, BTreeMap<i64, Awaited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, awaited: Awaited) {
        let mut all = self.all();
        all.insert(awaited.number, awaited);
        while all.len() > AWAITED_MAX {
            all.pop_first();
        }
    }
}

impl Executor {
    /// Looks through the tasks of a state for those of actions that ended as unknown.
    pub(super) async fn see_late(&self, state: &ClusterState) {
        let candidates = self.0.candidates(state);
        if candidates.is_empty() {
            return;
        }
        let known = match self.0.known_tasks().await {
            Ok(known) => known,
            Err(error) => return tracing::warn!(%error, "late tasks cannot be told from others"),
        };
        for (awaited, task) in self.0.attributed(candidates, &known) {
            let this = self.clone();
            // It is put back unless its end is known.
            self.0.late.all().remove(&awaited.number);
            self.0.spawn(async move { this.0.turned_up(awaited, &task).await });
        }
    }
}

impl Inner {
    /// Takes up those that an earlier life could not settle.
    pub(super) async fn await_unknown(&self) -> Result<(), StoreError> {
        let limit = i64::try_from(AWAITED_MAX).unwrap_or(i64::MAX);
        for intent in self.parts.store.intents().recent(limit).await? {
            self.await_late(&intent);
        }
        Ok(())
    }

    /// The same for one that has just ended so.
    pub(super) async fn await_late_of(&self, id: &str) {
        match self.parts.store.intents().get(id).await {
            Ok(Some(intent)) => self.await_late(&intent),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, action = id, "its late task will not be noticed"),
        }
    }

    fn await_late(&self, intent: &Intent) {
        if intent.outcome.as_ref().is_none_or(|outcome| outcome.end != End::Unknown) {
            return;
        }
        let Some((operation, place)) = understood(intent) else { return };
        let under_way = self.taken_up(intent, &operation, place);
        if under_way.upid.is_some() || under_way.trace == Trace::Task {
            let (number, id, at) = (intent.number, intent.new.id.clone(), intent.new.at);
            self.late.put(Awaited { number, id, at, operation, under_way });
        }
    }

    /// Every awaited action with the tasks that may be its own, oldest first.
    fn candidates(&self, state: &ClusterState) -> Vec<(Awaited, Vec<Arc<Task>>)> {
        let Some(proxmox) = &self.parts.proxmox else { return Vec::new() };
        let now = self.parts.clock.moment();
        let mut all = self.late.all();
        all.retain(|_, awaited| now.surely_since_ms(&awaited.at) < AWAITED_MS);
        let candidates = all.values().map(|awaited| {
            let begins = begins_ms(proxmox, &awaited.under_way);
            let fit = state.tasks.values().filter(|task| match &awaited.under_way.upid {
                // Its end is what is awaited.
                Some(upid) => task.upid == *upid && task.status != TaskStatus::Running,
                None => {
                    self.own_users.contains(&task.user)
                        && task.node == awaited.under_way.place.node
                        && is_task_of(&awaited.operation, &task.kind, task.target.as_deref())
                        && (begins..begins.saturating_add(BEGINS_WITHIN_MS)).contains(&task.start_ms)
                }
            });
            let mut fit: Vec<_> = fit.cloned().collect();
            fit.sort_by_key(|task| task.start_ms);
            (awaited.clone(), fit)
        });
        candidates.filter(|(_, fit)| !fit.is_empty()).collect()
    }

    /// Each task goes to one action, and none to an action while another one on the same target may be about to have
    /// it noted.
    fn attributed(
        &self,
        candidates: Vec<(Awaited, Vec<Arc<Task>>)>,
        known: &BTreeSet<String>,
    ) -> Vec<(Awaited, Arc<Task>)> {
        let under_way: BTreeSet<String> = self.book.under_way_without_task();
        let mut given: BTreeSet<Upid> = BTreeSet::new();
        let pairs = candidates.into_iter().filter_map(|(awaited, fit)| {
            let own = awaited.under_way.upid.clone();
            let free = |task: &&Arc<Task>| {
                own.as_ref() == Some(&task.upid)
                    || (!known.contains(task.upid.as_str())
                        && !given.contains(&task.upid)
                        && !under_way.contains(&awaited.operation.target().to_string()))
            };
            let task = Arc::clone(fit.iter().find(free)?);
            given.insert(task.upid.clone());
            Some((awaited, task))
        });
        pairs.collect()
    }

    async fn turned_up(&self, mut awaited: Awaited, task: &Task) {
        let first = awaited.under_way.upid.replace(task.upid.clone()).is_none();
        let ended =
            if task.status == TaskStatus::Running { None } else { self.late_end(&awaited, task).await };
        if ended.is_none() && !first {
            return self.late.put(awaited);
        }
        let outcome = ended.as_ref().map(|ended| ended.outcome(None, self.parts.clock.now_ms(), true));
        let kept = self.parts.store.intents().late(&awaited.id, task.upid.as_str(), outcome).await;
        if let Err(error) = kept {
            tracing::error!(%error, action = awaited.id, upid = %task.upid, "a late task could not be recorded");
            return self.late.put(awaited);
        }
        let message = match &ended {
            Some(ended) => ended.message.clone(),
            None => "its task has turned up late; how it ends is told here".to_owned(),
        };
        self.show_late(&awaited, message, ended.as_ref().is_some_and(Ended::went_well)).await;
        if ended.is_none() {
            self.late.put(awaited);
        }
    }

    /// `None` while nobody says how it ended.
    async fn late_end(&self, awaited: &Awaited, task: &Task) -> Option<Ended> {
        let proxmox = self.parts.proxmox.as_ref()?;
        let deadline = self.parts.clock.monotonic() + END_WAIT;
        let followed = self.follow(proxmox, &task.upid, deadline).await;
        if !matches!(followed, Followed::Ended { .. }) {
            return None;
        }
        let now = self.parts.clock.monotonic();
        let patience = if followed.ended_well() { Patience::settling(now) } else { Patience::once(now) };
        let (verified, evidence) = self.verify(&awaited.operation, &awaited.under_way, patience).await?;
        Some(Ended::late(followed, verified, evidence))
    }

    async fn show_late(&self, awaited: &Awaited, message: String, went_well: bool) {
        let intent = match self.parts.store.intents().get(&awaited.id).await {
            Ok(Some(intent)) => intent,
            Ok(None) => return,
            Err(error) => {
                return tracing::error!(%error, action = awaited.id, "what became of it is not shown");
            }
        };
        let stored = self.view_of(&intent);
        let shown = stored.clone();
        let told = |view: &mut ActionView| view.message = Some(message.clone());
        match self.book.page(&awaited.id) {
            Some(page) => page.write(|view| {
                *view = ActionView { asked_ms: view.asked_ms, sent_ms: view.sent_ms, ..stored };
                told(view);
            }),
            None => self.book.open(stored).write(told),
        }
        let severity = if went_well { Severity::Notice } else { Severity::Warning };
        let target = views::named(&awaited.operation.target(), &self.parts.state.current().1);
        let title = format!("{}, {target}, which had ended as unknown: {message}", shown.title);
        self.show_in_feed(&shown, &awaited.operation, severity, title, None).await;
    }
}
