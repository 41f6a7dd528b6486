//! The cluster record and its one sentence: is everything all right, does anything need me?
//!
//! Worst thing first. Sentences carry no figure that moves by itself, so that a quiet cluster stays quiet.

use std::{collections::BTreeSet, sync::Arc};

use time::OffsetDateTime;

use super::{settle::guest_label, sources};
use crate::cluster::{
    Cluster, ClusterState, Guest, GuestStatus, Health, Node, NodeStatus, Source, SourceId, SourceState,
    Storage,
};

/// Things named in one sentence; the rest is counted.
const NAMED_MAX: usize = 3;

pub(super) fn write(state: &mut ClusterState, contradiction: Option<String>) {
    if state.sources.is_empty() {
        return;
    }
    let guests = Guests::of(state);
    let next = record(state, contradiction, &guests);
    if state.cluster.as_deref() != Some(&next) {
        state.cluster = Some(Arc::new(next));
    }
}

/// One walk over the guests, of which there may be many.
#[derive(Default)]
struct Guests<'a> {
    total: usize,
    running: usize,
    critical: Vec<&'a Guest>,
    attention: Vec<&'a Guest>,
}

impl<'a> Guests<'a> {
    fn of(state: &'a ClusterState) -> Self {
        let mut out = Self::default();
        for guest in state.guests.values() {
            out.total += usize::from(!guest.template);
            out.running += usize::from(guest.status == GuestStatus::Running);
            match guest.health {
                Health::Critical => out.critical.push(guest),
                Health::Attention => out.attention.push(guest),
                _ => {}
            }
        }
        out
    }
}

fn record(state: &ClusterState, contradiction: Option<String>, guests: &Guests) -> Cluster {
    let of = |id: &SourceId| sources::of(&state.sources, id);
    let (rows, members_state) = (of(&SourceId::resources()), of(&SourceId::membership()));
    let members = state.memory.membership.as_deref();
    let name = members.and_then(|m| m.cluster_name.clone());
    let nodes_total = state.nodes.len();
    let mut next = Cluster {
        nodes_total: number(nodes_total),
        nodes_online: number(state.nodes.values().filter(|n| n.status == NodeStatus::Online).count()),
        guests_total: number(guests.total),
        guests_running: number(guests.running),
        health: Health::Ok,
        headline: String::new(),
        detail: String::new(),
        sight: sources::worse(rows, members_state),
        quorate: members.filter(|_| members_state != SourceState::Lost).and_then(|m| m.quorate),
        quorum: name.is_some().then(|| number(nodes_total / 2 + 1)),
        pve_version: version(state),
        contradiction,
        name: name.unwrap_or_default(),
    };
    let (health, headline, detail) = sentence(state, &next, guests);
    next.health = health;
    next.headline = headline;
    next.detail = detail;
    next
}

fn version(state: &ClusterState) -> Option<String> {
    // The oldest one decides what the cluster can do.
    let nodes = state.nodes.values().filter_map(|n| n.pve_version.as_deref()).min();
    state.memory.pve_version.clone().or_else(|| nodes.map(str::to_owned))
}

type Sentence = (Health, String, String);

fn sentence(state: &ClusterState, cluster: &Cluster, guests: &Guests) -> Sentence {
    unseen(state, cluster)
        .or_else(|| divided(state, cluster))
        .or_else(|| things(state, Health::Critical, &guests.critical, cluster))
        .or_else(|| doubtful(state, cluster))
        .or_else(|| starting(state, cluster))
        .or_else(|| things(state, Health::Attention, &guests.attention, cluster))
        .unwrap_or_else(|| (Health::Ok, "Everything is steady.".into(), counts(cluster)))
}

