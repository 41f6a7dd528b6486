//! The simulated clock: mechanism time that can be scaled, and wall time that stays honest.
//!
//! *sim* milliseconds drive every mechanism (pushes, expiry, task durations); they run `1/scale` times
//! as fast as real ones. *unix* time is what the API prints; it runs at the real pace, so a client that
//! compares it with its own clock sees no skew at any scale. Turning the clock moves both.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::num;

/// One reading of the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Now {
    pub sim_ms: u64,
    pub unix_ms: u64,
}

impl Now {
    pub fn unix_s(self) -> u64 {
        self.unix_ms / 1000
    }
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Real seconds since 1970, for what happened before the simulator began.
pub fn now_s() -> u64 {
    wall().as_secs()
}

#[derive(Debug)]
pub struct Clock {
    anchor: Instant,
    at_anchor: Now,
    scale: f64,
}

/// The fastest and slowest a clock may run; outside, timers lose their meaning.
pub const SCALE_RANGE: (f64, f64) = (0.001, 100.0);

/// The simulated clock does not begin at nothing, so that every node has pushed before the first look.
const START_MS: u64 = 60_000;

impl Clock {
    pub fn new(scale: f64) -> Self {
        let unix_ms = u64::try_from(wall().as_millis()).unwrap_or_default();
        let at_anchor = Now { sim_ms: START_MS, unix_ms };
        Self { anchor: Instant::now(), at_anchor, scale: scale.clamp(SCALE_RANGE.0, SCALE_RANGE.1) }
    }

    pub fn now(&self) -> Now {
        let real_ms = self.anchor.elapsed().as_secs_f64() * 1000.0;
        Now {
            sim_ms: self.at_anchor.sim_ms + num::whole(real_ms / self.scale),
            unix_ms: self.at_anchor.unix_ms + num::whole(real_ms),
        }
    }

    /// Real seconds per simulated second.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    pub fn set_scale(&mut self, scale: f64) {
        self.at_anchor = self.now();
        self.anchor = Instant::now();
        self.scale = scale.clamp(SCALE_RANGE.0, SCALE_RANGE.1);
    }

    /// Jumps forward; wall time moves by the same amount.
    pub fn advance_ms(&mut self, ms: u64) {
        self.at_anchor.sim_ms += ms;
        self.at_anchor.unix_ms += ms;
    }

    /// How long `sim_ms` simulated milliseconds really take.
    pub fn real(&self, sim_ms: u64) -> Duration {
        Duration::from_secs_f64(num::real(sim_ms) / 1000.0 * self.scale)
    }

    /// Wall time of a simulated instant near `now`.
    pub fn at(&self, now: Now, sim_ms: u64) -> Now {
        let ago_ms = num::whole(num::real(now.sim_ms.saturating_sub(sim_ms)) * self.scale);
        Now { sim_ms, unix_ms: now.unix_ms.saturating_sub(ago_ms) }
    }
}
