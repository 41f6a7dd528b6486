//! What ends a shell from outside: time, the log-in it belongs to, and its screen's absence.

use std::time::{Duration, Instant};

use jarvis_core::protocol::TerminalServerFrame;
use tokio::sync::broadcast::error::RecvError;

use super::{
    super::{
        line::{End, Return, Say},
        record::{Ending, Passed},
    },
    Held, Typed,
};
use crate::{access::Ended, clients::ssh::Size};

/// A log-in can end without a word (its time is over), so it is looked up now and then.
const RECHECK_EVERY: Duration = Duration::from_secs(30);
/// How long before the idle limit a person is warned; half the limit when that is shorter.
const WARNING: Duration = Duration::from_secs(60);
/// For the last word to a screen that may be gone.
const FAREWELL_WAIT: Duration = Duration::from_millis(500);

impl Held {
    /// The next moment something is due.
    pub(super) fn deadline(&self) -> Instant {
        let idle = self.live.is_some().then(|| if self.warned { self.idle_at() } else { self.warn_at() });
        let away = self.away_at.map(|at| at + self.resume_wait());
        [idle, away].into_iter().flatten().fold(self.recheck_at, Instant::min)
    }

    fn resume_wait(&self) -> Duration {
        Duration::from_secs(self.inner.parts.config.resume_s.into())
    }

    fn idle_at(&self) -> Instant {
        self.key_at + Duration::from_secs(self.inner.parts.config.idle_s.into())
    }

    fn warn_at(&self) -> Instant {
        let limit = Duration::from_secs(self.inner.parts.config.idle_s.into());
        self.key_at + limit.saturating_sub(WARNING.min(limit / 2))
    }

    pub(super) async fn on_time(&mut self) -> bool {
        let now = self.inner.parts.clock.monotonic();
        if self.away_at.is_some_and(|at| now >= at + self.resume_wait()) {
            return self.end(Ending::NotReturned, End::Unknown).await;
        }
        if self.live.is_some() && now >= self.idle_at() {
            return self.end(Ending::Idle, End::Idle).await;
        }
        if self.live.is_some() && !self.warned && now >= self.warn_at() {
            self.warned = true;
            self.warn(now);
        }
        if now >= self.recheck_at {
            self.recheck_at = now + RECHECK_EVERY;
            return self.check_login().await;
        }
        true
    }

    fn warn(&mut self, now: Instant) {
        let left = self.idle_at().saturating_duration_since(now).as_millis();
        self.frame(TerminalServerFrame::Idle { left_ms: i64::try_from(left).unwrap_or(i64::MAX) });
    }

    /// Somebody is there.
    pub(super) fn touched(&mut self) {
        self.key_at = self.inner.parts.clock.monotonic();
        if self.warned {
            self.warned = false;
            self.frame(TerminalServerFrame::Idle { left_ms: 0 });
        }
    }

    pub(super) async fn on_login(&mut self, what: Result<Ended, RecvError>) -> bool {
        match what {
            // A second log-in in the same browser goes on with what the first began.
            Ok(Ended::Replaced { old, new }) if old == self.owner => {
                self.owner = new;
                true
            }
            Ok(Ended::Session(session)) if session != self.owner => true,
            Ok(Ended::Token(_) | Ended::Replaced { .. }) => true,
            // Mine, or so many at once that some were missed: look it up.
            Ok(Ended::Session(_) | Ended::AllSessions | Ended::Anything) | Err(_) => self.check_login().await,
        }
    }

    /// Whether the log-in still stands. A store that cannot say ends nothing by itself: it is asked again.
    async fn check_login(&mut self) -> bool {
        match self.inner.parts.keeper.session_by_hash(self.owner).await {
            Ok(Some(_)) => true,
            Ok(None) => self.end(Ending::LoggedOut, End::Access).await,
            Err(error) => {
                tracing::warn!(%error, "the right to a terminal could not be looked up");
                true
            }
        }
    }

    /// A screen is back: it goes on where it was, if it says where, and otherwise begins with what is kept.
    pub(super) fn on_return(&mut self, back: Return) -> bool {
        let Return { screen, session, received, size } = back;
        if session != self.owner {
            let _ = screen.say.try_send(Say::End(End::Forbidden));
            return true;
        }
        if let Some(old) = self.screen.take() {
            let _ = old.say.try_send(Say::End(End::Elsewhere));
        }
        self.away_at = None;
        self.outbox.clear();
        self.screen = Some(screen);
        if let Some((_, said)) = &mut self.over {
            *said = false;
        }
        let from = self.ring.rewind(received);
        self.greet(true, from);
        if received != Some(from) && !self.ring.whole() {
            // It begins in the middle of a drawing; a full-screen program draws anew when its size changes.
            self.queue(Typed::Resize(Size { rows: size.rows.saturating_sub(1).max(1), ..size }));
        }
        self.queue(Typed::Resize(size));
        if self.warned {
            self.warn(self.inner.parts.clock.monotonic());
        }
        true
    }

    /// The shell waits for its screen, for a while.
    pub(super) fn lose_screen(&mut self) -> bool {
        self.screen = None;
        self.away_at = Some(self.inner.parts.clock.monotonic());
        true
    }

    /// Ends the shell for a reason of ours, at once.
    pub(super) async fn end(&mut self, ending: Ending, end: End) -> bool {
        self.settle(&ending).await;
        if let Some(screen) = self.screen.take() {
            let _ = tokio::time::timeout(FAREWELL_WAIT, screen.say.send(Say::End(end))).await;
        }
        false
    }

    /// Lets go of the shell, which hangs up, and closes its record.
    pub(super) async fn settle(&mut self, ending: &Ending) {
        let Some(live) = self.live.take() else { return };
        self.typed.clear();
        self.typed_waiting = 0;
        drop(live.shell);
        let passed = Passed { typed_bytes: self.typed_total, shown_bytes: self.ring.end() };
        live.record.close(ending, passed).await;
    }
}
