//! Keeps the store in bounds: packs finished hours, forgets what is too old or too much.
//!
//! Not here: what is kept for how long (`store::limits`, configuration).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    clock::{Clock, Steadiness},
    store::Store,
    supervisor::{Loop, OnStop, Supervisor},
};

/// Finished hours are packed soon after they end; a round without work costs a few short reads.
pub const PERIOD: Duration = Duration::from_secs(300);

pub fn start(supervisor: &Supervisor, store: Store, clock: Clock) {
    let steady = Arc::new(Mutex::new(Steadiness::default()));
    supervisor.start(Loop::every("retention", PERIOD, OnStop::Finish), move || {
        let store = store.clone();
        let steady = steady.lock().unwrap_or_else(PoisonError::into_inner).look(clock.moment());
        async move { round(&store, steady).await }
    });
}

/// What is too old is told by the calendar, so while the clock was just set nothing is: a wrong date, put right in
/// time, costs no history.
async fn round(store: &Store, steady: bool) {
    if !steady {
        tracing::warn!("the clock was set; nothing counts as too old until it has gone evenly for a while");
        return;
    }
    match store.maintain().await {
        Ok(done) => tracing::debug!(?done, "the store was looked over"),
        Err(error) => {
            tracing::warn!(%error, "the store could not be looked over; it grows meanwhile")
        }
    }
    if let Err(error) = store.approvals().prune().await {
        tracing::warn!(%error, "old approvals could not be removed; they stay meanwhile");
    }
}

#[cfg(test)]
mod tests {
    use jarvis_core::protocol::{EventKind, EventSource, NewEvent, Severity};

    use super::*;
    use crate::store::{EventFilter, Limits};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn i37_nothing_is_too_old_while_the_clock_was_just_set() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Clock, Limits::default()).unwrap();
        let old = |ts_ms| NewEvent {
            ts_ms,
            kind: EventKind::System,
            severity: Severity::Info,
            source: EventSource::Sys,
            title: "long ago, or so the clock says".into(),
            detail: None,
            node: None,
            vmid: None,
            upid: None,
        };
        store.events().append(vec![old(1), old(2), old(3)]).await.unwrap();
        // The newest stays in any case.
        for (steady, left) in [(false, 3), (true, 1)] {
            round(&store, steady).await;
            let page = store.events().page(EventFilter::default(), None, 10).await.unwrap();
            assert_eq!(page.events.len(), left, "{steady}");
        }
    }
}
