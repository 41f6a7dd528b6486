//! What was done lately, for the sliding windows, and what went up and down lately, for the quarantine.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{limits::Limits, moment::Moment};
use crate::tools::Target;

/// One action that was sent, or may have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    pub at: Moment,
    /// When it was over; the present while it is under way.
    pub until: Moment,
    pub target: Target,
    /// Missing when no runbook was the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Asked for by a person in a session; such entries are kept for the record and do not fill the windows.
    pub by_human: bool,
    pub wake: bool,
}

/// The actions of the last day, read back from the store; its order does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    pub entries: Vec<Entry>,
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A window that is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full {
    pub what: &'static str,
    pub count: u32,
    pub max: u32,
}

impl Ledger {
    fn count(&self, now: &Moment, window_ms: i64, of: impl Fn(&Entry) -> bool) -> u32 {
        let within = |entry: &&Entry| now.surely_since_ms(&entry.at) < window_ms;
        let count = self.entries.iter().filter(within).filter(|entry| !entry.by_human && of(entry)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Every window in which one more action of automation has no room.
    pub fn full(&self, now: &Moment, target: &Target, runbook: Option<&str>, limits: &Limits) -> Vec<Full> {
        let windows = [
            ("actions of the last hour", self.count(now, HOUR_MS, |_| true), limits.actions_per_hour_max),
            ("actions of the last day", self.count(now, DAY_MS, |_| true), limits.actions_per_day_max),
            (
                "actions on this target in the last hour",
                self.count(now, HOUR_MS, |e| e.target == *target),
                limits.target_per_hour_max,
            ),
            (
                "actions of this runbook in the last hour",
                runbook.map_or(0, |id| self.count(now, HOUR_MS, |e| e.runbook.as_deref() == Some(id))),
                limits.runbook_per_hour_max,
            ),
        ];
        let full = windows.into_iter().filter(|(_, count, max)| count >= max);
        full.map(|(what, count, max)| Full { what, count, max }).collect()
    }

    /// When a person's last act on this target was over. What a program was allowed by a person is the program's act.
    pub fn last_by_person(&self, now: &Moment, target: &Target) -> Option<&Moment> {
        let theirs = self.entries.iter().filter(|entry| entry.by_human && entry.target == *target);
        theirs.map(|entry| &entry.until).min_by_key(|until| now.surely_since_ms(until))
    }

    /// Whether this node was woken within the last hour, by whomever.
    pub fn woken_lately(&self, now: &Moment, node: &Target) -> bool {
        self.entries.iter().any(|e| e.wake && e.target == *node && now.surely_since_ms(&e.at) < HOUR_MS)
    }
}

/// How often a thing went down lately, and what follows from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Flaps {
    /// When it went down, per target; oldest first.
    pub downs: BTreeMap<String, Vec<Moment>>,
    /// Quarantined until a person lifts it.
    pub quarantined: BTreeMap<String, Moment>,
    /// How often in a row a remedy was tried, for the doubling back-off.
    pub tries: BTreeMap<String, (u32, Moment)>,
}

impl Flaps {
    /// Records that the target went down; three times within the window and it is quarantined.
    pub fn went_down(&mut self, target: &Target, now: Moment, limits: &Limits) {
        let key = target.to_string();
        let downs = self.downs.entry(key.clone()).or_default();
        downs.retain(|at| now.surely_since_ms(at) < limits.flap_window_ms);
        downs.push(now);
        if u32::try_from(downs.len()).unwrap_or(u32::MAX) >= limits.flap_cycles_max {
            self.quarantined.entry(key).or_insert(now);
        }
    }

    /// Records that a remedy was tried. When none was called for in a whole window after the last wait was over, that
    /// one has held, and counting begins anew.
    pub fn tried(&mut self, target: &Target, now: Moment, limits: &Limits) {
        let held = self.tries.get(&target.to_string()).is_some_and(|(tries, last)| {
            let quiet_ms = wait_ms(*tries, limits).saturating_add(limits.flap_window_ms);
            now.surely_since_ms(last) >= quiet_ms
        });
        let slot = self.tries.entry(target.to_string()).or_insert((0, now));
        *slot = (if held { 1 } else { slot.0.saturating_add(1) }, now);
    }

    /// A person's act: forgets the past of this target.
    pub fn lifted(&mut self, target: &Target) {
        let key = target.to_string();
        self.downs.remove(&key);
        self.quarantined.remove(&key);
        self.tries.remove(&key);
    }

    pub fn is_quarantined(&self, target: &Target) -> bool {
        self.quarantined.contains_key(&target.to_string())
    }