/// Nothing can be said of a cluster that is not seen.
fn unseen(state: &ClusterState, cluster: &Cluster) -> Option<Sentence> {
    let source = |id: SourceId| state.sources.get(&id).map(Arc::as_ref);
    let parts = [source(SourceId::resources()), source(SourceId::membership())];
    let error = parts.iter().flatten().find_map(|s| s.error.clone());
    match cluster.sight {
        SourceState::Lost => {
            let seen = parts.iter().flatten().filter(|s| s.state == SourceState::Lost);
            let since = seen.filter_map(|s| s.seen_ms).min().map(clock).unwrap_or_default();
            let detail = format!("Nothing below is newer than {since}.{}", because(error));
            let whole = parts.iter().flatten().all(|s| s.state == SourceState::Lost);
            let rows = parts[0].is_some_and(|s| s.state == SourceState::Lost);
            let headline = match (whole, rows) {
                (true, _) => "I have lost sight of the cluster.",
                (false, true) => "I have lost sight of the guests and their figures.",
                (false, false) => "I have lost sight of quorum and membership.",
            };
            Some((Health::Unknown, headline.into(), detail))
        }
        SourceState::Waiting => match error {
            Some(error) => {
                let rows = parts[0].is_some_and(|s| s.state != SourceState::Waiting);
                let what = if rows { "quorum and membership" } else { "the cluster" };
                Some((Health::Unknown, format!("I cannot see {what}."), error))
            }
            None => Some((
                Health::Unknown,
                "I am looking for the cluster.".into(),
                "No complete answer has come yet.".into(),
            )),
        },
        SourceState::Fresh | SourceState::Late => None,
    }
}

/// The cluster is at odds with itself.
fn divided(state: &ClusterState, cluster: &Cluster) -> Option<Sentence> {
    if let Some(text) = &cluster.contradiction {
        let detail = format!("{}. I act on nothing until they agree.", upper(text));
        return Some((Health::Unknown, "The cluster contradicts itself.".into(), detail));
    }
    (cluster.quorate == Some(false)).then(|| {
        let gone = names(offline(state).map(|n| n.name.to_string()));
        let gone = if gone.is_empty() { String::new() } else { format!(" Offline: {gone}.") };
        let detail =
            format!("Guests keep running, but nothing can be started or changed.{gone} {}", counts(cluster));
        (Health::Critical, "The cluster has lost quorum.".into(), detail)
    })
}

fn offline(state: &ClusterState) -> impl Iterator<Item = &Node> {
    state.nodes.values().map(Arc::as_ref).filter(|n| n.status == NodeStatus::Offline)
}

/// Nodes, then storages, then guests, of one health.
fn things(state: &ClusterState, health: Health, guests: &[&Guest], cluster: &Cluster) -> Option<Sentence> {
    if health == Health::Critical {
        let gone = names(offline(state).map(|n| n.name.to_string()));
        if !gone.is_empty() {
            let with = state.guests.values().filter(|g| offline(state).any(|n| n.name == g.node)).count();
            let guests =
                if with == 0 { String::new() } else { format!(", and {} with it", plural(with, "guest")) };
            let detail = format!("The cluster calls {gone} offline{guests}. {}", counts(cluster));
            return Some((health, format!("I have lost sight of {gone}."), detail));
        }
    }
    let mut told: Vec<(String, String)> = Vec::new();
    let mut shared: BTreeSet<&str> = BTreeSet::new();
    for node in state.nodes.values().filter(|n| n.health == health) {
        told.push((format!("Node {}", node.name), node.why.clone().unwrap_or_default()));
    }
    for storage in state.storages.values().filter(|s| s.health == health) {
        if !storage.shared || shared.insert(&storage.storage) {
            told.push((storage_label(storage), storage.why.clone().unwrap_or_default()));
        }
    }
    for guest in guests {
        told.push((upper(&guest_label(guest)), guest.why.clone().unwrap_or_default()));
    }
    let (first, why) = told.first()?.clone();
    let verb = if health == Health::Critical { "needs you" } else { "needs a look" };
    let headline = match told.len() {
        1 => format!("{first} {verb}."),
        n => format!("{first} and {} {}.", plural(n - 1, "other"), verb.replacen("needs", "need", 1)),
    };
    let rest = names(told.iter().skip(1).map(|(what, why)| format!("{what} ({why})")));
    let also = if rest.is_empty() { String::new() } else { format!(" Also: {rest}.") };
    Some((health, headline, format!("{}.{also} {}", upper(&why), counts(cluster))))
}

