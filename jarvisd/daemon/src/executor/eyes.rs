//! What was seen over time: how many looks agree, when tasks first appeared, what went down and when.
//!
//! Fed from the published state, by its watch and by whoever has just read something; the same answer counts once.
//! Not here: what follows from it (policy).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jarvis_core::{
    cluster::{ClusterState, GuestStatus, NodeName, NodeStatus, SourceId, Vmid},
    graph::Thing,
    policy::{
        Condition, Fact, Moment,
        evidence::{self, FirstSeen, Looks},
    },
    tools::Target,
};

use crate::clock::Steadiness;

/// Falls remembered, for telling what went down while an action ran; a whole node takes fewer along.
const FALLS_MAX: usize = 1_024;

#[derive(Clone, Default)]
pub struct Eyes(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    looks: Looks,
    first: FirstSeen,
    steady: Steadiness,
    clock_steady: bool,
    guests: BTreeMap<Vmid, GuestStatus>,
    nodes: BTreeMap<NodeName, NodeStatus>,
    falls: VecDeque<(Moment, Thing)>,
    /// Guests that fell and were not seen to run since.
    down: BTreeSet<Vmid>,
}

impl Eyes {
    /// Takes in a published state. Answers which guests fell since the last one: seen to run, now seen stopped on a
    /// node that is there.
    pub fn see(&self, state: &ClusterState, now: Moment) -> Vec<Vmid> {
        let mut seen = self.seen();
        seen.clock_steady = seen.steady.look(now);
        seen.first.absorb(state, &now);
        // Without a quorum what is read may be a remnant: counting begins anew.
        let trusted = state.cluster.as_ref().is_some_and(|cluster| cluster.quorate != Some(false));
        for (vmid, guest) in &state.guests {
            let target = Target::Guest(*vmid);
            let fact = condition(state, &target, trusted);
            let node = Some(guest.node.clone());
            seen.looks.see(target, &fact, node, seen_ms(state, &guest.src));
        }
        for (name, node) in &state.nodes {
            let target = Target::Node(name.clone());
            let fact = condition(state, &target, trusted);
            let at_ms = seen_ms(state, &SourceId::membership()).max(seen_ms(state, &node.src));
            seen.looks.see(target, &fact, Some(name.clone()), at_ms);
        }
        seen.fallen(state, now)
    }

    /// One look at something that is not in the published state; answers how many in a row agree.
    pub fn look_at(
        &self,
        target: Target,
        condition: &Fact<Condition>,
        node: Option<NodeName>,
        at_ms: i64,
    ) -> u32 {
        let mut seen = self.seen();
        seen.looks.see(target.clone(), condition, node, at_ms);
        seen.looks.of(&target)
    }

    /// Looks in a row that agree.
    pub fn looks(&self, target: &Target) -> u32 {
        self.seen().looks.of(target)
    }

    pub fn human_task(
        &self,
        state: &ClusterState,
        target: &Target,
        own_users: &BTreeSet<String>,
        now: &Moment,
    ) -> Fact<Option<Moment>> {
        evidence::human_task(state, target, own_users, &self.seen().first, now)
    }

    pub fn clock_steady(&self) -> bool {
        self.seen().clock_steady
    }

    /// Guests that were seen to fall and are still down.
    pub fn down(&self) -> BTreeSet<Vmid> {
        self.seen().down.clone()
    }

