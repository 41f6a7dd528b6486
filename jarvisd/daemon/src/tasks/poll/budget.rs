//! At most so many requests a minute while nobody looks, whatever happens: retries, fail-over and second
//! askings count as much as first ones.
//!
//! A sliding window, so that no minute, wherever it begins, holds more than the limit. The regular rounds come first:
//! whatever else wants a request gets one only if every round to come in the window still finds its own. So figures
//! never stand still longer than a period, however much is poked, read directly or looked up beside.

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
pub const WINDOW: Duration = Duration::from_millis(60_500);
/// Nodes that the configured limit is meant for; each further one adds one request a minute.
const NODES_INCLUDED: usize = 4;
/// Parts of a poll: resources, membership, tasks.
pub const PARTS: usize = 3;
/// A round may come so much sooner than foreseen.
pub const EARLY: Duration = Duration::from_secs(1);

/// Requests sent while nobody looked.
pub struct Budget {
    limit: AtomicUsize,
    base: usize,
    /// Between two rounds.
    period: Duration,
    book: Mutex<Book>,
    clock: Clock,
}

#[derive(Default)]
struct Book {
    /// Oldest first.
    sent: VecDeque<Instant>,
    /// When the last round began, and the requests it has had.
    round: Option<(Instant, usize)>,
}

impl Budget {
    pub fn new(requests_per_minute: u16, period: Duration, clock: Clock) -> Arc<Self> {
        let base = usize::from(requests_per_minute);
        Arc::new(Self { limit: AtomicUsize::new(base), base, period, book: Mutex::default(), clock })
    }

    /// Widens the limit for clusters of more than four nodes.
    pub fn for_nodes(&self, nodes: usize) {
        self.limit.store(self.base + nodes.saturating_sub(NODES_INCLUDED), Ordering::Relaxed);
    }

    /// What the rounds leave of a window for everything else, at least one.
    pub fn spare(&self) -> usize {
        self.limit.load(Ordering::Relaxed).saturating_sub(rounds_a_window(self.period) * PARTS).max(1)
    }

    /// Takes one request of a regular round.
    fn take_round(&self, now: Instant) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let mut book = self.book(now);
        let granted = book.sent.len() < limit;
        if granted {
            book.sent.push_back(now);
            book.round = match book.round {
                // The parts of a round begin within moments.
                Some((began, had)) if now.saturating_duration_since(began) < self.period / 2 => {
                    Some((began, had + 1))
                }
                _ => Some((now, 1)),
            };
        }
        granted
    }

    /// Takes one request for something else, if the rounds to come do not miss it.
    fn take_extra(&self, now: Instant) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let mut book = self.book(now);
        let granted = book.spares_one(limit, self.period, now);
        if granted {
            book.sent.push_back(now);
        }
        granted
    }

    fn book(&self, now: Instant) -> std::sync::MutexGuard<'_, Book> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        while book.sent.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
            book.sent.pop_front();
        }
        book
    }
}

impl Book {
    fn spares_one(&self, limit: usize, period: Duration, now: Instant) -> bool {
        // Before the first round: it may come at any moment.
        let (began, had) = self.round.unwrap_or((now, 0));
        // What the round under way has still to ask, and this one.
        let mut foreseen = PARTS.saturating_sub(had) + 1;
        if self.sent.len() + foreseen > limit {
            return false;
        }
        let mut due = (began + period).checked_sub(EARLY).unwrap_or(began);
        while due.saturating_duration_since(now) < WINDOW {
            foreseen += PARTS;
            let left = self.sent.iter().filter(|sent| due.saturating_duration_since(**sent) < WINDOW).count();
            if left + foreseen > limit {
                return false;
            }
            due += period;
        }
        true
    }
}

/// As many rounds begin in one window at most.
pub fn rounds_a_window(period: Duration) -> usize {
    let rounds = (WINDOW + EARLY).as_nanos().div_ceil(period.as_nanos().max(1));
    usize::try_from(rounds).unwrap_or(usize::MAX)
}

