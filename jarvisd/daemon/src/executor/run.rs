//! One permitted action from its lane to its outcome, in a task of its own: whoever asked for it may go away.
//!
//! The order is the point: lane, decision on fresh facts, intent on the disk, last look, send, its task's own end, an
//! independent read, outcome on the disk. What cannot be recorded is not sent.

use std::time::Duration;

use jarvis_core::{
    audit::Kind,
    cluster::Upid,
    policy::{self, Answer, Fact, Lanes, LastLook, Permit, PolicyVersion, Request, Route},
    protocol::acting::{ActionState, ActionView, ExactCall, Verified},
    tools::{Effect, Operation},
};
use serde_json::json;
use tokio::sync::watch;

use super::{
    Executor, Inner, Step,
    approvals::Proposed,
    book::Page,
    end::Ended,
    facts::Gathered,
    follow::{Followed, plain},
    lanes::{Awaits, Entry, Pass, Who},
    reconcile::{Found, Trace},
    verify::{Before, Patience},
    views,
};
use crate::{
    clients::{
        proxmox::changes::Place,
        sending::{SendError, Sent},
    },
    store::{End, NewIntent},
};

/// On what it rests that it may run.
#[derive(Debug, Clone)]
pub enum Basis {
    /// Policy let it go ahead.
    Policy,
    /// A person's decision, by the number of the approval.
    Approval(String),
}

/// A permit with what it was given for.
pub struct Ready {
    pub permit: Permit,
    pub gathered: Gathered,
}

/// Its place in the line, and its permit where it need not wait.
pub enum Turn {
    Now(Pass, Box<Ready>),
    /// With what voids all that waits, watched since before it was decided.
    InLine(Entry, watch::Receiver<(u64, String)>),
}

/// What is under way, as it was sent.
#[derive(Debug, Clone)]
pub struct UnderWay {
    pub upid: Option<Upid>,
    pub place: Place,
    pub before: Before,
    pub trace: Trace,
    /// Whether the send itself was answered; otherwise it may never have arrived.
    pub answered: bool,
    /// Milliseconds that have surely passed since its intent.
    pub age_ms: i64,
}

impl Executor {
    pub(super) async fn run(self, page: Page, proposed: Proposed, basis: Basis, turn: Turn) {
        let this = &self.0;
        let (pass, ready) = match turn {
            Turn::Now(pass, ready) => (pass, *ready),
            Turn::InLine(entry, voids) => {
                let Some(pass) = this.turn(&page, entry, voids).await else { return };
                page.write(|view| waits(view, None));
                match this.permit(&page, &proposed, &basis).await {
                    Some(ready) => (pass, ready),
                    None => return,
                }
            }
        };
        this.step(Step::LaneHeld);
        this.act(&page, &proposed, ready).await;
        // Only now may others touch it.
        drop(pass);
    }
}

/// Tells on the page of an action for whom it waits.
fn waits(view: &mut ActionView, awaits: Option<Awaits>) {
    view.waits_for = awaits.as_ref().map(|awaits| awaits.who.id.clone());
    view.waits_since_ms = awaits.as_ref().and_then(|awaits| awaits.since_ms);
    view.waits_until_ms = awaits.as_ref().and_then(Awaits::until_ms);
    view.message = awaits.map(|awaits| {
        let Who { id, what, .. } = &awaits.who;
        match (awaits.since_ms, awaits.until_ms()) {
            (Some(since_ms), Some(until_ms)) => format!(
                "waits for {what} ({id}), under way since {} and given up at {} at the latest; end its task in \
                 Proxmox, or take this one back",
                views::time_of_day(since_ms),
                views::time_of_day(until_ms)
            ),
            _ => format!("waits in line behind {what} ({id})"),
        }
    });
}

