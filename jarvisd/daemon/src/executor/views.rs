//! Policy's and the graph's answers as screens and clients are shown them.

use jarvis_core::{
    cluster::{ClusterState, NodeName, Vmid},
    graph::{Blast, QuorumAfter, Struck, Thing},
    policy::Objection,
    protocol::acting::{BlastView, ObjectionView, QuorumView, StruckView},
    tools::Target,
};

pub fn objections(all: &[Objection]) -> Vec<ObjectionView> {
    let view = |o: &Objection| ObjectionView {
        guard: o.guard.to_owned(),
        verdict: o.verdict,
        reason: o.reason.clone(),
    };
    all.iter().map(view).collect()
}

pub fn blast(blast: &Blast, state: &ClusterState) -> BlastView {
    let struck = |all: &[Struck]| all.iter().map(|s| self::struck(s, state)).collect();
    BlastView {
        sentence: blast.sentence(),
        down: struck(&blast.down),
        degraded: struck(&blast.degraded),
        away_s: blast.away.away_s,
        basis: blast.away.basis.clone(),
        quorum: match blast.quorum {
            QuorumAfter::Standalone => None,
            QuorumAfter::Kept { online, needed } => Some(QuorumView { online, needed, kept: true }),
            QuorumAfter::Lost { online, needed } => Some(QuorumView { online, needed, kept: false }),
        },
        includes_jarvis: blast.includes_jarvis,
    }
}

fn struck(struck: &Struck, state: &ClusterState) -> StruckView {
    let (node, vmid) = match &struck.thing {
        Thing::Node(node) | Thing::Bridge { node, .. } | Thing::Service { node, .. } => {
            (Some(node.clone()), None)
        }
        Thing::Guest(vmid) => (state.guests.get(vmid).map(|guest| guest.node.clone()), Some(*vmid)),
        Thing::Storage(id) => (state.storages.get(id).map(|storage| storage.node.clone()), None),
        Thing::Docker(_) | Thing::Container { .. } | Thing::Named(_) | Thing::Jarvis => (None, None),
    };
    let known_as = vmid.and_then(|vmid| state.guests.get(&vmid)).and_then(|guest| guest.name.as_deref());
    let name = match known_as {
        Some(name) => format!("{} ({name})", struck.thing),
        None => struck.thing.to_string(),
    };
    StruckView { name, node, vmid, through: struck.through.as_ref().map(Thing::to_string) }
}

/// Node and number of a target, for links.
pub fn place(target: &Target, state: &ClusterState) -> (Option<NodeName>, Option<Vmid>) {
    match target {
        Target::Guest(vmid) => (state.guests.get(vmid).map(|guest| guest.node.clone()), Some(*vmid)),
        Target::Node(node) | Target::Service { node, .. } => (Some(node.clone()), None),
        Target::Cluster | Target::Storage(_) | Target::Container { .. } => (None, None),
    }
}

/// As people call it, with the name a guest goes by now.
pub fn named(target: &Target, state: &ClusterState) -> String {
    let guest = match target {
        Target::Guest(vmid) => state.guests.get(vmid),
        _ => None,
    };
    target.named(guest.and_then(|guest| guest.name.as_deref()))
}

/// For a sentence that is read soon after: `04:12:10 UTC`.
pub fn time_of_day(at_ms: i64) -> String {
    let s = at_ms.div_euclid(1_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02} UTC", s / 3_600, s / 60 % 60, s % 60)
}
