//! Keeps the store in bounds: packs finished hours, forgets what is too old or too much.
//!
//! Not here: what is kept for how long (`store::limits`, configuration).

use std::time::Duration;

use crate::{
    store::Store,
    supervisor::{Loop, OnStop, Supervisor},
};

/// Finished hours are packed soon after they end; a round without work costs a few short reads.
pub const PERIOD: Duration = Duration::from_secs(300);

pub fn start(supervisor: &Supervisor, store: Store) {
    supervisor.start(Loop::every("retention", PERIOD, OnStop::Finish), move || {
        let store = store.clone();
        async move {
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
    });
}
