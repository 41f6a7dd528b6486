//! At most so many requests a minute while nobody looks, whatever happens: retries, fail-over and second
//! askings count as much as first ones.
//!
//! A sliding window, so that no minute, wherever it begins, holds more than the limit.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{clients::proxmox::Allowance, clock::Clock};

/// A minute, and a moment for requests that are on their way longer than others.
const WINDOW: Duration = Duration::from_millis(60_500);
/// Nodes that the configured limit is meant for; each further one adds one request a minute.
const NODES_INCLUDED: usize = 4;
/// Parts of a poll: resources, membership, tasks.
pub const PARTS: usize = 3;

/// Requests sent while nobody looked.
pub struct Budget {
    limit: AtomicUsize,
    base: usize,
    sent: Mutex<VecDeque<Instant>>,
    clock: Clock,
}

impl Budget {
    pub fn new(requests_per_minute: u16, clock: Clock) -> Arc<Self> {
        let base = usize::from(requests_per_minute);
        Arc::new(Self { limit: AtomicUsize::new(base), base, sent: Mutex::default(), clock })
    }

    /// Widens the limit for clusters of more than four nodes.
    pub fn for_nodes(&self, nodes: usize) {
        self.limit.store(self.base + nodes.saturating_sub(NODES_INCLUDED), Ordering::Relaxed);
    }

    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Takes one request of a part out of the window.
    fn take_at(&self, now: Instant) -> bool {
        self.take_leaving(0, now)
    }

    /// Takes one request, unless fewer than `leave` would remain.
    fn take_leaving(&self, leave: usize, now: Instant) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        while sent.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
            sent.pop_front();
        }
        let granted = sent.len() + leave < self.limit();
        if granted {
            sent.push_back(now);
        }
        granted
    }
}

/// For the parts of a poll.
impl Allowance for Budget {
    fn take(&self) -> bool {
        self.take_at(self.clock.monotonic())
    }
}

/// For everything else: always leaves enough for one whole poll, so that details starve first.
pub struct Extras(pub Arc<Budget>);

impl Allowance for Extras {
    fn take(&self) -> bool {
        self.0.take_leaving(PARTS, self.0.clock.monotonic())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_minute_wherever_it_begins_holds_more_than_the_limit(
            gaps_ms in prop::collection::vec(0u64..4_000, 1..400),
            extras in prop::collection::vec(any::<bool>(), 400),
            nodes in 1usize..12,
        ) {
            let budget = Budget::new(24, Clock);
            budget.for_nodes(nodes);
            let limit = 24 + nodes.saturating_sub(4);
            let start = Clock.monotonic();
            let (mut at, mut sent) = (0, Vec::new());
            for (gap, extra) in gaps_ms.iter().zip(extras) {
                at += gap;
                let now = start + Duration::from_millis(at);
                let leave = if extra { PARTS } else { 0 };
                if budget.take_leaving(leave, now) {
                    sent.push(at);
                }
            }
            for first in &sent {
                let minute = sent.iter().filter(|s| (*first..*first + 60_000).contains(*s)).count();
                prop_assert!(minute <= limit, "{minute} from {first}");
            }
        }
    }

    #[test]
    fn details_leave_enough_for_the_next_poll() {
        let budget = Budget::new(6, Clock);
        let now = Clock.monotonic();
        assert!((0..3).all(|_| budget.take_leaving(PARTS, now)));
        assert!(!budget.take_leaving(PARTS, now), "the rest is for a poll");
        assert!((0..3).all(|_| budget.take_at(now)));
        assert!(!budget.take_at(now));
        assert!(budget.take_at(now + WINDOW), "a minute later there is room again");
    }
}
