//! The audit while the daemon runs: its beginning and end as rows, checkpoints in the log, and what other processes
//! wrote.
//!
//! A checkpoint that lies outside of the database, in a log that is kept elsewhere, is what shows rows cut off the end.
//! Not here: what is recorded of actions (the executor) and of access (the store).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jarvis_core::audit::{Checkpoint, Draft, Head, Kind};
use serde_json::{Value, json};

use crate::{
    clock::Clock,
    store::{Store, StoreError},
    supervisor::{Loop, OnStop, Supervisor},
};

/// A log line an hour is no noise, and an hour is the most that can vanish unseen.
pub const CHECKPOINT_PERIOD: Duration = Duration::from_secs(3_600);
/// A token revoked on the command line ends its open streams within this.
pub const OTHERS_PERIOD: Duration = Duration::from_secs(1);

/// Starts the loops. `look_again` is told when another process has written to the store.
pub fn start(supervisor: &Supervisor, store: Store, look_again: impl Fn() + Send + Sync + 'static) {
    let others = store.clone();
    let look_again = Arc::new(look_again);
    supervisor.start(Loop::every("others", OTHERS_PERIOD, OnStop::Finish), move || {
        let (store, look_again) = (others.clone(), Arc::clone(&look_again));
        async move {
            match store.joined_by_others().await {
                Ok(true) => look_again(),
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "other writers could not be looked for"),
            }
        }
    });
    // From the first row once after a start, then only what was added.
    let stood = Arc::new(Mutex::new(Head::EMPTY.checkpoint()));
    supervisor.start(Loop::every("checkpoint", CHECKPOINT_PERIOD, OnStop::Finish), move || {
        let (store, stood) = (store.clone(), Arc::clone(&stood));
        async move {
            let from = *stood.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(end) = checkpoint(&store, from).await {
                *stood.lock().unwrap_or_else(PoisonError::into_inner) = end;
            }
        }
    });
}

async fn checkpoint(store: &Store, from: Checkpoint) -> Option<Checkpoint> {
    match store.audit().verify_after(from).await {
        Ok(end) => {
            tracing::info!(checkpoint = %end, "the audit stands");
            keep(store, end).await;
            Some(end)
        }
        Err(error @ StoreError::Audit(_)) => {
            tracing::error!(%error, "THE AUDIT WAS CHANGED");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the audit could not be read through");
            None
        }
    }
}

async fn keep(store: &Store, end: Checkpoint) {
    if let Err(error) = store.audit().keep(end).await {
        tracing::warn!(%error, "the checkpoint could not be kept beside the database; the log has it");
    }
}

/// The daemon runs from here on. A store that takes no row is told of and not fatal: reading goes on without it.
pub async fn started(store: &Store, clock: Clock, build: &str) {
    let detail = json!({ "version": build, "process": std::process::id() });
    record(store, clock, Kind::Started, &detail).await;
}

/// The last row of this run, and the checkpoint that includes it.
pub async fn stopped(store: &Store, clock: Clock, in_time: bool) {
    record(store, clock, Kind::Stopped, &json!({ "in_time": in_time })).await;
    match store.audit().head().await {
        Ok(end) => {
            tracing::info!(checkpoint = %end, "the audit ends here for now");
            // A chain that does not stand keeps the checkpoint that shows it.
            if store.healthy().is_ok() {
                keep(store, end).await;
            }
        }
        Err(error) => tracing::warn!(%error, "the end of the audit could not be read"),
    }
}

async fn record(store: &Store, clock: Clock, kind: Kind, detail: &Value) {
    let draft = Draft {
        at_ms: clock.now_ms(),
        kind,
        who: "system".into(),
        subject: "jarvisd".into(),
        detail: jarvis_core::tools::canonical::canonical(detail),
    };
    if let Err(error) = store.audit().append(draft).await {
        tracing::error!(%error, "the audit takes no row; nothing above reading is done until it does");
    }
}
