//! Runs loops: a period and a poke, one at a time, missed ticks skipped, restarted with back-off after a
//! panic, with a status. Knows no product: what a loop does is its own affair.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::{
    sync::{Notify, watch},
    time::sleep_until,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::clock::Clock;

/// Least time between the starts of two runs, whatever the pokes.
pub const RUN_GAP_MIN: Duration = Duration::from_millis(100);
/// Wait after a panic; doubled with each further one, up to the second.
pub const BACK_OFF_FIRST: Duration = Duration::from_secs(1);
pub const BACK_OFF_MAX: Duration = Duration::from_secs(60);

/// Asks for a run now. Pokes during a run give one more run after it.
#[derive(Clone, Default)]
pub struct Poke(Arc<Notify>);

impl Poke {
    pub fn poke(&self) {
        self.0.notify_one();
    }

    pub async fn poked(&self) {
        self.0.notified().await;
    }
}

/// What becomes of a run that is under way when the daemon stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStop {
    /// It only reads: it is dropped.
    Drop,
    /// It writes: it is waited for, within the grace of [`Supervisor::stopped`].
    Finish,
}

/// How a loop is run.
pub struct Loop {
    pub name: &'static str,
    /// A change is followed by a run at once.
    pub period: watch::Receiver<Duration>,
    pub poke: Poke,
    pub on_stop: OnStop,
}

impl Loop {
    /// A loop with a period that never changes and nobody to poke it.
    pub fn every(name: &'static str, period: Duration, on_stop: OnStop) -> Self {
        // A receiver outlives its sender; it only never changes.
        let (_, period) = watch::channel(period);
        Self { name, period, poke: Poke::default(), on_stop }
    }
}

/// How a loop fares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    pub runs: u64,
    pub panics: u64,
    /// Ticks that passed while a run was still under way.
    pub missed: u64,
    /// What the last panic said.
    pub panic: Option<String>,
    pub running: bool,
}

/// Owner of all loops.
#[derive(Clone)]
pub struct Supervisor {
    stop: CancellationToken,
    clock: Clock,
    tasks: TaskTracker,
    statuses: Arc<Mutex<BTreeMap<&'static str, Status>>>,
}

impl Supervisor {
    pub fn new(stop: CancellationToken, clock: Clock) -> Self {
        Self { stop, clock, tasks: TaskTracker::new(), statuses: Arc::default() }
    }

    /// The token that ends all loops.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Runs `work` until the daemon stops. Must be called within a runtime.
    pub fn start<W, F>(&self, this: Loop, work: W)
    where
        W: FnMut() -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.note(this.name, |_| {});
        self.tasks.spawn(self.clone().run(this, work));
    }

    /// Runs something once beside the loops; it must end by itself when the token is cancelled.
    pub fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    pub fn statuses(&self) -> BTreeMap<&'static str, Status> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for all loops after the token was cancelled; `false` when some were still busy after `grace`.
    pub async fn stopped(&self, grace: Duration) -> bool {
        self.tasks.close();
        tokio::time::timeout(grace, self.tasks.wait()).await.is_ok()
    }

    async fn run<W, F>(self, this: Loop, mut work: W)
    where
        W: FnMut() -> F + Send,
        F: Future<Output = ()> + Send,
    {
        let Loop { name, mut period, poke, on_stop } = this;
        let mut back_off = BACK_OFF_FIRST;
        let mut tick = self.clock.monotonic();
        loop {
            let started = self.clock.monotonic();
            self.note(name, |s| s.running = true);
            let Some(outcome) = self.once(&mut work, on_stop).await else { return };
            let before = tick;
            let mut wait_until = next_tick(&mut tick, *period.borrow_and_update(), self.clock.monotonic());
            self.note(name, |s| {
                s.running = false;
                s.runs += 1;
                s.missed += wait_until.1;
            });
            if let Err(panic) = outcome {
                tracing::error!(task = name, %panic, "a loop failed and is started again");
                self.note(name, |s| {
                    s.panics += 1;
                    s.panic = Some(panic);
                });
                tokio::select! {
                    () = tokio::time::sleep(back_off) => {}
                    () = self.stop.cancelled() => return,
                }
                back_off = back_off.saturating_mul(2).min(BACK_OFF_MAX);
                continue;
            }
            back_off = BACK_OFF_FIRST;
            wait_until.0 = wait_until.0.max(started + RUN_GAP_MIN);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep_until(wait_until.0.into()) => {}
                early = early(&poke, &mut period) => {
                    tokio::time::sleep_until((started + RUN_GAP_MIN).into()).await;
                    tick = match early {
                        // The tick that was waited for still comes.
                        Early::Poke => before,
                        Early::Period => self.clock.monotonic(),
                    };
                }
            }
        }
    }

    /// One run; `None` when the daemon stopped meanwhile, else what a panic said.
    async fn once<F: Future<Output = ()>>(
        &self,
        work: &mut impl FnMut() -> F,
        on_stop: OnStop,
    ) -> Option<Result<(), String>> {
        let run = AssertUnwindSafe(async { work().await }).catch_unwind();
        let outcome = match on_stop {
            OnStop::Finish => run.await,
            OnStop::Drop => tokio::select! {
                outcome = run => outcome,
                () = self.stop.cancelled() => return None,
            },
        };
        (!self.stop.is_cancelled()).then(|| outcome.map_err(|panic| said(panic.as_ref())))
    }

    fn note(&self, name: &'static str, f: impl FnOnce(&mut Status)) {
        f(self.statuses.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default());
    }
}

