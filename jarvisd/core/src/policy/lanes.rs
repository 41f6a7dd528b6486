//! How many changes may be under way: one a guest, one a node, one disruptive in the cluster. Others wait in line.
//!
//! No guard: waiting is not a reason against an action. The executor holds a lane while it sends and watches.

use std::collections::BTreeSet;

use crate::{
    cluster::NodeName,
    graph::Thing,
    tools::{Impact, Operation, Target, Tier},
};

/// Something only one change at a time may hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    Thing(Thing),
    /// Whatever takes something away or moves it.
    Disruptive,
}

/// The lanes one operation needs, all together or not at all. Empty for reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lanes(BTreeSet<Lane>);

impl Lanes {
    /// `on` is the node the target is on, where it is on one.
    pub fn of(operation: &Operation, on: Option<&NodeName>) -> Self {
        if operation.tier() == Tier::Green {
            return Self::default();
        }
        let target = operation.target();
        let node = match &target {
            Target::Node(node) | Target::Service { node, .. } => Some(node),
            _ => on,
        };
        let to = match operation {
            Operation::MigrateGuest(migrate) => Some(&migrate.to),
            _ => None,
        };
        let mut lanes: BTreeSet<_> =
            node.into_iter().chain(to).map(|node| Lane::Thing(Thing::Node(node.clone()))).collect();
        lanes.extend(Thing::of(&target).map(Lane::Thing));
        match operation.effect().impact() {
            Impact::Interrupts | Impact::Moves | Impact::TakesDown => {
                lanes.insert(Lane::Disruptive);
            }
            Impact::None | Impact::BringsUp => {}
        }
        Self(lanes)
    }

    pub fn conflicts(&self, other: &Self) -> bool {
        !self.0.is_disjoint(&other.0)
    }

    /// Which of those in line may go now: first come, first served, but nobody waits for what is in nobody's way.
    /// Everybody in line goes at some time, since a lane that an earlier one waits for is not given to a later one.
    pub fn ready(running: &[Self], line: &[Self]) -> Vec<usize> {
        let mut held: Vec<&Self> = running.iter().collect();
        let mut ready = Vec::new();
        for (place, wanted) in line.iter().enumerate() {
            if !held.iter().any(|other| other.conflicts(wanted)) {
                ready.push(place);
            }
            held.push(wanted);
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn lanes(which: u8, n: u32, node: u8) -> (Lanes, Operation) {
        let node_name = format!("pve{node}");
        let operation = match which {
            0 => Operation::parse("start_guest", &json!({"vmid": n})),
            1 => Operation::parse("stop_guest", &json!({"vmid": n})),
            2 => Operation::parse("migrate_guest", &json!({"vmid": n, "to": "pve0"})),
            3 => Operation::parse("reboot_node", &json!({"node": node_name})),
            _ => Operation::parse("guest", &json!({"vmid": n})),
        }
        .unwrap();
        (Lanes::of(&operation, Some(&node_name.parse().unwrap())), operation)
    }

    proptest! {
        #[test]
        fn i10_one_change_a_guest_one_a_node_one_disruptive_and_everybody_gets_a_turn(
            calls in prop::collection::vec((0u8..5, 100u32..104, 0u8..3), 1..30),
        ) {
            let mut line: Vec<_> = calls.iter().map(|(w, n, node)| lanes(*w, *n, *node)).collect();
            let mut rounds = 0;
            while !line.is_empty() {
                let wanted: Vec<_> = line.iter().map(|(lanes, _)| lanes.clone()).collect();
                let now = Lanes::ready(&[], &wanted);
                prop_assert_eq!(now.first(), Some(&0), "the first in line never waits for those behind it");
                let running: Vec<_> = now.iter().map(|i| &line[*i].1).filter(|op| op.tier() > Tier::Green).collect();
                let targets: BTreeSet<_> = running.iter().map(|op| op.target()).collect();
                prop_assert_eq!(targets.len(), running.len(), "one a target");
                prop_assert!(running.iter().filter(|op| op.tier() == Tier::Red).count() <= 1, "one disruptive");
                line = line.into_iter().enumerate().filter(|(i, _)| !now.contains(i)).map(|(_, l)| l).collect();
                rounds += 1;
                prop_assert!(rounds <= 30);
            }
        }
    }
}
