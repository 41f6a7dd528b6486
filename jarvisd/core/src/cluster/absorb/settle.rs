//! How each thing does, in one word and with its reason, once the facts are in.
//!
//! A guest's or storage's word is believed only while its node is there. When it is not, figures stay as
//! they were, with the time they last moved, and health is unknown: not seen is never down.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    guests::{self, runs},
    headline,
    liveness::{self, Liveness},
    sources,
};
use crate::cluster::{
    ClusterState, Guest, GuestStatus, Health, Node, NodeName, NodeStatus, SourceId, SourceState, Storage,
    StorageStatus,
    memory::{Grade, GuestMemory, NodeMemory, StorageMemory},
    round,
    thresholds::{self, grade},
};

/// Why nothing is believed while the cluster cannot be seen.
const UNSEEN: &str = "I have lost sight of the cluster; this is how it last looked";
/// Why one thing is doubted that a doubtful answer left out.
const LEFT_OUT: &str = "the last answer did not name it";

/// `facts` tells whether any reading could have changed a guest or a storage.
pub(super) fn settle(next: &mut ClusterState, was: &ClusterState, facts: bool, now_ms: i64) {
    let blind = |s: &ClusterState| sources::of(&s.sources, &SourceId::resources()) == SourceState::Lost;
    let unseen = blind(next);
    let judged = liveness::judge(next, now_ms);
    for (name, record) in &mut next.nodes {
        let Some(memory) = next.memory.nodes.get_mut(name) else { continue };
        let live = judged.nodes.get(name).copied().unwrap_or(Liveness::Silent);
        node(record, memory, live, unseen, now_ms);
    }
    if facts || unseen != blind(was) || !same_words(&next.nodes, &was.nodes) {
        let places = Places::new(&judged.nodes, &next.memory.nodes, unseen);
        for (record, memory) in next.guests.values_mut().zip(next.memory.guests.values_mut()) {
            guest(record, memory, &places);
        }
        for (record, memory) in next.storages.values_mut().zip(next.memory.storages.values_mut()) {
            storage(record, memory, &places);
        }
    }
    headline::write(next, judged.contradiction);
}

/// Whether every node still has the same word; then no guest and no storage can have another.
fn same_words(a: &BTreeMap<NodeName, Arc<Node>>, b: &BTreeMap<NodeName, Arc<Node>>) -> bool {
    let word = |n: &Arc<Node>| (n.status, n.health, n.why.clone());
    a.len() == b.len() && a.iter().zip(b).all(|((n, x), (m, y))| n == m && word(x) == word(y))
}

/// Where things are, and whether that place is there.
struct Places<'a> {
    /// By name.
    nodes: Vec<(&'a NodeName, Place)>,
    unseen: bool,
}

#[derive(Clone, Copy)]
struct Place {
    live: Liveness,
    /// When the node last reported anything.
    reported_ms: Option<i64>,
}

impl<'a> Places<'a> {
    fn new(
        judged: &BTreeMap<NodeName, Liveness>,
        nodes: &'a BTreeMap<NodeName, NodeMemory>,
        unseen: bool,
    ) -> Self {
        let place = |name: &NodeName, memory: &NodeMemory| Place {
            live: judged.get(name).copied().unwrap_or(Liveness::Silent),
            reported_ms: Some(memory.moved_ms).filter(|ms| *ms > 0),
        };
        Self { nodes: nodes.iter().map(|(n, m)| (n, place(n, m))).collect(), unseen }
    }

    /// `seat` is where it was found last time: most things stay where they are, and a look beats a search.
    fn of(&self, node: &NodeName, seat: &mut usize) -> Place {
        if let Some((_, place)) = self.nodes.get(*seat).filter(|(name, _)| *name == node) {
            return *place;
        }
        let Ok(found) = self.nodes.binary_search_by_key(&node, |(name, _)| *name) else {
            return Place { live: Liveness::Silent, reported_ms: None };
        };
        *seat = found;
        self.nodes.get(found).map_or(Place { live: Liveness::Silent, reported_ms: None }, |(_, place)| *place)
    }
}

type Word = (Health, Option<String>);