fn storage_label(storage: &Storage) -> String {
    if storage.shared {
        format!("Storage {}", storage.storage)
    } else {
        format!("Storage {} on {}", storage.storage, storage.node)
    }
}

/// The view itself is not to be trusted fully.
fn doubtful(state: &ClusterState, cluster: &Cluster) -> Option<Sentence> {
    let parts = [SourceId::resources(), SourceId::membership(), SourceId::tasks()];
    let of = |id: &SourceId| state.sources.get(id).map(Arc::as_ref);
    if let Some(source) =
        parts.iter().filter_map(of).find(|s| s.state == SourceState::Fresh && s.error.is_some())
        && source.seen_ms >= source.error_since_ms
        && source.id != SourceId::tasks()
    {
        let detail = format!("{}.", upper(source.error.as_deref().unwrap_or_default()));
        return Some((Health::Attention, "I may not be seeing the whole cluster.".into(), detail));
    }
    if let Some(source) = of(&SourceId::tasks()).filter(|s| s.state == SourceState::Waiting)
        && let Some(error) = &source.error
    {
        let detail = format!("{}. {}", upper(error), counts(cluster));
        return Some((Health::Attention, "I cannot see running tasks.".into(), detail));
    }
    if cluster.quorate.is_none() && cluster.nodes_total > 1 {
        let detail = format!("It does not tell, and I change nothing until it does. {}", counts(cluster));
        return Some((Health::Attention, "I do not know whether the cluster has quorum.".into(), detail));
    }
    let late: Vec<&Source> = parts
        .iter()
        .filter_map(of)
        .filter(|s| matches!(s.state, SourceState::Late | SourceState::Lost))
        .collect();
    let first = late.first()?;
    let what = match first.id.as_str() {
        "membership" => "quorum and membership",
        "tasks" => "running tasks",
        _ => "the cluster",
    };
    let since = first.seen_ms.map(clock).unwrap_or_default();
    let detail = format!("Last good answer at {since}.{} {}", because(first.error.clone()), counts(cluster));
    Some((Health::Attention, format!("My view of {what} is late."), detail))
}

fn starting(state: &ClusterState, cluster: &Cluster) -> Option<Sentence> {
    let coming =
        names(state.nodes.values().filter(|n| n.health == Health::Unknown).map(|n| n.name.to_string()));
    (!coming.is_empty()).then(|| {
        let headline = format!("I am waiting for word from {coming}.");
        (Health::Unknown, headline, format!("In the cluster, but without figures yet. {}", counts(cluster)))
    })
}

fn counts(cluster: &Cluster) -> String {
    let quorum = match cluster.quorate {
        Some(true) => ", with quorum",
        Some(false) => ", without quorum",
        None => "",
    };
    format!(
        "{} of {} online{quorum}; {} of {} running.",
        cluster.nodes_online,
        plural(big(cluster.nodes_total), "node"),
        cluster.guests_running,
        plural(big(cluster.guests_total), "guest")
    )
}

fn because(error: Option<String>) -> String {
    error.map_or_else(String::new, |e| format!(" {}.", upper(e.trim_end_matches('.'))))
}

/// `a`, `a and b`, `a, b and 3 others`
pub(crate) fn names(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    let shown = if all.len() > NAMED_MAX { NAMED_MAX - 1 } else { all.len() };
    let mut parts: Vec<String> = all.iter().take(shown).cloned().collect();
    if all.len() > shown {
        parts.push(plural(all.len() - shown, "other"));
    }
    match parts.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

pub(crate) fn plural(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// `14:03:05 UTC`: a moment, not an age, so that the sentence stays the same while time goes by.
fn clock(ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).map_or_else(
        |_| "an unknown time".to_owned(),
        |t| format!("{:02}:{:02}:{:02} UTC", t.hour(), t.minute(), t.second()),
    )
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn big(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
