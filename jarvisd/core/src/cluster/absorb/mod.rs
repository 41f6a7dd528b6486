//! How readings become the next state. Pure: the same readings at the same time give the same state.
//!
//! First every reading leaves its facts (`sources`, `membership`, `resources`, `guests`, `tasks`,
//! `detail`), then `settle` says what can be believed and how each thing does, and `headline` puts it in
//! a sentence. Records that did not change stay shared with the state before.

mod detail;
pub(crate) mod guests;
mod headline;
pub(crate) mod liveness;
mod membership;
mod resources;
mod settle;
pub(crate) mod sources;
mod tasks;

pub use guests::{DIRECT_HOLDS_MS, PAUSE_DOUBTED_AFTER_MS, START_SLACK_MS};
pub(crate) use headline::{names, plural};
pub use liveness::DISAGREE_MS;
pub use sources::{FRESH_INTERVALS, LATE_INTERVALS};
pub use tasks::{FINISHED_TASKS_MAX, RUNNING_TASKS_MAX};

use super::{
    ClusterState, SourceId,
    reading::{Part, Reading},
};

impl ClusterState {
    /// The state after these readings, at `now_ms`. Without readings only the sources grow older.
    pub fn absorb(&self, readings: &[Reading], now_ms: i64) -> ClusterState {
        let mut next = self.clone();
        for reading in readings {
            sources::note(&mut next.sources, reading);
            if let Ok(part) = &reading.part {
                take(&mut next, self, part, &reading.source, reading.at_ms);
            }
        }
        sources::age(&mut next.sources, now_ms);
        let facts = readings
            .iter()
            .any(|r| matches!(r.part, Ok(Part::Resources(_) | Part::Membership(_) | Part::GuestNow(_))));
        settle::settle(&mut next, self, facts, now_ms);
        next
    }
}

fn take(next: &mut ClusterState, was: &ClusterState, part: &Part, source: &SourceId, at_ms: i64) {
    match part {
        Part::Resources(answer) => {
            if let Some(text) = resources::take(next, answer, at_ms) {
                sources::doubt(&mut next.sources, source, was.sources.get(source), &text, at_ms);
            }
        }
        Part::Membership(answer) => membership::take(next, answer, at_ms),
        Part::Tasks(rows) => tasks::take(next, rows, at_ms),
        Part::NodeDetail(detail) => detail::take(next, detail, at_ms),
        Part::Sensors(sensors) => detail::sense(next, sensors, at_ms),
        Part::GuestNow(row) => guests::direct(next, row, at_ms),
        Part::Version(version) => next.memory.pve_version = Some(version.clone()),
    }
}

#[cfg(test)]
mod tests;
