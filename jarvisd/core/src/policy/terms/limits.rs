//! The bounds policy works with. A person may tighten them at any time; loosening needs a fresh log-in.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::graph::Thing;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub actions_per_hour_max: u32,
    pub actions_per_day_max: u32,
    pub target_per_hour_max: u32,
    pub runbook_per_hour_max: u32,
    /// After a person's own act on a target automation leaves it alone this long.
    pub hands_off_ms: i64,
    pub flap_window_ms: i64,
    pub flap_cycles_max: u32,
    pub backoff_first_ms: i64,
    /// As many unhealthy nodes are a storm.
    pub storm_nodes_min: u32,
    /// As great a share of guests in trouble is a storm, in percent.
    pub storm_guests_percent_min: u32,
    /// At this fill nothing is started that would write, in percent.
    pub storage_full_percent_min: u32,
    /// How many looks in a row must agree.
    pub looks_min: u32,
    pub approval_ms: i64,
    /// How long a permit may lie before it is sent.
    pub permit_ms: i64,
    /// Never touched, by anyone through Jarvis.
    pub protected: BTreeSet<Thing>,
}

impl Default for Limits {
    fn default() -> Self {
        const MINUTE_MS: i64 = 60_000;
        Self {
            actions_per_hour_max: 6,
            actions_per_day_max: 20,
            target_per_hour_max: 3,
            runbook_per_hour_max: 3,
            hands_off_ms: 15 * MINUTE_MS,
            flap_window_ms: 30 * MINUTE_MS,
            flap_cycles_max: 3,
            backoff_first_ms: MINUTE_MS,
            storm_nodes_min: 2,
            storm_guests_percent_min: 30,
            storage_full_percent_min: 95,
            looks_min: 2,
            approval_ms: 5 * MINUTE_MS,
            // Between the decision and the send lies one fsync and perhaps a queue.
            permit_ms: MINUTE_MS,
            protected: BTreeSet::new(),
        }
    }
}

/// Why a reload is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the new policy loosens {}; log in again to allow that", .0.join(", "))]
pub struct Loosens(pub Vec<&'static str>);

impl Limits {
    /// What `next` would allow that `self` does not.
    pub fn loosened_by(&self, next: &Self) -> Vec<&'static str> {
        // One line a field, and all fields by name, so that a new one cannot be forgotten.
        let Self {
            actions_per_hour_max,
            actions_per_day_max,
            target_per_hour_max,
            runbook_per_hour_max,
            hands_off_ms,
            flap_window_ms,
            flap_cycles_max,
            backoff_first_ms,
            storm_nodes_min,
            storm_guests_percent_min,
            storage_full_percent_min,
            looks_min,
            approval_ms,
            permit_ms,
            protected,
        } = next;
        let loosens = [
            ("actions_per_hour_max", *actions_per_hour_max > self.actions_per_hour_max),
            ("actions_per_day_max", *actions_per_day_max > self.actions_per_day_max),
            ("target_per_hour_max", *target_per_hour_max > self.target_per_hour_max),
            ("runbook_per_hour_max", *runbook_per_hour_max > self.runbook_per_hour_max),
            ("hands_off_ms", *hands_off_ms < self.hands_off_ms),
            ("flap_window_ms", *flap_window_ms < self.flap_window_ms),
            ("flap_cycles_max", *flap_cycles_max > self.flap_cycles_max),
            ("backoff_first_ms", *backoff_first_ms < self.backoff_first_ms),
            ("storm_nodes_min", *storm_nodes_min > self.storm_nodes_min),
            ("storm_guests_percent_min", *storm_guests_percent_min > self.storm_guests_percent_min),
            ("storage_full_percent_min", *storage_full_percent_min > self.storage_full_percent_min),
            ("looks_min", *looks_min < self.looks_min),
            ("approval_ms", *approval_ms > self.approval_ms),
            ("permit_ms", *permit_ms > self.permit_ms),
            ("protected", !protected.is_superset(&self.protected)),
        ];
        loosens.into_iter().filter(|(_, loosens)| *loosens).map(|(name, _)| name).collect()
    }

    /// Takes a new policy: always when it only tightens, otherwise only from a freshly logged-in person.
    pub fn reloaded(&self, next: Self, freshly_logged_in: bool) -> Result<Self, Loosens> {
        let loosened = self.loosened_by(&next);
        if loosened.is_empty() || freshly_logged_in { Ok(next) } else { Err(Loosens(loosened)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn i36_a_reload_only_tightens_unless_a_person_has_just_logged_in(
            hour in 0u32..12, off in 0i64..2_000_000, looks in 0u32..5, guests in proptest::collection::btree_set(100u32..104, 0..3),
        ) {
            let protect = |ns: &BTreeSet<u32>| ns.iter().map(|n| Thing::Guest((*n).try_into().unwrap())).collect();
            let now = Limits { protected: protect(&[101].into()), ..Limits::default() };
            let next = Limits {
                actions_per_hour_max: hour, hands_off_ms: off, looks_min: looks, protected: protect(&guests), ..Limits::default()
            };
            let tighter = hour <= 6 && off >= 900_000 && looks >= 2 && guests.contains(&101);
            prop_assert_eq!(now.reloaded(next.clone(), false).is_ok(), tighter);
            prop_assert!(now.reloaded(next, true).is_ok());
        }
    }
}
