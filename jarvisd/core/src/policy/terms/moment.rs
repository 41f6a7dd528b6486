//! A moment on two clocks, so that windows and expiries survive a clock that jumps.
//!
//! The wall clock can be set; the boot clock cannot, but begins anew with each boot of the machine. Within one boot
//! only the boot clock is asked. Across a boot the answer is the one that grants less: an age is never taken for
//! greater than it surely is, a time-out never for not yet over.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Moment {
    /// UTC milliseconds since 1970; for people, and for windows of the calendar.
    pub wall_ms: i64,
    /// Milliseconds since the machine was booted, time asleep included; never set back.
    pub boot_ms: i64,
    /// Tells one boot of the machine from another.
    pub boot: u64,
}

impl Moment {
    /// At least this much time has passed since `then`, whatever was done to the wall clock.
    pub fn surely_since_ms(&self, then: &Self) -> i64 {
        if self.boot == then.boot {
            self.boot_ms.saturating_sub(then.boot_ms).max(0)
        } else {
            // `then` lies before this boot, so at least this boot's age has passed.
            self.boot_ms.max(0)
        }
    }

    /// Whether `wait_ms` may have passed since `then`; true whenever that cannot be ruled out.
    pub fn maybe_past(&self, then: &Self, wait_ms: i64) -> bool {
        match (self.boot == then.boot, self.boot_ms.cmp(&then.boot_ms)) {
            (true, Ordering::Less) => true,
            (true, _) => self.boot_ms.saturating_sub(then.boot_ms) >= wait_ms,
            (false, _) => true,
        }
    }

    /// This moment and `ms` more, on both clocks.
    pub fn plus_ms(&self, ms: i64) -> Self {
        Self {
            wall_ms: self.wall_ms.saturating_add(ms),
            boot_ms: self.boot_ms.saturating_add(ms),
            boot: self.boot,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn i37_the_wall_clock_changes_neither_ages_nor_expiries(
            age in 0i64..1_000_000_000, jump in any::<i32>(), wait in 0i64..1_000_000_000, wall in any::<i32>(),
        ) {
            let then = Moment { wall_ms: i64::from(wall), boot_ms: 5_000, boot: 7 };
            let now = Moment { wall_ms: i64::from(wall) + age + i64::from(jump), boot_ms: 5_000 + age, boot: 7 };
            prop_assert_eq!(now.surely_since_ms(&then), age);
            prop_assert_eq!(now.maybe_past(&then, wait), age >= wait);
        }

        #[test]
        fn i37_after_a_boot_ages_are_never_too_great_and_expiries_never_too_late(
            before in 0i64..1_000_000, off in 0i64..1_000_000, uptime in 0i64..1_000_000, wall in any::<i32>(),
        ) {
            let then = Moment { wall_ms: 0, boot_ms: before, boot: 1 };
            let now = Moment { wall_ms: i64::from(wall), boot_ms: uptime, boot: 2 };
            prop_assert!(now.surely_since_ms(&then) <= off + uptime);
            prop_assert!(now.maybe_past(&then, 1_000));
        }
    }
}
