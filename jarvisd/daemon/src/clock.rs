//! The only reader of time. Everything else is told what time it is.

use std::{
    sync::OnceLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use jarvis_core::{policy::Moment, tools::Digest};
use rustix::time::{ClockId, clock_gettime};

/// A new number with each boot of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Wall and boot clock may drift apart this much between two looks: a clock being slewed, not set.
const DRIFT_MAX_MS: i64 = 5_000;
/// So long after a jump the calendar is not trusted; whoever set the clock may still be at it.
const UNSTEADY_MS: i64 = 15 * 60_000;

/// A handle on the machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

impl Clock {
    /// UTC milliseconds since 1970. It can jump; use [`Clock::monotonic`] to measure how long something took.
    pub fn now_ms(self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            // A clock set before 1970: every deadline has passed, nothing is fresh.
            Err(_) => 0,
        }
    }

    /// A clock that never jumps, for durations and deadlines.
    pub fn monotonic(self) -> Instant {
        Instant::now()
    }

    /// Now on two clocks, for windows and expiries that outlive the process and survive a jump.
    pub fn moment(self) -> Moment {
        let since_boot = clock_gettime(ClockId::Boottime);
        let boot_ms = since_boot.tv_sec.saturating_mul(1_000).saturating_add(since_boot.tv_nsec / 1_000_000);
        Moment { wall_ms: self.now_ms(), boot_ms, boot: boot() }
    }
}

/// Which boot of the machine this is. Where nobody can tell, all boots count as one: ages then come out too small,
/// never too great.
fn boot() -> u64 {
    static BOOT: OnceLock<u64> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let id = std::fs::read_to_string(BOOT_ID).unwrap_or_default();
        number(&Digest::of("boot", [id.trim().as_bytes()]))
    })
}

/// The first eight bytes of a digest.
fn number(digest: &Digest) -> u64 {
    digest.as_bytes().iter().take(8).fold(0, |n, byte| (n << 8) | u64::from(*byte))
}

/// Whether wall and boot clock go alike.
#[derive(Debug, Default)]
pub struct Steadiness {
    last: Option<Moment>,
    jumped: Option<Moment>,
}

impl Steadiness {
    /// Takes in the present moment; false for a while after the wall clock was set. A first look knows nothing yet
    /// and takes the clock as it is.
    pub fn look(&mut self, now: Moment) -> bool {
        if let Some(last) = self.last.replace(now) {
            let wall_ms = now.wall_ms.saturating_sub(last.wall_ms);
            let boot_ms = now.boot_ms.saturating_sub(last.boot_ms);
            if wall_ms.abs_diff(boot_ms) > DRIFT_MAX_MS.unsigned_abs() {
                self.jumped = Some(now);
            }
        }
        self.jumped.is_none_or(|at| now.surely_since_ms(&at) >= UNSTEADY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i37_a_jump_of_the_wall_clock_is_noticed_and_remembered_and_a_slew_is_not_one() {
        let start = Moment { wall_ms: 1_000_000, boot_ms: 5_000, boot: 1 };
        let at = |wall_ms: i64, boot_ms: i64| Moment {
            wall_ms: start.wall_ms + wall_ms,
            boot_ms: start.boot_ms + boot_ms,
            boot: 1,
        };
        let mut clock = Steadiness::default();
        assert!(clock.look(start));
        assert!(clock.look(at(60_000, 59_000)), "slewed");
        assert!(!clock.look(at(7_260_000, 60_000)), "set two hours ahead");
        assert!(!clock.look(at(7_261_000, 61_000)), "steady again, but not for long");
        assert!(clock.look(at(7_260_000 + UNSTEADY_MS, 60_000 + UNSTEADY_MS)));
        assert!(!clock.look(at(UNSTEADY_MS + 61_000, 61_000 + UNSTEADY_MS)), "set back");
    }

    #[test]
    fn a_moment_goes_on_and_names_the_same_boot() {
        let (a, b) = (Clock.moment(), Clock.moment());
        assert!(a.boot == b.boot && a.boot != 0 && b.boot_ms >= a.boot_ms && a.boot_ms > 0);
    }
}