    /// Milliseconds to wait before the next try; each try doubles the wait.
    pub fn backoff_left_ms(&self, target: &Target, now: &Moment, limits: &Limits) -> i64 {
        let Some((tries, last)) = self.tries.get(&target.to_string()) else { return 0 };
        wait_ms(*tries, limits).saturating_sub(now.surely_since_ms(last)).max(0)
    }
}

/// From the last of so many tries in a row to the next one.
fn wait_ms(tries: u32, limits: &Limits) -> i64 {
    /// 2^10 times the first wait is longer than any window here.
    const DOUBLINGS_MAX: u32 = 10;
    let doublings = tries.saturating_sub(1).min(DOUBLINGS_MAX);
    limits.backoff_first_ms.saturating_mul(1_i64 << doublings)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(boot_ms: i64) -> Moment {
        Moment { wall_ms: 0, boot_ms, boot: 1 }
    }

    fn guest(n: u32) -> Target {
        Target::Guest(n.try_into().unwrap())
    }

    proptest! {
        /// I11: whatever is asked whenever, no window ever holds more than its limit.
        #[test]
        fn i11_no_sliding_window_ever_holds_more_than_its_limit(
            asks in prop::collection::vec((0i64..3_000_000, 100u32..104, 0u8..3, any::<i32>()), 1..120),
        ) {
            let limits = Limits::default();
            let mut ledger = Ledger::default();
            let mut boot_ms = 0;
            for (pause, n, book, wall) in asks {
                boot_ms += pause;
                let now = Moment { wall_ms: i64::from(wall), boot_ms, boot: 1 };
                let book = format!("book-{book}");
                if ledger.full(&now, &guest(n), Some(&book), &limits).is_empty() {
                    ledger.entries.push(Entry { at: now, until: now, target: guest(n), runbook: Some(book), by_human: false, wake: false });
                }
            }
            for (i, first) in ledger.entries.iter().enumerate() {
                let within = |ms: i64| ledger.entries[i..].iter().filter(move |e| e.at.boot_ms - first.at.boot_ms < ms);
                prop_assert!(within(HOUR_MS).count() <= 6 && within(DAY_MS).count() <= 20);
                prop_assert!(within(HOUR_MS).filter(|e| e.target == first.target).count() <= 3);
                prop_assert!(within(HOUR_MS).filter(|e| e.runbook == first.runbook).count() <= 3);
            }
        }
    }

    #[test]
    fn i11_a_restart_of_the_machine_does_not_empty_the_windows() {
        let limits = Limits::default();
        let entry = |n| {
            let at = at(9_000_000);
            Entry { at, until: at, target: guest(n), runbook: None, by_human: false, wake: false }
        };
        let ledger = Ledger { entries: (100..106).map(entry).collect() };
        // Booted a minute ago, and the wall clock set a year ahead.
        let now = Moment { wall_ms: 31_536_000_000, boot_ms: 60_000, boot: 2 };
        assert!(!ledger.full(&now, &guest(200), None, &limits).is_empty());
    }

    #[test]
    fn i12_three_falls_in_half_an_hour_quarantine_until_a_person_lifts_it() {
        let limits = Limits::default();
        let mut flaps = Flaps::default();
        let minute = 60_000;
        for m in [0, 10, 31] {
            flaps.went_down(&guest(100), at(m * minute), &limits);
        }
        assert!(!flaps.is_quarantined(&guest(100)), "only two within thirty minutes");
        flaps.went_down(&guest(100), at(35 * minute), &limits);
        assert!(flaps.is_quarantined(&guest(100)) && !flaps.is_quarantined(&guest(101)));
        flaps.lifted(&guest(100));
        assert!(!flaps.is_quarantined(&guest(100)));
    }

    #[test]
    fn i12_the_wait_before_the_next_try_doubles() {
        let limits = Limits::default();
        let mut flaps = Flaps::default();
        let mut waits = Vec::new();
        for _ in 0..4 {
            flaps.tried(&guest(100), at(0), &limits);
            waits.push(flaps.backoff_left_ms(&guest(100), &at(0), &limits));
        }
        assert!(waits.windows(2).all(|pair| pair[1] == 2 * pair[0]), "{waits:?}");
        // Eight minutes of waiting and half an hour in which it held: the next fall is a new story.
        let mut held = flaps.clone();
        held.tried(&guest(100), at(38 * 60_000 - 1), &limits);
        assert_eq!(held.tries["guest/100"].0, 5);
        flaps.tried(&guest(100), at(38 * 60_000), &limits);
        assert_eq!(flaps.tries["guest/100"].0, 1);
    }
}