/// A poke, or another period. Without anybody left who could change the period only the poke counts.
async fn early(poke: &Poke, period: &mut watch::Receiver<Duration>) -> Early {
    tokio::select! {
        () = poke.poked() => Early::Poke,
        changed = period.changed() => {
            if changed.is_err() {
                poke.poked().await;
                return Early::Poke;
            }
            Early::Period
        }
    }
}

/// Why a run comes before its tick.
enum Early {
    Poke,
    Period,
}

/// The next tick of the grid that is still to come, and how many were missed.
fn next_tick(tick: &mut Instant, period: Duration, now: Instant) -> (Instant, u64) {
    let period = period.max(RUN_GAP_MIN);
    let mut next = *tick + period;
    let mut missed = 0;
    if next < now {
        let late = now.duration_since(next).as_nanos() / period.as_nanos().max(1);
        missed = u64::try_from(late).unwrap_or(u64::MAX).saturating_add(1);
        // After a long sleep of the machine the grid begins anew.
        next = now
            + period.saturating_sub(Duration::from_nanos(
                u64::try_from(now.duration_since(next).as_nanos() % period.as_nanos().max(1)).unwrap_or(0),
            ));
    }
    *tick = next;
    (next, missed)
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panicked".into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn counting(ms: u64) -> (Supervisor, Loop, watch::Sender<Duration>, Arc<AtomicU32>) {
        let (sender, period) = watch::channel(Duration::from_millis(ms));
        let this = Loop { name: "test", period, poke: Poke::default(), on_stop: OnStop::Drop };
        (Supervisor::new(CancellationToken::new(), Clock), this, sender, Arc::default())
    }

    #[test]
    fn missed_ticks_are_skipped_and_the_grid_is_kept() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        for (now, next, missed) in
            [(0, 1_000, 0), (400, 1_000, 0), (1_300, 2_000, 1), (3_600_500, 3_601_000, 3_600)]
        {
            let mut tick = start;
            let (is, skipped) = next_tick(&mut tick, ms(1_000), start + ms(now));
            assert_eq!((is - start, skipped), (ms(next), missed), "at {now}");
        }
    }

    #[tokio::test]
    async fn a_poke_runs_at_once_and_many_pokes_run_once_more() {
        let (supervisor, this, _period, runs) = counting(3_600_000);
        let poke = this.poke.clone();
        let counter = Arc::clone(&runs);
        supervisor.start(this, move || {
            let counter = Arc::clone(&counter);
            async move {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        (0..50).for_each(|_| poke.poke());
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        supervisor.stop().cancel();
        assert!(supervisor.stopped(Duration::from_secs(2)).await);
    }

    #[tokio::test]
    async fn pokes_do_not_put_off_the_next_tick() {
        let (supervisor, this, _period, runs) = counting(600);
        let poke = this.poke.clone();
        let counter = Arc::clone(&runs);
        supervisor.start(this, move || {
            counter.fetch_add(1, Ordering::SeqCst);
            async {}
        });
        // One at the start, one poked 150 ms before the tick, and the tick.
        tokio::time::sleep(Duration::from_millis(450)).await;
        poke.poke();
        tokio::time::sleep(Duration::from_millis(350)).await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        supervisor.stop().cancel();
    }

    #[tokio::test]
    async fn a_shorter_period_runs_at_once() {
        let (supervisor, this, period, runs) = counting(3_600_000);
        let counter = Arc::clone(&runs);
        supervisor.start(this, move || {
            counter.fetch_add(1, Ordering::SeqCst);
            async {}
        });
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        period.send_replace(Duration::from_millis(120));
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert!((3..=7).contains(&runs.load(Ordering::SeqCst)), "{}", runs.load(Ordering::SeqCst));
        supervisor.stop().cancel();
    }

    #[tokio::test]
    async fn a_panic_is_told_and_the_loop_goes_on() {
        let (supervisor, this, _period, runs) = counting(100);
        let counter = Arc::clone(&runs);
        supervisor.start(this, move || {
            let n = counter.fetch_add(1, Ordering::SeqCst);
            async move { assert!(n > 0, "the first run fails") }
        });
        tokio::time::sleep(Duration::from_millis(1_600)).await;
        let status = supervisor.statuses()["test"].clone();
        assert_eq!((status.panics, status.panic.as_deref()), (1, Some("the first run fails")));
        assert!(runs.load(Ordering::SeqCst) >= 2);
        supervisor.stop().cancel();
    }

    #[tokio::test]
    async fn a_stop_drops_readers_and_waits_for_writers() {
        for (on_stop, clean) in [(OnStop::Drop, true), (OnStop::Finish, false)] {
            let (supervisor, this, _period, _) = counting(100);
            supervisor.start(Loop { on_stop, ..this }, || tokio::time::sleep(Duration::from_secs(30)));
            tokio::time::sleep(Duration::from_millis(50)).await;
            supervisor.stop().cancel();
            assert_eq!(supervisor.stopped(Duration::from_millis(200)).await, clean, "{on_stop:?}");
        }
    }
}
