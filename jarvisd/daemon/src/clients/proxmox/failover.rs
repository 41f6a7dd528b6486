//! Which node is asked: the one that answered last, then the others, those that failed lately at the end.
//!
//! A node that hangs costs at most the wait before the next one is asked too; after that it is remembered.
//! An answer about one guest or one node (a 500, a 595) is an answer: it never speaks against the node that gave it.
//! On what every node answers alike it does: there the fault is the node's own, as when its pmxcfs has died.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jarvis_core::cluster::NodeName;
use tokio::sync::Semaphore;

use super::allowance::{Allowance, granted};
use super::ask::{Ask, Class, HEDGE_AFTER};
use super::error::{ErrorKind, ProxmoxError};
use super::meter::Meter;
use super::transport::{Endpoint, RawAnswer};
use crate::{
    clients::sending::{Gate, may_leave},
    clock::Clock,
};

/// Wait before a failed node is asked again while another answers: doubled with each failure.
const BACK_OFF_FIRST: Duration = Duration::from_secs(2);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);
/// A cluster without quorum is asked for another node's view no more often than this.
const SECOND_VIEW_EVERY: Duration = Duration::from_secs(20);
/// The same fault of the same node is not logged again for this long.
const SAID_FOR: Duration = Duration::from_secs(60);
/// Requests under way at once. A poll asks three lists, each of which may be asked at four nodes; pveproxy has
/// three workers a node.
const LISTS_MAX: usize = 12;
const OTHERS_MAX: usize = 8;

#[derive(Debug)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    /// Index of the node that answered last.
    last: AtomicUsize,
    /// When a second view was last asked for, and of whom.
    second_view: Mutex<Option<(Instant, usize)>>,
    lists: Semaphore,
    others: Semaphore,
    meter: Arc<Meter>,
    clock: Clock,
}

#[derive(Debug)]
struct Node {
    endpoint: Endpoint,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    ask_again: Option<Instant>,
    /// What was last said of this node in the log, and when.
    said: Option<(&'static str, Instant)>,
}

impl Nodes {
    pub(super) fn new(endpoints: Vec<Endpoint>, meter: Arc<Meter>, clock: Clock) -> Self {
        let nodes =
            endpoints.into_iter().map(|endpoint| Node { endpoint, health: Mutex::default() }).collect();
        Self {
            nodes,
            last: AtomicUsize::new(0),
            second_view: Mutex::default(),
            lists: Semaphore::new(LISTS_MAX),
            others: Semaphore::new(OTHERS_MAX),
            meter,
            clock,
        }
    }

    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.nodes.iter().map(|n| &n.endpoint)
    }

    /// Asks a read until a node answers.
    ///
    /// # Errors
    /// A refusal of the cluster, or, when no node answered, why each did not.
    pub(super) async fn ask(
        &self,
        ask: &Ask,
        allowance: Option<&dyn Allowance>,
    ) -> Result<RawAnswer, ProxmoxError> {
        let mut left = self.order().into_iter();
        let mut running = FuturesUnordered::new();
        let mut under_way: Vec<(usize, Instant)> = Vec::new();
        let mut failures: Vec<ProxmoxError> = Vec::new();
        let mut start_next = true;
        loop {
            if std::mem::take(&mut start_next) && left.len() > 0 {
                if !granted(allowance) {
                    // Whoever is asked already may still answer; nobody else is asked.
                    left = Vec::new().into_iter();
                } else if let Some(index) = left.next() {
                    under_way.push((index, self.clock.monotonic()));
                    running.push(self.attempt(index, ask, allowance));
                }
            }
            let may_hedge = ask.class.hedged() && left.len() > 0;
            tokio::select! {
                biased;
                done = running.next() => {
                    let Some((index, outcome)) = done else { return Err(nobody(failures)) };
                    under_way.retain(|(i, _)| *i != index);
                    match outcome {
                        Ok(answer) => {
                            self.answered(index);
                            self.blame_the_slow(&under_way);
                            return Ok(answer);
                        }
                        Err(e) => match says(&e.kind, ask, self.nodes.get(index)) {
                            Says::Useless => {
                                self.failed(index, &e.kind);
                                failures.push(e);
                                start_next = true;
                                if left.len() > 0 {
                                    self.meter.failed_over();
                                }
                            }
                            Says::Alive => {
                                self.answered(index);
                                return Err(e);
                            }
                            Says::Nothing => return Err(e),
                        },
                    }
                }
                () = tokio::time::sleep(HEDGE_AFTER), if may_hedge => {
                    self.meter.hedged();
                    start_next = true;
                }
            }
        }
    }

