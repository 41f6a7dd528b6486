//! Counts what the client does, per kind of request: for metrics, and for the poller's budget.
//!
//! Every request that is sent counts, so retries, fail-over and second askings do too. Not here: their export.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jarvis_core::cluster::NodeName;

/// Upper bounds of the duration buckets, in milliseconds; one more bucket holds what is above.
pub const BUCKET_BOUNDS_MS: [u64; 10] = [25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

#[derive(Debug, Default)]
pub struct Meter {
    counts: Mutex<Counts>,
}

/// A copy of all counts, in a stable order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    pub endpoints: BTreeMap<EndpointKey, EndpointCount>,
    /// Failed requests by [`ErrorKind::word`](super::ErrorKind::word), per node.
    pub errors: BTreeMap<(NodeName, &'static str), u64>,
    /// Requests sent a second time because a connection broke.
    pub retries: u64,
    /// Requests sent to a further node because one failed.
    pub failovers: u64,
    /// Requests also sent to a further node because one was slow.
    pub hedges: u64,
    /// Callers served by a request already under way.
    pub shared: u64,
    /// Rows that could not be read in full.
    pub odd_rows: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointKey {
    pub method: &'static str,
    /// As in `/nodes/{node}/status`.
    pub template: &'static str,
    /// The node that was asked.
    pub via: NodeName,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct EndpointCount {
    pub requests: u64,
    pub errors: u64,
    /// Bytes of the bodies, decompressed.
    pub bytes: u64,
    pub seconds: f64,
    /// How many took no longer than each of [`BUCKET_BOUNDS_MS`] (not cumulative); the last: longer.
    pub buckets: [u64; BUCKET_BOUNDS_MS.len() + 1],
}

impl Meter {
    /// Requests sent so far, of all kinds, answered or not.
    pub fn requests_total(&self) -> u64 {
        self.read(|c| c.endpoints.values().map(|e| e.requests).sum())
    }

    pub fn counts(&self) -> Counts {
        self.read(Counts::clone)
    }

    pub(super) fn sent(&self, key: &EndpointKey) {
        self.write(|c| c.endpoints.entry(key.clone()).or_default().requests += 1);
    }

    pub(super) fn answered(
        &self,
        key: &EndpointKey,
        took: Duration,
        bytes: usize,
        error: Option<&'static str>,
    ) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let bucket = BUCKET_BOUNDS_MS.iter().position(|bound| took_ms <= *bound);
        self.write(|c| {
            let e = c.endpoints.entry(key.clone()).or_default();
            e.bytes = e.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            e.seconds += took.as_secs_f64();
            if let Some(n) = e.buckets.get_mut(bucket.unwrap_or(BUCKET_BOUNDS_MS.len())) {
                *n += 1;
            }
            if let Some(word) = error {
                e.errors += 1;
                *c.errors.entry((key.via.clone(), word)).or_default() += 1;
            }
        });
    }

    pub(super) fn retried(&self) {
        self.write(|c| c.retries += 1);
    }

    pub(super) fn failed_over(&self) {
        self.write(|c| c.failovers += 1);
    }

    pub(super) fn hedged(&self) {
        self.write(|c| c.hedges += 1);
    }

    pub(super) fn shared(&self) {
        self.write(|c| c.shared += 1);
    }

    pub(super) fn odd(&self, rows: u32) {
        self.write(|c| c.odd_rows += u64::from(rows));
    }

    fn read<T>(&self, f: impl FnOnce(&Counts) -> T) -> T {
        f(&self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, f: impl FnOnce(&mut Counts)) {
        f(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