fn node(record: &mut Arc<Node>, memory: &mut NodeMemory, live: Liveness, unseen: bool, now_ms: i64) {
    let name = &record.name;
    let status = match live {
        Liveness::Live => NodeStatus::Online,
        Liveness::Offline => NodeStatus::Offline,
        Liveness::Starting | Liveness::Contradiction => NodeStatus::Unknown,
        Liveness::Silent => record.status,
    };
    if matches!(status, NodeStatus::Online | NodeStatus::Offline) && live != Liveness::Silent {
        memory.known = Some(status);
    }
    let (health, why) = match live {
        _ if unseen => (Health::Unknown, Some(UNSEEN.to_owned())),
        _ if memory.missed => (Health::Unknown, Some(LEFT_OUT.to_owned())),
        Liveness::Live => busy(record, memory, now_ms),
        Liveness::Offline => (Health::Critical, Some(format!("node {name} is offline"))),
        Liveness::Starting => {
            (Health::Unknown, Some(format!("node {name} is in the cluster but has no figures yet")))
        }
        Liveness::Contradiction => (Health::Unknown, Some("sources contradict each other".to_owned())),
        Liveness::Silent => (Health::Unknown, Some(format!("nothing is known of node {name} yet"))),
    };
    let frozen = unseen || !matches!(live, Liveness::Live | Liveness::Contradiction);
    let as_of_ms = Some(memory.moved_ms).filter(|ms| frozen && *ms > 0);
    if record.status != status || record.health != health || record.why != why || record.as_of_ms != as_of_ms
    {
        let record = Arc::make_mut(record);
        record.status = status;
        record.health = health;
        record.why = why;
        record.as_of_ms = as_of_ms;
    }
}

fn busy(record: &Node, memory: &mut NodeMemory, now_ms: i64) -> Word {
    let disk = round::permille(record.disk_used_bytes, record.disk_total_bytes);
    let mem = round::permille(record.mem_used_bytes, record.mem_total_bytes);
    memory.disk = grade(disk, thresholds::NODE_DISK, memory.disk);
    memory.mem = grade(mem, thresholds::NODE_MEM, memory.mem);
    memory.cpu_high_since_ms = match record.cpu {
        Some(cpu) if cpu >= thresholds::NODE_CPU_HIGH => Some(memory.cpu_high_since_ms.unwrap_or(now_ms)),
        _ => None,
    };
    let hot = memory
        .cpu_high_since_ms
        .is_some_and(|since| now_ms.saturating_sub(since) >= thresholds::NODE_CPU_HIGH_MS);
    worst([
        (memory.disk, "its root disk is nearly full"),
        (memory.mem, "its memory is nearly full"),
        (if hot { Grade::Attention } else { Grade::Fine }, "its processors have been busy for over a minute"),
    ])
}

fn worst<const N: usize>(grades: [(Grade, &str); N]) -> Word {
    // Nearly always, and for ten thousand guests at a time.
    if grades.iter().all(|(grade, _)| *grade == Grade::Fine) {
        return (Health::Ok, None);
    }
    // The first of the worst: `max_by_key` would give the last.
    match grades.into_iter().rev().max_by_key(|(g, _)| *g) {
        None | Some((Grade::Fine, _)) => (Health::Ok, None),
        Some((Grade::Attention, text)) => (Health::Attention, Some(text.to_owned())),
        Some((Grade::Critical, text)) => (Health::Critical, Some(text.to_owned())),
    }
}

fn guest(record: &mut Arc<Guest>, memory: &mut GuestMemory, places: &Places) {
    let Place { live, reported_ms } = places.of(&record.node, &mut memory.seat);
    let status = match live {
        // The cluster goes on calling it running for five minutes after its node is gone.
        Liveness::Offline | Liveness::Starting if !places.unseen => GuestStatus::Unknown,
        _ => memory.said,
    };
    if live == Liveness::Live && status != GuestStatus::Unknown {
        memory.known = Some(status);
    }
    let believed = !places.unseen && matches!(live, Liveness::Live | Liveness::Contradiction);
    let (health, why) = match live {
        _ if places.unseen => (Health::Unknown, Some(UNSEEN.to_owned())),
        _ if memory.missed => (Health::Unknown, Some(LEFT_OUT.to_owned())),
        Liveness::Live => well(record, memory),
        _ if record.template => (Health::Off, None),
        _ => (Health::Unknown, Some(away(live, &record.node))),
    };
    let moved_ms = if memory.known.is_some_and(runs) {
        Some(memory.moved_ms)
    } else {
        reported_ms.or(Some(memory.moved_ms))
    };
    let as_of_ms = if believed && memory.said != GuestStatus::Unknown { None } else { moved_ms };
    if record.status != status || record.health != health || record.why != why || record.as_of_ms != as_of_ms
    {
        let record = Arc::make_mut(record);
        record.status = status;
        record.health = health;
        record.why = why;
        record.as_of_ms = as_of_ms;
    }
}

