//! How fast to ask: every second while somebody looks or an incident is open, else as slowly as the budget
//! needs. How many look changes nothing.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::budget::{EARLY, PARTS, WINDOW};
use crate::config::Poll;

/// A screen that is reloaded or changes its network is away for a moment; the watched pace outlives that.
pub const LINGER: Duration = Duration::from_secs(5);

/// The present pace. Every change of it is followed by a poll at once, so that the sources' intervals are
/// never longer out of date than one answer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub watched: bool,
    pub period: Duration,
}

impl Pace {
    pub fn watched(poll: &Poll) -> Self {
        Self { watched: true, period: Duration::from_millis(poll.watched_ms.into()) }
    }

    /// Never so fast that whole polls alone would use up the minute.
    pub fn idle(poll: &Poll) -> Self {
        let parts = u64::try_from(PARTS).unwrap_or(1);
        let rounds = (u64::from(poll.idle_requests_per_minute).saturating_sub(parts) / parts).max(1);
        let window_ms = u64::try_from((WINDOW + EARLY).as_millis()).unwrap_or(60_000);
        // A whole number of rounds, so that none of a window's rounds goes short.
        let least_ms = window_ms.div_ceil(rounds);
        Self { watched: false, period: Duration::from_millis(u64::from(poll.idle_ms).max(least_ms)) }
    }

    pub fn interval_ms(self) -> i64 {
        i64::try_from(self.period.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Keeps the pace up to date until the daemon stops.
pub async fn keep(
    pace: watch::Sender<Pace>,
    (watched, idle): (Pace, Pace),
    mut viewers: watch::Receiver<usize>,
    mut incident: watch::Receiver<bool>,
    stop: CancellationToken,
) {
    let mut incidents = true;
    loop {
        let wanted = *viewers.borrow_and_update() > 0 || *incident.borrow_and_update();
        let now = pace.borrow().watched;
        if wanted && !now {
            pace.send_replace(watched);
        }
        let leaving = !wanted && now;
        tokio::select! {
            () = stop.cancelled() => return,
            changed = viewers.changed() => if changed.is_err() { return },
            changed = incident.changed(), if incidents => incidents = changed.is_ok(),
            () = tokio::time::sleep(LINGER), if leaving => { pace.send_replace(idle); }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idle_pace_leaves_room_in_the_minute() {
        let poll =
            |idle_ms, idle_requests_per_minute| Poll { watched_ms: 1_000, idle_ms, idle_requests_per_minute };
        for (idle_ms, limit, period_ms) in [(10_000, 24, 10_000), (5_000, 24, 8_786), (10_000, 6, 61_500)] {
            let pace = Pace::idle(&poll(idle_ms, limit));
            assert_eq!(pace.interval_ms(), period_ms, "{idle_ms} {limit}");
        }
    }

    #[tokio::test]
    async fn the_first_viewer_quickens_at_once_and_an_incident_keeps_it_so() {
        let poll = Poll::default();
        let (sender, mut pace) = watch::channel(Pace::idle(&poll));
        let (viewers, count) = watch::channel(0);
        let (incident, open) = watch::channel(false);
        let stop = CancellationToken::new();
        let both = (Pace::watched(&poll), Pace::idle(&poll));
        let task = tokio::spawn(keep(sender, both, count, open, stop.clone()));
        viewers.send_replace(1);
        tokio::time::timeout(Duration::from_secs(1), pace.changed()).await.unwrap().unwrap();
        assert!(pace.borrow_and_update().watched);
        for n in [2, 50, 1] {
            viewers.send_replace(n);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!pace.has_changed().unwrap(), "how many look changes nothing");
        incident.send_replace(true);
        viewers.send_replace(0);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(pace.borrow().watched);
        stop.cancel();
        task.await.unwrap();
    }
}
