//! Says that rows were odd, but not with every poll: they would fill the log for as long as they are there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Clock;

/// How often the same list's odd rows are told.
const TELL_EVERY: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub(super) struct OddLog {
    clock: Clock,
    told: Mutex<HashMap<&'static str, (Instant, u32)>>,
}

impl OddLog {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, told: Mutex::default() }
    }

    /// Logs the first odd row of an answer, at most every ten minutes unless their number grows.
    pub(super) fn tell(&self, template: &'static str, rows: u32, first: Option<&str>) {
        if self.due(template, rows) {
            let first = first.unwrap_or_default();
            tracing::warn!(path = template, rows, first, "Proxmox sent rows that cannot be read in full");
        }
    }

    fn due(&self, template: &'static str, rows: u32) -> bool {
        let now = self.clock.monotonic();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = told
            .get(template)
            .is_none_or(|(at, most)| now.saturating_duration_since(*at) >= TELL_EVERY || rows > *most);
        if due {
            told.insert(template, (now, rows));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_odd_rows_are_told_once() {
        let log = OddLog::new(Clock);
        assert!(log.due("/cluster/resources", 1));
        assert!(!log.due("/cluster/resources", 1));
        assert!(log.due("/cluster/tasks", 1));
        assert!(log.due("/cluster/resources", 2));
        assert!(!log.due("/cluster/resources", 1));
    }
}