fn away(live: Liveness, node: &NodeName) -> String {
    match live {
        Liveness::Offline => format!("node {node} is offline"),
        Liveness::Starting => format!("node {node} is starting and has not reported it yet"),
        Liveness::Contradiction => "sources contradict each other".to_owned(),
        Liveness::Live | Liveness::Silent => format!("nothing is known of node {node} yet"),
    }
}

/// How a guest of a live node does.
fn well(record: &Guest, memory: &mut GuestMemory) -> Word {
    if record.template {
        return (Health::Off, None);
    }
    let attention = |text: &str| (Health::Attention, Some(text.to_owned()));
    match memory.said {
        GuestStatus::Stopped => match record.ha_state.as_deref() {
            Some("error") => attention("its HA state is error"),
            _ => (Health::Off, None),
        },
        GuestStatus::Unknown => {
            let text = format!("node {} has not reported it yet", record.node);
            (Health::Unknown, Some(text))
        }
        GuestStatus::Paused => attention("it is paused"),
        GuestStatus::Suspended => attention("it is suspended"),
        GuestStatus::Prelaunch => (Health::Unknown, Some("it is being started".to_owned())),
        GuestStatus::Running => {
            let mem = round::permille(record.mem_used_bytes, record.mem_total_bytes);
            let disk = round::permille(record.disk_used_bytes, record.disk_total_bytes);
            memory.mem = grade(mem, thresholds::GUEST_MEM, memory.mem);
            memory.disk = grade(disk, thresholds::GUEST_DISK, memory.disk);
            let ha = if record.ha_state.as_deref() == Some("error") { Grade::Attention } else { Grade::Fine };
            worst([
                (memory.disk, "its disk is nearly full"),
                (memory.mem, "its memory is nearly full"),
                (ha, "its HA state is error"),
            ])
        }
    }
}

fn storage(record: &mut Arc<Storage>, memory: &mut StorageMemory, places: &Places) {
    let Place { live, reported_ms } = places.of(&record.node, &mut memory.seat);
    let status = match live {
        Liveness::Offline | Liveness::Starting if !places.unseen => StorageStatus::Unknown,
        _ => memory.said,
    };
    let believed = !places.unseen && matches!(live, Liveness::Live | Liveness::Contradiction);
    if !places.unseen && live == Liveness::Live {
        memory.known = match status {
            // A node that was reporting it and now does not has lost it; one that never did is just up.
            StorageStatus::Unknown if record.status == StorageStatus::Available => {
                Some(StorageStatus::Unavailable)
            }
            StorageStatus::Unknown => memory.known,
            word => Some(word),
        };
    }
    let (health, why) = match live {
        _ if places.unseen => (Health::Unknown, Some(UNSEEN.to_owned())),
        _ if memory.missed => (Health::Unknown, Some(LEFT_OUT.to_owned())),
        Liveness::Live => fill(record, memory),
        _ => (Health::Unknown, Some(away(live, &record.node))),
    };
    // A lost node's storages are called available for five minutes: it is the node that last reported them.
    let moved_ms = reported_ms.map_or(memory.moved_ms, |ms| ms.min(memory.moved_ms));
    let as_of_ms = if believed && memory.said == StorageStatus::Available { None } else { Some(moved_ms) };
    if record.status != status || record.health != health || record.why != why || record.as_of_ms != as_of_ms
    {
        let record = Arc::make_mut(record);
        record.status = status;
        record.health = health;
        record.why = why;
        record.as_of_ms = as_of_ms;
    }
}

fn fill(record: &Storage, memory: &mut StorageMemory) -> Word {
    let node = &record.node;
    match (memory.said, memory.known) {
        // Of a share that is lost Proxmox says no more than that the node does not report it.
        (StorageStatus::Unavailable, _) | (StorageStatus::Unknown, Some(StorageStatus::Unavailable)) => {
            (Health::Critical, Some(format!("it is not available on {node}")))
        }
        (StorageStatus::Unknown, _) => {
            (Health::Unknown, Some(format!("{node} does not report it; it may be offline or disabled")))
        }
        (StorageStatus::Available, _) => {
            let share = round::permille(record.used_bytes, record.total_bytes);
            memory.fill = grade(share, thresholds::STORAGE_FILL, memory.fill);
            match worst([(memory.fill, "it is over 85 % full")]) {
                (Health::Critical, _) => (Health::Critical, Some("it is over 95 % full".to_owned())),
                word => word,
            }
        }
    }
}

/// A guest as people name it.
pub(super) fn guest_label(guest: &Guest) -> String {
    guests::label(guest.vmid, guest.name.as_deref())
}