    /// What another node than `than` answers: one each time, in turn, and now and then only.
    pub(super) async fn second_view(
        &self,
        than: &NodeName,
        ask: &Ask,
        allowance: Option<&dyn Allowance>,
    ) -> Option<RawAnswer> {
        let index = self.second_viewer(than)?;
        if !granted(allowance) {
            return None;
        }
        self.attempt(index, ask, allowance).await.1.ok()
    }

    fn second_viewer(&self, than: &NodeName) -> Option<usize> {
        let now = self.clock.monotonic();
        let mut asked = self.second_view.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, before) = asked.unzip();
        if at.is_some_and(|at| now.saturating_duration_since(at) < SECOND_VIEW_EVERY) {
            return None;
        }
        let others =
            || self.nodes.iter().enumerate().filter(|(_, n)| n.endpoint.name != *than).map(|(i, _)| i);
        let next = others().find(|i| before.is_some_and(|b| *i > b)).or_else(|| others().next())?;
        *asked = Some((now, next));
        Some(next)
    }

    /// From now on `this` is asked, and `than` left alone for a while: the others have gone on without it.
    pub(super) fn prefer(&self, this: &NodeName, than: &NodeName) {
        let index = |name: &NodeName| self.nodes.iter().position(|n| n.endpoint.name == *name);
        if let (Some(this), Some(than)) = (index(this), index(than)) {
            self.failed(than, &ErrorKind::Apart);
            self.answered(this);
        }
    }

    /// Sends a change. It may have been made although no answer came, so another node is asked only when it
    /// verifiably never left for the one before. It waits for no read: what it waited for is long decided.
    ///
    /// # Errors
    /// The first failure after which it may have left; or, when it never did, why each node could not be reached.
    pub(super) async fn change(&self, ask: &Ask, gate: Option<&Gate>) -> Result<RawAnswer, ProxmoxError> {
        let mut failures = Vec::new();
        for index in self.order() {
            let Some(node) = self.nodes.get(index) else { continue };
            // The connection is made first: nothing but the request itself may stand between the last word and the wire.
            if gate.is_some()
                && let Err(e) = self.reached(index, node).await
            {
                failures.push(e);
                continue;
            }
            if !may_leave(gate).await {
                return Err(ProxmoxError::unplaced(ErrorKind::Held));
            }
            match node.endpoint.ask(ask, None).await {
                Ok(answer) => {
                    self.answered(index);
                    return Ok(answer);
                }
                Err(e) if e.kind.never_sent() => {
                    self.failed(index, &e.kind);
                    failures.push(e);
                }
                Err(e) => {
                    match says(&e.kind, ask, Some(node)) {
                        Says::Alive => self.answered(index),
                        Says::Useless => self.failed(index, &e.kind),
                        Says::Nothing => {}
                    }
                    return Err(e);
                }
            }
        }
        Err(nobody(failures))
    }

    /// Leaves an open connection to this node behind. An answer of any kind will do.
    async fn reached(&self, index: usize, node: &Node) -> Result<(), ProxmoxError> {
        let ask = Ask::version();
        match node.endpoint.ask(&ask, None).await {
            Err(e) if matches!(says(&e.kind, &ask, Some(node)), Says::Useless) => {
                self.failed(index, &e.kind);
                Err(e)
            }
            _ => Ok(()),
        }
    }

    async fn attempt(
        &self,
        index: usize,
        ask: &Ask,
        allowance: Option<&dyn Allowance>,
    ) -> (usize, Result<RawAnswer, ProxmoxError>) {
        let gate = if ask.class == Class::List { &self.lists } else { &self.others };
        // The gates are never closed.
        let _pass = gate.acquire().await.ok();
        match self.nodes.get(index) {
            Some(node) => (index, node.endpoint.ask(ask, allowance).await),
            None => (index, Err(ProxmoxError::unplaced(ErrorKind::NobodyAnswers { each: String::new() }))),
        }
    }

    /// All nodes, in the order in which they are asked.
    fn order(&self) -> Vec<usize> {
        let now = self.clock.monotonic();
        let last = self.last.load(Ordering::Relaxed);
        let mut order: Vec<(Option<Instant>, bool, usize)> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(i, node)| (node.health().ask_again.filter(|at| *at > now), i != last, i))
            .collect();
        // `None` sorts first: nodes that may be asked, the last one in front; then who waits the shortest.
        order.sort();
        order.into_iter().map(|(_, _, i)| i).collect()
    }

    fn answered(&self, index: usize) {
        if let Some(node) = self.nodes.get(index) {
            let before = self.last.swap(index, Ordering::Relaxed);
            let failures = {
                let mut health = node.health();
                health.ask_again = None;
                std::mem::take(&mut health.failures)
            };
            if before != index || failures > 0 {
                tracing::info!(node = %node.endpoint.name, "Proxmox is now asked at this node");
            }
        }
    }

    fn failed(&self, index: usize, why: &ErrorKind) {
        let Some(node) = self.nodes.get(index) else { return };
        let mut health = node.health();
        let now = self.clock.monotonic();
        let again =
            |(word, at): (&str, Instant)| word == why.word() && now.saturating_duration_since(at) < SAID_FOR;
        if health.failures == 0 && !health.said.is_some_and(again) {
            // Said here, once until it answers again: when another node answers, nobody else hears of it. A node
            // that answers one list and fails the next is not told of each time.
            tracing::warn!(node = %node.endpoint.name, url = %node.endpoint.url, "{why}");
            health.said = Some((why.word(), now));
        }
        let wait = BACK_OFF_FIRST.saturating_mul(1 << health.failures.min(8)).min(BACK_OFF_MAX);
        health.failures = health.failures.saturating_add(1);
        health.ask_again = now.checked_add(wait);
    }

    /// A node that was still silent when another, asked later, had answered, is not asked first again.
    fn blame_the_slow(&self, under_way: &[(usize, Instant)]) {
        let now = self.clock.monotonic();
        for (index, since) in under_way {
            let waited = now.saturating_duration_since(*since);
            if waited >= HEDGE_AFTER {
                let after_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
                self.failed(*index, &ErrorKind::TimedOut { after_ms });
            }
        }
    }
}

