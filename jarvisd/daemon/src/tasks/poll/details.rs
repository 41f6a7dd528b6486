//! Load, swap and kernel of each node, in turn; nodes that are offline are not asked, they would only hang.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jarvis_core::cluster::{NodeName, NodeStatus, SourceId, reading::Part};
use tokio::sync::watch;

use super::{Cluster, Pace, Shared, budget::WINDOW, follow};
use crate::supervisor::{Loop, OnStop, Poke, Supervisor};

/// How often a node is asked while somebody looks, for up to [`PER_SECOND_MAX`] × 8 nodes.
const WATCHED: Duration = Duration::from_secs(8);
/// Never more of these questions a second: each is passed on to the node it is about.
const PER_SECOND_MAX: u32 = 4;
/// Ticks come a little early at times; that shall not cost a whole tick.
const EARLY: Duration = Duration::from_millis(50);
/// Nodes asked at the same time; those that hang use up to 8 s each.
const AT_ONCE_MAX: usize = 4;

struct Book {
    last: Option<Instant>,
    asked: BTreeMap<NodeName, Instant>,
    under_way: BTreeSet<NodeName>,
}

pub(super) fn start<C: Cluster>(supervisor: &Supervisor, shared: &Shared<C>) {
    let (sender, period) = watch::channel(look(shared.pace()));
    follow(supervisor, &shared.pace, sender, look);
    let this = Loop { name: "poll details", period, poke: Poke::default(), on_stop: OnStop::Drop };
    let book = Arc::new(Mutex::new(Book { last: None, asked: BTreeMap::new(), under_way: BTreeSet::new() }));
    let (shared, tasks) = (shared.clone(), supervisor.clone());
    supervisor.start(this, move || {
        if let Some(node) = due(&shared, &book) {
            let (shared, book, stop) = (shared.clone(), Arc::clone(&book), tasks.stop().clone());
            tasks.beside(async move {
                let granted = tokio::select! {
                    granted = ask(&shared, &node) => granted,
                    () = stop.cancelled() => true,
                };
                let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
                book.under_way.remove(&node);
                if !granted {
                    // It is the next one's turn once there is room again.
                    book.asked.remove(&node);
                }
            });
        }
        async {}
    });
}

/// How often the loop looks whether a node is due.
fn look(pace: Pace) -> Duration {
    if pace.watched { Duration::from_secs(1) / PER_SECOND_MAX } else { Duration::from_secs(1) }
}

/// Time between two questions, whichever node they are about.
fn spacing(pace: Pace, spare: usize) -> Duration {
    if pace.watched {
        return Duration::from_secs(1) / PER_SECOND_MAX;
    }
    WINDOW / u32::try_from(spare.max(1)).unwrap_or(u32::MAX)
}

/// How often one node comes round.
fn interval(pace: Pace, spare: usize, nodes: usize) -> Duration {
    let round = spacing(pace, spare).saturating_mul(u32::try_from(nodes.max(1)).unwrap_or(u32::MAX));
    if pace.watched { round.max(WATCHED) } else { round }
}

/// The node to ask now: the one that waited longest, if it waited long enough.
fn due<C: Cluster>(shared: &Shared<C>, book: &Mutex<Book>) -> Option<NodeName> {
    let (pace, now) = (shared.pace(), shared.clock.monotonic());
    let (_, state) = shared.state.current();
    let live: Vec<&NodeName> =
        state.nodes.values().filter(|n| n.status == NodeStatus::Online).map(|n| &n.name).collect();
    let spare = shared.budget.spare();
    let wait = interval(pace, spare, live.len());
    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
    let since = book.last.map(|at| now.saturating_duration_since(at));
    if since.is_some_and(|s| s + EARLY < spacing(pace, spare)) {
        return None;
    }
    book.asked.retain(|name, _| state.nodes.contains_key(name));
    if book.under_way.len() >= AT_ONCE_MAX {
        return None;
    }
    let (_, node) = live
        .into_iter()
        .filter(|n| !book.under_way.contains(*n))
        .map(|n| (book.asked.get(n).copied(), n))
        .filter(|(asked, _)| asked.is_none_or(|at| now.saturating_duration_since(at) + EARLY >= wait))
        .min()?;
    let node = node.clone();
    book.last = Some(now);
    book.asked.insert(node.clone(), now);
    book.under_way.insert(node.clone());
    Some(node)
}

/// `false` when there was no room for the question.
async fn ask<C: Cluster>(shared: &Shared<C>, node: &NodeName) -> bool {
    let pace = shared.pace();
    let nodes = shared.state.current().1.nodes.len();
    let wait = interval(pace, shared.budget.spare(), nodes);
    let cluster = if pace.watched { &shared.free } else { &shared.extra };
    let answer = cluster.node_detail(node).await;
    let interval_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    let reading = shared.reading(SourceId::node(node), interval_ms, answer.map(|a| a.map(Part::NodeDetail)));
    let granted = reading.is_some();
    let readings = reading.into_iter().collect();
    shared.journal.tell(shared.state.absorb(readings, shared.clock.now_ms()));
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_comes_round_and_the_minute_is_kept() {
        let pace = |watched, ms| Pace { watched, period: Duration::from_millis(ms) };
        for (nodes, spare, watched_s, idle_s) in [(1, 3, 8, 20), (4, 3, 8, 80), (50, 49, 12, 61)] {
            assert_eq!(interval(pace(true, 1_000), spare, nodes).as_secs(), watched_s, "{nodes} watched");
            assert_eq!(interval(pace(false, 10_000), spare, nodes).as_secs(), idle_s, "{nodes} idle");
        }
    }
}
