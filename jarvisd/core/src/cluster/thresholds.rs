//! From when on something needs a look, and from when on it is critical.
//!
//! The rule in one line: a grade is taken on at its threshold and given up three points below it.

use super::memory::Grade;

/// Shares in thousandths.
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    pub attention: u64,
    pub critical: u64,
}

/// A storage fills slowly; at 95 % thin pools and journals begin to fail.
pub const STORAGE_FILL: Thresholds = Thresholds { attention: 850, critical: 950 };
/// A node's root disk, for the same reason.
pub const NODE_DISK: Thresholds = Thresholds { attention: 850, critical: 950 };
/// A node's memory; beyond 97 % the kernel begins to kill guests.
pub const NODE_MEM: Thresholds = Thresholds { attention: 900, critical: 970 };
/// A guest uses its memory as it likes: nearly full is worth a look, never an alarm.
pub const GUEST_MEM: Thresholds = Thresholds { attention: 950, critical: u64::MAX };
/// A container's disk.
pub const GUEST_DISK: Thresholds = Thresholds { attention: 850, critical: 950 };
/// A node's processors are busy from here on …
pub const NODE_CPU_HIGH: f64 = 0.95;
/// … and need a look when that lasts; a burst is nothing.
pub const NODE_CPU_HIGH_MS: i64 = 60_000;
/// A grade is given up this far below where it was taken on, so that it does not flicker.
pub const RELEASE: u64 = 30;

/// The grade of a share; an unknown share is graded fine, because nothing is known against it.
pub(crate) fn grade(permille: Option<u64>, at: Thresholds, was: Grade) -> Grade {
    let Some(share) = permille else { return Grade::Fine };
    let reached = |threshold: u64, grade: Grade| {
        let from = if was >= grade { threshold.saturating_sub(RELEASE) } else { threshold };
        share >= from
    };
    if reached(at.critical, Grade::Critical) {
        Grade::Critical
    } else if reached(at.attention, Grade::Attention) {
        Grade::Attention
    } else {
        Grade::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grade_is_taken_on_at_its_threshold_and_given_up_three_points_below() {
        let mut was = Grade::Fine;
        for (share, expected) in [
            (849, Grade::Fine),
            (850, Grade::Attention),
            (821, Grade::Attention),
            (949, Grade::Attention),
            (950, Grade::Critical),
            (920, Grade::Critical),
            (919, Grade::Attention),
            (819, Grade::Fine),
            (830, Grade::Fine),
            (1000, Grade::Critical),
            (0, Grade::Fine),
        ] {
            was = grade(Some(share), STORAGE_FILL, was);
            assert_eq!(was, expected, "{share}");
        }
        assert_eq!(grade(None, STORAGE_FILL, Grade::Critical), Grade::Fine);
        assert_eq!(grade(Some(1000), GUEST_MEM, Grade::Attention), Grade::Attention, "never critical");
    }
}