impl Node {
    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a failure says about the node that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// It answered; the failure lies elsewhere.
    Alive,
    /// It is of no use now: another should be asked.
    Useless,
    /// Nothing: it passed the question on, and what went wrong may have gone wrong there.
    Nothing,
}

fn says(kind: &ErrorKind, ask: &Ask, node: Option<&Node>) -> Says {
    let passed_on =
        ask.about.as_ref().is_some_and(|about| node.is_none_or(|node| node.endpoint.name != *about));
    match kind {
        ErrorKind::Unreachable { .. }
        | ErrorKind::TlsUntrustedCa
        | ErrorKind::TlsUncheckable { .. }
        | ErrorKind::TlsExpired { .. }
        | ErrorKind::TlsNotYetValid { .. }
        | ErrorKind::TlsWrongName { .. }
        | ErrorKind::FingerprintMismatch { .. }
        | ErrorKind::Tls { .. }
        | ErrorKind::Redirected { .. } => Says::Useless,
        ErrorKind::TimedOut { .. }
        | ErrorKind::Interrupted
        | ErrorKind::NotJson { .. }
        | ErrorKind::Truncated { .. }
        | ErrorKind::TooLarge { .. }
        | ErrorKind::Server { status: 502..=504, .. } => {
            if passed_on {
                Says::Nothing
            } else {
                Says::Useless
            }
        }
        ErrorKind::Server { .. } | ErrorKind::NodeGone { .. } if ask.class == Class::List => Says::Useless,
        ErrorKind::Unauthorized { .. }
        | ErrorKind::Forbidden { .. }
        | ErrorKind::NodeGone { .. }
        | ErrorKind::NoQuorum { .. }
        | ErrorKind::Absent { .. }
        | ErrorKind::Rejected { .. }
        | ErrorKind::NotImplemented { .. }
        | ErrorKind::Server { .. }
        | ErrorKind::Odd { .. } => Says::Alive,
        ErrorKind::Misconfigured { .. }
        | ErrorKind::Apart
        | ErrorKind::NobodyAnswers { .. }
        | ErrorKind::NotGranted
        | ErrorKind::Held => Says::Nothing,
    }
}

/// One failure stands for itself; several are told together.
fn nobody(mut failures: Vec<ProxmoxError>) -> ProxmoxError {
    if failures.is_empty() {
        return ProxmoxError::unplaced(ErrorKind::NotGranted);
    }
    if failures.len() == 1
        && let Some(only) = failures.pop()
    {
        return only;
    }
    // Nodes that failed alike are named together, and what to do is said once.
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    let mut todo = None;
    for e in &failures {
        let text = e.kind.to_string();
        let (what, then) =
            text.split_once("; ").unwrap_or((&text, "check the nodes and the network to them"));
        let node = e.place.as_ref().map_or_else(String::new, |place| place.server());
        match told.iter_mut().find(|(known, _)| known == what) {
            Some((_, nodes)) => nodes.push(node),
            None => told.push((what.to_owned(), vec![node])),
        }
        todo.get_or_insert_with(|| then.to_owned());
    }
    let each: Vec<String> =
        told.iter().map(|(what, nodes)| format!("{}: {what}", nodes.join(", "))).collect();
    let each = format!("{}; {}", each.join(" · "), todo.unwrap_or_default());
    let first = failures.into_iter().next();
    let error = ProxmoxError::unplaced(ErrorKind::NobodyAnswers { each });
    match first {
        Some(cause) => error.caused_by(cause),
        None => error,
    }
}
