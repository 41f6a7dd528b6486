//! What happened between two states, in lines for the activity feed.
//!
//! Told once, at the cause: a node that is lost is one line, not one for each of its guests, and what
//! becomes unknown with it is none at all. Certain words are compared (`memory.known`), so that a time of
//! not knowing in between tells nothing. Not here: what the lines are worth acting on (detectors).

mod guests;
mod tasks;

use std::collections::BTreeMap;

use super::{
    ClusterState, NodeName, NodeStatus, SourceId, SourceState, Storage, StorageStatus,
    absorb::{names, plural},
    memory::{Grade, StorageMemory},
};
use crate::protocol::{EventKind, EventSource, NewEvent, Severity};

/// Lines one change may give; whatever is beyond is counted in a last one, so that no restart of a big
/// cluster floods the feed.
pub const EVENTS_MAX: usize = 100;
/// More things than this that come or go at a time are told in one line.
pub const BULK: usize = 10;

/// The lines that lead from `a` to `b`, oldest first.
pub fn activity(a: &ClusterState, b: &ClusterState, now_ms: i64) -> Vec<NewEvent> {
    let mut feed = Feed { a, b, now_ms, events: Vec::new() };
    match (watching(a), watching(b)) {
        (false, false) => {}
        (false, true) => feed.first_sight(),
        _ => feed.changes(),
    }
    feed.bound()
}

/// Whether the whole cluster has been seen once: before that everything would be new.
fn watching(state: &ClusterState) -> bool {
    let seen = |id: &SourceId| state.sources.get(id).is_some_and(|s| s.seen_ms.is_some());
    let asked =
        |id: &SourceId| state.sources.get(id).is_some_and(|s| s.seen_ms.is_some() || s.error.is_some());
    seen(&SourceId::resources()) && asked(&SourceId::membership())
}

struct Feed<'a> {
    a: &'a ClusterState,
    b: &'a ClusterState,
    now_ms: i64,
    events: Vec<NewEvent>,
}

