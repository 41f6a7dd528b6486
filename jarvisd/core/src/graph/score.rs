//! How well a prediction fitted what was then seen, kept per kind of action.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Blast, Thing};

/// Counts that add up over actions of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    pub actions: u32,
    /// Said to go down, and did.
    pub hits: u32,
    /// Said to go down, and did not.
    pub false_alarms: u32,
    /// Went down unforeseen: what matters most.
    pub missed: u32,
}

impl Score {
    /// Of one action: what was predicted against what was seen to go down while it ran.
    pub fn of(predicted: &Blast, seen_down: &BTreeSet<Thing>) -> Self {
        let said: BTreeSet<_> = predicted.down.iter().map(|struck| &struck.thing).collect();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let hits = said.iter().filter(|thing| seen_down.contains(**thing)).count();
        Self {
            actions: 1,
            hits: count(hits),
            false_alarms: count(said.len().saturating_sub(hits)),
            missed: count(seen_down.iter().filter(|thing| !said.contains(thing)).count()),
        }
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            actions: self.actions.saturating_add(other.actions),
            hits: self.hits.saturating_add(other.hits),
            false_alarms: self.false_alarms.saturating_add(other.false_alarms),
            missed: self.missed.saturating_add(other.missed),
        }
    }
}