impl Inner {
    /// Waits for the lanes. What waits is void when the switch is thrown or the level is changed, and comes to nothing
    /// when it is taken back, which its page tells already.
    async fn turn(
        &self,
        page: &Page,
        entry: Entry,
        mut voids: watch::Receiver<(u64, String)>,
    ) -> Option<Pass> {
        let turn = async {
            match entry {
                Entry::Now(pass) => Some(pass),
                Entry::Wait(place) => place.turn(|awaits| page.write(|view| waits(view, awaits))).await,
            }
        };
        tokio::select! {
            biased;
            changed = voids.changed() => {
                let why = if changed.is_ok() { voids.borrow().1.clone() } else { String::new() };
                self.came_to_nothing(page, &why);
                None
            }
            pass = turn => pass,
            () = self.stop.cancelled() => {
                self.came_to_nothing(page, "the daemon was stopped before it was its turn");
                None
            }
        }
    }

    /// Decides on facts of this moment, with the approval it rests on.
    async fn permit(&self, page: &Page, proposed: &Proposed, basis: &Basis) -> Option<Ready> {
        let gathered = self.gather(proposed).await;
        let approval = match basis {
            Basis::Policy => None,
            Basis::Approval(id) => {
                let Fact::Known(identity) = &gathered.facts.target.identity else {
                    self.came_to_nothing(page, "the target's identity could not be read; propose it again");
                    self.redeem(id, jarvis_core::tools::Digest::ZERO, &gathered.facts).await.err();
                    return None;
                };
                let hash = policy::action_hash(&proposed.operation, identity, &gathered.facts);
                match self.redeem(id, hash, &gathered.facts).await {
                    Ok(grant) => Some(grant),
                    Err(why) => {
                        self.came_to_nothing(page, &why);
                        return None;
                    }
                }
            }
        };
        let request = Request {
            operation: proposed.operation.clone(),
            caller: proposed.caller.clone(),
            pin: proposed.pin.clone(),
            tainted: proposed.tainted.clone(),
            approval,
        };
        let decision = policy::decide(&gathered.facts, request);
        let reasons: Vec<String> = decision.reasons().collect();
        match decision.answer {
            Answer::Permit(permit) => {
                if let Err(error) = self.record(Kind::Permitted, proposed, &reasons).await {
                    self.came_to_nothing(page, &format!("it could not be recorded: {error}"));
                    return None;
                }
                Some(Ready { permit, gathered })
            }
            Answer::Ask(ask) => {
                let asked = self.ask(&ask, proposed.clone(), &gathered).await;
                let message = match asked {
                    Ok(view) => format!("a person must decide now (approval {})", view.id),
                    Err(error) => error.to_string(),
                };
                self.came_to_nothing(page, &message);
                None
            }
            Answer::Refuse => {
                let recorded = self.record(Kind::Refused, proposed, &reasons).await;
                self.came_to_nothing(page, &reasons.join("; "));
                recorded
                    .err()
                    .into_iter()
                    .for_each(|error| tracing::error!(%error, "a refusal was not recorded"));
                None
            }
        }
    }

    /// From the permit to the outcome.
    async fn act(&self, page: &Page, proposed: &Proposed, ready: Ready) {
        let Ready { permit, gathered } = ready;
        let operation = &proposed.operation;
        let route = policy::route(operation.effect(), &gathered.facts.target.ha);
        let (exact, place) = match self.exact(operation, &gathered, route) {
            Ok(both) => both,
            Err(error) => return self.came_to_nothing(page, &error.to_string()),
        };
        page.write(|view| {
            view.approval = permit.approval().map(str::to_owned);
            view.predicted = gathered.blast_view();
            view.sent = Some(exact.clone());
            view.message = None;
        });
        let before = self.before(operation, &place).await;
        let intent = self.intent(page, proposed, &permit, &exact, &gathered, &before);
        if let Err(error) = self.parts.store.intents().begin(intent).await {
            return self
                .came_to_nothing(page, &format!("it could not be recorded, so it was not sent: {error}"));
        }
        self.step(Step::IntentKept);
        self.note_try(operation, &proposed.caller).await;
        page.write(|view| view.state = ActionState::Sending);
        let look = self.last_look(&permit).await;
        self.step(Step::LastLooked);
        let sent = match permit.spend(&look) {
            Ok(order) => self.parts.send.send(order, &place, gathered.learnt).await,
            Err(void) => Err(SendError::NotSent(Box::new(void))),
        };
        self.step(Step::Sent);
        if !matches!(sent, Err(SendError::NotSent(_))) {
            let sent_ms = self.parts.clock.now_ms();
            page.write(|view| view.sent_ms = Some(sent_ms));
        }
        let trace = Trace::of(operation, &exact);
        let under_way = UnderWay { upid: None, place, before, trace, answered: false, age_ms: 0 };
        let under_way = match self.taken_on(page, operation, sent, under_way).await {
            Ok(under_way) => under_way,
            Err(ended) => return self.conclude(page, operation, ended, Some(&gathered), false).await,
        };
        let ended = self.to_its_end(operation, &under_way, Some(page)).await;
        if let Some(ended) = ended {
            self.conclude(page, operation, ended, Some(&gathered), false).await;
        }
    }

