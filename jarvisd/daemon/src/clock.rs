//! The only reader of time. Everything else is told what time it is.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

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
}
