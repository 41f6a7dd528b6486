//! A cap on how fast one client may ask: generous for a screen or a script, a wall for a runaway loop.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// One request a half millisecond, for ever: 2,000 a second.
const INTERVAL: Duration = Duration::from_micros(500);
/// Two seconds of it may come at once.
const BURST: Duration = Duration::from_secs(2);
/// A refused credential costs as much as this many requests: some 400 a second, and twice that at once. Nobody guesses a token
/// of 32 random bytes so, and a password has its own lock-out; who tries every route with every credential is let.
pub const REFUSAL_COST: u32 = 4;
/// Clients remembered. Beyond it those who asked nothing lately are forgotten, then all.
const CLIENTS_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub struct Limiter {
    /// Until when each client has used up its share.
    used_until: Mutex<HashMap<IpAddr, Instant>>,
}

impl Limiter {
    /// Takes `cost` requests' share, or says how long to wait.
    pub fn take(&self, client: IpAddr, cost: u32, now: Instant) -> Result<(), Duration> {
        let mut used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        if used_until.len() >= CLIENTS_MAX && !used_until.contains_key(&client) {
            used_until.retain(|_, until| *until > now);
            if used_until.len() >= CLIENTS_MAX {
                used_until.clear();
            }
        }
        let until = used_until.entry(client).or_insert(now);
        let start = (*until).max(now);
        let over = start.saturating_duration_since(now);
        if over > BURST {
            return Err(over.saturating_sub(BURST));
        }
        *until = start + INTERVAL * cost;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_a_flood_waits_and_others_are_not_held_up() {
        let (limiter, now) = (Limiter::default(), crate::clock::Clock.monotonic());
        let (loud, quiet): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let passed = (0..10_000).filter(|_| limiter.take(loud, 1, now).is_ok()).count();
        assert_eq!(passed, 4_001);
        assert!(limiter.take(quiet, 1, now).is_ok());
        assert!(limiter.take(loud, 1, now + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn a_walk_of_every_route_with_every_refused_credential_passes_and_a_flood_of_them_waits() {
        let (limiter, now) = (Limiter::default(), crate::clock::Clock.monotonic());
        let client: IpAddr = "10.0.0.1".parse().unwrap();
        // A request is charged for itself, and once more when it is refused.
        let refused = || limiter.take(client, 1, now).and_then(|()| limiter.take(client, REFUSAL_COST, now));
        let passed = (0..10_000).filter(|_| refused().is_ok()).count();
        // None, wrong, expired, revoked and narrow, as token and as session.
        let walk = crate::http::routes::ROUTES.len() * 10;
        assert!((walk..=1_000).contains(&passed), "{passed} refusals at once, {walk} are asked for");
    }

    #[test]
    fn the_memory_is_bounded() {
        let (limiter, now) = (Limiter::default(), crate::clock::Clock.monotonic());
        for n in 0..20_000_u32 {
            let _ = limiter.take(IpAddr::from(n.to_be_bytes()), 1, now);
        }
        assert!(limiter.used_until.lock().unwrap().len() <= CLIENTS_MAX);
    }
}