    /// What the answer to the send means.
    async fn taken_on(
        &self,
        page: &Page,
        operation: &Operation,
        sent: Result<Sent, SendError>,
        under_way: UnderWay,
    ) -> Result<UnderWay, Ended> {
        match sent {
            Ok(Sent { upid }) => {
                self.note_task(page, upid.as_ref()).await;
                self.step(Step::TaskKept);
                Self::shown_running(page, upid.as_ref());
                self.parts.poke();
                Ok(UnderWay { upid, answered: true, ..under_way })
            }
            Err(SendError::NotSent(cause)) => Err(Ended::not_sent(cause.to_string())),
            Err(SendError::Refused(cause)) => {
                // A server may fail at its answer, when the task has long begun.
                if let Some(upid) = self.begun_all_the_same(operation, &under_way).await {
                    self.note_task(page, Some(&upid)).await;
                    self.step(Step::TaskKept);
                    Self::shown_running(page, Some(&upid));
                    self.parts.poke();
                    return Ok(UnderWay { upid: Some(upid), ..under_way });
                }
                let why = format!("it was refused: {}", plain(&cause.to_string()));
                Err(Ended::plain(End::Failed, Verified::No, why))
            }
            Err(SendError::Unknown(cause)) => {
                let why = plain(&cause.to_string());
                page.write(|view| view.message = Some(format!("nobody knows whether it arrived: {why}")));
                Ok(under_way)
            }
        }
    }

    async fn note_task(&self, page: &Page, upid: Option<&Upid>) {
        if let Some(upid) = upid
            && let Err(error) = self.parts.store.intents().sent(&page.id(), upid.as_str()).await
        {
            // The task is found again by reading, should it come to that.
            tracing::error!(%error, %upid, "the task of an action could not be noted");
        }
    }

    /// It was taken on, and this is its task where it has one.
    fn shown_running(page: &Page, upid: Option<&Upid>) {
        page.write(|view| {
            view.state = ActionState::Running;
            view.upid = upid.cloned();
            view.message = None;
        });
    }

    /// Follows what was sent and looks for itself; `None` when the daemon stops meanwhile.
    pub(super) async fn to_its_end(
        &self,
        operation: &Operation,
        under_way: &UnderWay,
        page: Option<&Page>,
    ) -> Option<Ended> {
        let begun = self.parts.clock.monotonic();
        let allowed = self.parts.allowed(operation);
        let deadline = begun + allowed;
        let mut upid = under_way.upid.clone();
        // An answer that names no task, or none that can be read, may have begun one all the same.
        if upid.is_none() && (!under_way.answered || under_way.trace == Trace::Task) {
            match self.found(operation, under_way).await {
                Found::Task(found) => {
                    if let Some(page) = page {
                        self.note_task(page, Some(&found)).await;
                        Self::shown_running(page, Some(&found));
                    }
                    upid = Some(found);
                }
                // It was taken on; where it left no task, the target tells.
                Found::Traceless | Found::Unclear(_) if under_way.answered => {}
                Found::Traceless => {
                    // What was asked for long ago has had its time.
                    let passed = Duration::from_millis(u64::try_from(under_way.age_ms).unwrap_or(0));
                    let left = allowed.saturating_sub(passed).max(self.parts.settle);
                    let patience = Patience::slow(begun + left, deadline);
                    let (verified, evidence) = self.verify(operation, under_way, patience).await?;
                    return Some(Ended::of_trace(verified, evidence));
                }
                Found::Unclear(why) => {
                    let patience = Patience::settling(self.parts.clock.monotonic());
                    let (verified, evidence) = self.verify(operation, under_way, patience).await?;
                    return Some(Ended::unclear(why, verified, evidence));
                }
                Found::Stopping => return None,
            }
        }
        let followed = match (&upid, &self.parts.proxmox) {
            (Some(upid), Some(proxmox)) => Some(self.follow(proxmox, upid, deadline).await),
            _ => None,
        };
        self.step(Step::TaskEnded);
        let now = self.parts.clock.monotonic();
        let ended = match followed {
            Some(Followed::Stopping) => return None,
            Some(followed) => {
                // What did not end well will not come about by waiting for it.
                let patience =
                    if followed.ended_well() { Patience::settling(now) } else { Patience::once(now) };
                let (verified, evidence) = self.verify(operation, under_way, patience).await?;
                Ended::of_task(followed, verified, evidence)
            }
            None => {
                let patience = Patience::slow(deadline, deadline);
                let (verified, evidence) = self.verify(operation, under_way, patience).await?;
                Ended::of_look(verified, evidence)
            }
        };
        self.step(Step::Verified);
        Some(ended)
    }