    /// What went down since then.
    pub fn fallen_since(&self, then: &Moment) -> BTreeSet<Thing> {
        let seen = self.seen();
        let since = seen.falls.iter().filter(|(at, _)| at.boot == then.boot && at.boot_ms >= then.boot_ms);
        since.map(|(_, thing)| thing.clone()).collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn fallen(&mut self, state: &ClusterState, now: Moment) -> Vec<Vmid> {
        let mut fallen = Vec::new();
        for (vmid, guest) in &state.guests {
            let before = self.guests.insert(*vmid, guest.status);
            let online = state.nodes.get(&guest.node).is_some_and(|node| node.status == NodeStatus::Online);
            if before == Some(GuestStatus::Running) && guest.status == GuestStatus::Stopped && online {
                fallen.push(*vmid);
                self.falls.push_back((now, Thing::Guest(*vmid)));
                self.down.insert(*vmid);
            }
            // Not seen is neither up nor down.
            if !matches!(guest.status, GuestStatus::Stopped | GuestStatus::Unknown) {
                self.down.remove(vmid);
            }
        }
        self.down.retain(|vmid| state.guests.contains_key(vmid));
        self.guests.retain(|vmid, _| state.guests.contains_key(vmid));
        for (name, node) in &state.nodes {
            let before = self.nodes.insert(name.clone(), node.status);
            if before == Some(NodeStatus::Online) && node.status == NodeStatus::Offline {
                self.falls.push_back((now, Thing::Node(name.clone())));
            }
        }
        self.nodes.retain(|name, _| state.nodes.contains_key(name));
        while self.falls.len() > FALLS_MAX {
            self.falls.pop_front();
        }
        fallen
    }
}

fn condition(state: &ClusterState, target: &Target, trusted: bool) -> Fact<Condition> {
    if trusted { evidence::condition(state, target) } else { Fact::unknown("the cluster has no quorum") }
}

fn seen_ms(state: &ClusterState, source: &SourceId) -> i64 {
    state.sources.get(source).and_then(|source| source.seen_ms).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jarvis_core::cluster::{
        NodeStatus, SourceState,
        reading::{GuestRow, Member, Membership, NodeRow, Part, Reading, Resources},
    };

    use super::*;

    fn state(at_ms: i64, status: GuestStatus, quorate: bool) -> ClusterState {
        let node = NodeRow {
            name: "pve".parse().unwrap(),
            status: NodeStatus::Online,
            cpu: Some(0.1),
            cpu_cores: Some(4),
            mem_used_bytes: Some(1),
            mem_total_bytes: Some(2),
            disk_used_bytes: None,
            disk_total_bytes: None,
            uptime_s: Some(100),
        };
        let guest = serde_guest(status);
        let resources = Resources { nodes: vec![node], guests: vec![guest], storages: vec![] };
        let member = Member { local: true, ..Member::named("pve".parse().unwrap(), true) };
        let members = Membership {
            cluster_name: Some("home".into()),
            quorate: Some(quorate),
            version: None,
            nodes: vec![member],
        };
        let reading = |source: SourceId, part: Part| Reading {
            source,
            at_ms,
            interval_ms: 10_000,
            via: Some("pve".parse().unwrap()),
            part: Ok(part),
            odd_rows: 0,
        };
        let readings = [
            reading(SourceId::resources(), Part::Resources(resources)),
            reading(SourceId::membership(), Part::Membership(members)),
        ];
        let hub = crate::state::StateHub::new("e".into());
        hub.absorb(readings.to_vec(), at_ms);
        Arc::unwrap_or_clone(hub.current().1)
    }

    fn serde_guest(status: GuestStatus) -> GuestRow {
        GuestRow {
            vmid: 100.try_into().unwrap(),
            kind: jarvis_core::cluster::GuestKind::Qemu,
            node: "pve".parse().unwrap(),
            status,
            name: Some("dns".into()),
            template: Some(false),
            tags: Some("".into()),
            cpu: None,
            cpu_cores: None,
            mem_used_bytes: None,
            mem_total_bytes: Some(1),
            mem_host_bytes: None,
            disk_used_bytes: None,
            disk_total_bytes: None,
            uptime_s: None,
            lock: None,
            pool: None,
            ha_state: None,
            net_in_bytes: None,
            net_out_bytes: None,
            disk_read_bytes: None,
            disk_write_bytes: None,
        }
    }

    #[test]
    fn i15_i13_looks_add_up_without_a_break_in_quorum_and_a_fall_is_told_once() {
        let eyes = Eyes::default();
        let target = Target::Guest(100.try_into().unwrap());
        let now = |ms: i64| Moment { wall_ms: ms, boot_ms: ms, boot: 1 };
        for (ms, status, quorate, looks, fell) in [
            (1_000, GuestStatus::Running, true, 1, 0),
            (2_000, GuestStatus::Running, true, 2, 0),
            (2_000, GuestStatus::Running, true, 2, 0),
            (3_000, GuestStatus::Stopped, true, 1, 1),
            (4_000, GuestStatus::Stopped, true, 2, 0),
            (5_000, GuestStatus::Stopped, false, 0, 0),
            (6_000, GuestStatus::Stopped, true, 1, 0),
        ] {
            let seen = state(ms, status, quorate);
            assert_eq!(seen.sources[&SourceId::resources()].state, SourceState::Fresh);
            assert_eq!(eyes.see(&seen, now(ms)).len(), fell, "{ms}");
            assert_eq!(eyes.looks(&target), looks, "{ms}");
        }
        assert_eq!(eyes.fallen_since(&now(2_500)).len(), 1);
        assert!(eyes.fallen_since(&now(3_500)).is_empty());
    }
}
