//! How many looks in a row showed a thing as it is now.

use std::collections::BTreeMap;

use crate::{
    cluster::NodeName,
    policy::{Condition, Fact},
    tools::Target,
};

/// No two answers overtake each other by so much: the clock was set back, and counting begins anew.
const SET_BACK_MS: i64 = 60_000;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    condition: Condition,
    node: Option<NodeName>,
    /// Of the newest answer that was counted; the same answer is not counted twice.
    seen_ms: i64,
    count: u32,
}

/// Kept by whoever absorbs readings, one entry a thing that is watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looks(BTreeMap<Target, Look>);

impl Looks {
    /// Takes in one look. An unknown state, a change or a move begins the count anew.
    pub fn see(&mut self, target: Target, condition: &Fact<Condition>, node: Option<NodeName>, seen_ms: i64) {
        let Fact::Known(condition) = condition else {
            self.0.remove(&target);
            return;
        };
        let fresh = Look { condition: *condition, node, seen_ms, count: 1 };
        match self.0.get_mut(&target) {
            Some(last)
                if (last.condition, &last.node) == (fresh.condition, &fresh.node)
                    && last.seen_ms.saturating_sub(seen_ms) < SET_BACK_MS =>
            {
                if seen_ms > last.seen_ms {
                    last.seen_ms = seen_ms;
                    last.count = last.count.saturating_add(1);
                }
            }
            _ => {
                self.0.insert(target, fresh);
            }
        }
    }

    /// Looks in a row that agree; 0 when it was not seen or not clearly.
    pub fn of(&self, target: &Target) -> u32 {
        self.0.get(target).map_or(0, |look| look.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i15_only_different_answers_that_agree_are_counted_and_not_knowing_starts_anew() {
        let guest = || Target::Guest(100.try_into().unwrap());
        let pve = || Some("pve".parse().unwrap());
        let (up, down) = (Fact::Known(Condition::Up), Fact::Known(Condition::Down));
        let mut looks = Looks::default();
        for (fact, node, seen_ms, count) in [
            (&down, pve(), 10, 1),
            (&down, pve(), 10, 1),
            (&down, pve(), 20, 2),
            (&down, pve(), 15, 2),
            (&down, Some("pve2".parse().unwrap()), 30, 1),
            (&up, Some("pve2".parse().unwrap()), 40, 1),
            (&Fact::unknown("node lost"), pve(), 50, 0),
            (&down, pve(), 60, 1),
            (&down, pve(), 7_200_000, 2),
            (&down, pve(), 7_140_001, 2),
            (&down, pve(), 70, 1),
            (&down, pve(), 80, 2),
        ] {
            looks.see(guest(), fact, node, seen_ms);
            assert_eq!(looks.of(&guest()), count, "{seen_ms}");
        }
    }
}