    /// Everything that may have changed since the decision, the switch last of all.
    async fn last_look(&self, permit: &Permit) -> LastLook {
        let identity = self.identity_now(&permit.operation().target()).await;
        // A switch that was thrown and released since the decision leaves no trace but a new epoch: note it first.
        self.watch_switch().await;
        let epoch = self.parts.store.standing().read().await;
        let rules = self.in_force().version;
        let version = match epoch {
            Ok(standing) => PolicyVersion { rules, epoch: standing.epoch },
            // An epoch nobody can read is another one.
            Err(_) => PolicyVersion { rules, epoch: u64::MAX },
        };
        let now = self.parts.clock.moment();
        LastLook { now, version, identity, kill_switch: self.switch().await }
    }

    fn intent(
        &self,
        page: &Page,
        proposed: &Proposed,
        permit: &Permit,
        exact: &ExactCall,
        gathered: &Gathered,
        before: &Before,
    ) -> NewIntent {
        let operation = &proposed.operation;
        NewIntent {
            id: page.id(),
            hash: permit.hash(),
            operation: operation.canonical(),
            caller: permit.caller().to_owned(),
            approval: permit.approval().map(str::to_owned),
            target: operation.target(),
            runbook: proposed.caller.runbook().map(str::to_owned),
            by_human: proposed.caller.is_human(),
            wake: operation.effect() == Effect::WakeNode,
            identity: permit.identity().cloned(),
            exact: serde_json::to_value(exact).unwrap_or_default(),
            predicted: json!({
                "blast": gathered.blast_view(),
                "place": super::reconcile::KeptPlace::of(gathered.place.as_ref()),
                "before": before,
            }),
            at: self.parts.clock.moment(),
        }
    }

    /// The one request of this operation, and where it goes.
    pub(super) fn exact(
        &self,
        operation: &Operation,
        gathered: &Gathered,
        route: Route,
    ) -> Result<(ExactCall, Place), SendError> {
        let Some(place) = gathered.place.clone() else {
            return Err(SendError::NotSent("where the target is could not be read".into()));
        };
        let exact = self.parts.send.exact(operation, &place, route, gathered.learnt)?;
        Ok((exact, place))
    }

    /// Nothing was sent and nothing was recorded as about to be.
    pub(super) fn came_to_nothing(&self, page: &Page, why: &str) {
        let now_ms = self.parts.clock.now_ms();
        page.write(|view| {
            view.state = ActionState::Failed;
            waits(view, None);
            view.message = Some(format!("nothing was sent: {why}"));
            view.ended_ms = Some(now_ms);
        });
    }

    /// The lanes of an operation on a target at this place.
    pub(super) fn lanes(operation: &Operation, place: Option<&Place>) -> Lanes {
        Lanes::of(operation, place.map(|place| &place.node))
    }
}