impl Feed<'_> {
    fn say(&mut self, kind: EventKind, severity: Severity, title: String) -> Line<'_> {
        self.events.push(NewEvent {
            ts_ms: self.now_ms,
            kind,
            severity,
            source: EventSource::Sys,
            title,
            detail: None,
            node: None,
            vmid: None,
            upid: None,
        });
        Line(self.events.last_mut())
    }

    fn first_sight(&mut self) {
        let Some(cluster) = &self.b.cluster else { return };
        let name = if cluster.name.is_empty() { "the cluster" } else { &cluster.name };
        let title = format!(
            "Watching {name}: {}, {}",
            plural(self.b.nodes.len(), "node"),
            plural(self.b.guests.values().filter(|g| !g.template).count(), "guest")
        );
        let detail = format!("{} {}", cluster.headline, cluster.detail);
        self.say(EventKind::System, Severity::Info, title).detail(detail);
    }

    fn changes(&mut self) {
        self.sight();
        self.cluster();
        self.nodes();
        self.storages();
        guests::tell(self);
        tasks::tell(self);
    }

    fn sight(&mut self) {
        let (Some(was), Some(is)) = (&self.a.cluster, &self.b.cluster) else { return };
        let (gone, here) = (was.sight == SourceState::Lost, is.sight == SourceState::Lost);
        if here && !gone {
            let title = is.headline.trim_end_matches('.').to_owned();
            let detail = is.detail.clone();
            self.say(EventKind::SightLost, Severity::Critical, title).detail(detail);
        } else if gone && !here {
            let detail = format!("{} {}", is.headline, is.detail);
            self.say(EventKind::SightBack, Severity::Notice, "I see the cluster again".into()).detail(detail);
        }
    }

    fn cluster(&mut self) {
        let detail = self.b.cluster.as_ref().map(|c| c.detail.clone()).unwrap_or_default();
        match (self.a.memory.quorate_known, self.b.memory.quorate_known) {
            (Some(true), Some(false)) => {
                let title = "The cluster has lost quorum".to_owned();
                self.say(EventKind::QuorumLost, Severity::Critical, title).detail(detail);
            }
            (Some(false), Some(true)) => {
                self.say(EventKind::QuorumBack, Severity::Notice, "The cluster has quorum again".into());
            }
            _ => {}
        }
        let of = |s: &ClusterState| s.cluster.as_ref().and_then(|c| c.contradiction.clone());
        match (of(self.a), of(self.b)) {
            (None, Some(text)) => {
                let title = "The cluster contradicts itself".to_owned();
                self.say(EventKind::Contradiction, Severity::Warning, title).detail(text);
            }
            (Some(_), None) => {
                let title = "The cluster agrees with itself again".to_owned();
                self.say(EventKind::Contradiction, Severity::Notice, title);
            }
            _ => {}
        }
    }

    fn nodes(&mut self) {
        for name in self.a.nodes.keys().filter(|n| !self.b.nodes.contains_key(*n)) {
            let title = format!("Node {name} has left the cluster");
            self.say(EventKind::NodeRemoved, Severity::Warning, title).node(name);
        }
        for (name, is) in &self.b.memory.nodes {
            let Some(was) = self.a.memory.nodes.get(name) else {
                let title = format!("Node {name} has joined the cluster");
                self.say(EventKind::NodeAdded, Severity::Notice, title).node(name);
                continue;
            };
            match (was.known, is.known) {
                (Some(NodeStatus::Online), Some(NodeStatus::Offline)) => {
                    let title = format!("Node {name} is offline");
                    let detail = self.with_it(name);
                    self.say(EventKind::NodeOffline, Severity::Critical, title).node(name).detail(detail);
                }
                (Some(NodeStatus::Offline), Some(NodeStatus::Online)) => {
                    let title = format!("Node {name} is online again");
                    self.say(EventKind::NodeOnline, Severity::Notice, title).node(name);
                }
                _ => {}
            }
        }
    }

    /// What was running on a node when it was last seen.
    fn with_it(&self, node: &NodeName) -> String {
        let running =
            self.a.guests.values().filter(|g| g.node == *node && super::absorb::guests::runs(g.status));
        let labels: Vec<String> = running.map(|g| guests::label(g)).collect();
        if labels.is_empty() {
            return "Nothing was running on it.".into();
        }
        format!("{} ran on it: {}.", plural(labels.len(), "guest"), names(labels.into_iter()))
    }

    /// A shared storage is told once, whatever the number of nodes that use it.
    fn storages(&mut self) {
        let mut gone: BTreeMap<String, Vec<&Storage>> = BTreeMap::new();
        let (mut back, mut full) = (gone.clone(), gone.clone());
        for (id, is) in &self.b.memory.storages {
            let (Some(was), Some(storage)) = (self.a.memory.storages.get(id), self.b.storages.get(id)) else {
                continue;
            };
            let key = if storage.shared { storage.storage.clone() } else { id.to_string() };
            let kind = match change(was, is) {
                Some(StorageChange::Gone) => &mut gone,
                Some(StorageChange::Back) => &mut back,
                // Its nodes report one after another.
                Some(StorageChange::Full) if storage.shared && self.was_full(&storage.storage) => continue,
                Some(StorageChange::Full) => &mut full,
                None => continue,
            };
            kind.entry(key).or_default().push(storage);
        }
        for on in gone.into_values() {
            self.storage(EventKind::StorageOffline, Severity::Critical, &on, "is not available");
        }
        for on in back.into_values() {
            self.storage(EventKind::StorageOnline, Severity::Notice, &on, "is available again");
        }
        for on in full.into_values() {
            self.storage(EventKind::StorageFull, Severity::Critical, &on, "is over 95 % full");
        }
    }

    /// Whether any node had called this shared storage full before.
    fn was_full(&self, storage: &str) -> bool {
        let full = |id| self.a.memory.storages.get(id).is_some_and(|was| was.fill == Grade::Critical);
        self.a.storages.iter().any(|(id, was)| was.shared && was.storage == storage && full(id))
    }

    fn storage(&mut self, kind: EventKind, severity: Severity, on: &[&Storage], what: &str) {
        let Some(first) = on.first() else { return };
        let nodes = names(on.iter().map(|s| s.node.to_string()));
        let title = format!("Storage {} {what} on {nodes}", first.storage);
        let node = first.node.clone();
        let line = self.say(kind, severity, title);
        if on.len() == 1 {
            line.node(&node);
        }
    }

    fn bound(mut self) -> Vec<NewEvent> {
        let more = self.events.len().saturating_sub(EVENTS_MAX);
        if more > 0 {
            self.events.truncate(EVENTS_MAX);
            let title = format!("… and {} at the same moment", plural(more, "other change"));
            self.say(EventKind::System, Severity::Notice, title);
        }
        self.events
    }
}

enum StorageChange {
    Gone,
    Back,
    Full,
}

fn change(was: &StorageMemory, is: &StorageMemory) -> Option<StorageChange> {
    match (was.known?, is.known?) {
        (StorageStatus::Available, StorageStatus::Unavailable) => Some(StorageChange::Gone),
        (StorageStatus::Unavailable, StorageStatus::Available) => Some(StorageChange::Back),
        _ => (is.fill == Grade::Critical && was.fill != Grade::Critical).then_some(StorageChange::Full),
    }
}

/// The line being written.
struct Line<'a>(Option<&'a mut NewEvent>);

impl Line<'_> {
    fn with(mut self, set: impl FnOnce(&mut NewEvent)) -> Self {
        if let Some(event) = &mut self.0 {
            set(event);
        }
        self
    }

    fn detail(self, text: String) -> Self {
        self.with(|e| e.detail = Some(text).filter(|t| !t.is_empty()))
    }

    fn node(self, node: &NodeName) -> Self {
        self.with(|e| e.node = Some(node.clone()))
    }
}

#[cfg(test)]
mod tests;