/// For the parts of a regular round.
impl Allowance for Budget {
    fn take(&self) -> bool {
        self.take_round(self.clock.monotonic())
    }
}

/// For everything else: pokes, details, direct reads, and whatever others look up.
pub struct Extras(pub Arc<Budget>);

impl Allowance for Extras {
    fn take(&self) -> bool {
        self.0.take_extra(self.0.clock.monotonic())
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
            let budget = Budget::new(24, Duration::from_secs(10), Clock);
            budget.for_nodes(nodes);
            let limit = 24 + nodes.saturating_sub(4);
            let start = Clock.monotonic();
            let (mut at, mut sent) = (0, Vec::new());
            for (gap, extra) in gaps_ms.iter().zip(extras) {
                at += gap;
                let now = start + Duration::from_millis(at);
                let granted = if extra { budget.take_extra(now) } else { budget.take_round(now) };
                sent.extend(granted.then_some(at));
            }
            for first in &sent {
                let minute = sent.iter().filter(|s| (*first..*first + 60_000).contains(*s)).count();
                prop_assert!(minute <= limit, "{minute} from {first}");
            }
        }

        #[test]
        fn no_round_ever_goes_short_however_much_else_is_wanted(
            wanted_ms in prop::collection::vec(0u64..600_000, 0..2_000),
            late_ms in prop::collection::vec(0u64..900, 60),
            (limit, period_ms) in prop_oneof![Just((24u16, 10_000u64)), Just((24, 8_786)), Just((6, 61_500))],
        ) {
            let budget = Budget::new(limit, Duration::from_millis(period_ms), Clock);
            let start = Clock.monotonic();
            // Three parts of each round, a little late each time, and whatever else in between.
            let ticks = (0u64..).map(|n| n * period_ms).take_while(|at| *at < 600_000);
            let rounds = ticks.zip(&late_ms).flat_map(|(at, late)| {
                [at + late, at + late + 3, at + late + 90].map(|at| (at, true))
            });
            let mut all: Vec<(u64, bool)> = rounds.chain(wanted_ms.iter().map(|at| (*at, false))).collect();
            all.sort_unstable();
            let mut spared = 0_usize;
            for (at, round) in all {
                let now = start + Duration::from_millis(at);
                if round {
                    prop_assert!(budget.take_round(now), "a round at {at} ms went short");
                } else {
                    spared += usize::from(budget.take_extra(now));
                }
            }
            // Two a minute at the period that is set from the start; at the shortest one the rounds take nearly all.
            let least = match (limit, period_ms) {
                (24, 10_000) => 20,
                (24, _) => 6,
                _ => 0,
            };
            if wanted_ms.len() > 1_000 {
                prop_assert!(spared >= least, "only {spared} of {} in ten minutes", wanted_ms.len());
            }
        }
    }

    #[test]
    fn what_is_wanted_before_the_first_round_leaves_room_for_all_of_its_minute() {
        let budget = Budget::new(24, Duration::from_secs(10), Clock);
        let start = Clock.monotonic();
        assert_eq!((0..10).filter(|_| budget.take_extra(start)).count(), 3);
        for n in 0..=6 {
            let round = start + Duration::from_secs(10 * n);
            assert!((0..PARTS).all(|_| budget.take_round(round)), "round {n}");
        }
    }

    #[test]
    fn what_the_rounds_leave_is_given_to_the_others_and_comes_back_with_the_window() {
        let budget = Budget::new(24, Duration::from_secs(10), Clock);
        let start = Clock.monotonic();
        assert!((0..PARTS).all(|_| budget.take_round(start)));
        // Seven rounds begin within a window: three requests are left.
        assert_eq!(budget.spare(), 3);
        let now = start + Duration::from_secs(2);
        assert_eq!((0..10).filter(|_| budget.take_extra(now)).count(), 3);
        for n in 1..=7 {
            let round = start + Duration::from_secs(10 * n);
            assert!((0..PARTS).all(|_| budget.take_round(round)), "round {n}");
        }
        assert!(budget.take_extra(start + Duration::from_secs(71)), "a minute later there is room again");
    }
}
