//! What history is given up: what is older than its tier keeps, then, if it is still too large, the oldest and
//! coarsest. What gives way to size is told in the feed, since it is a loss the operator may want to prevent.
//!
//! Raw samples are never given up for size: two hours of them are bounded by the number of series.

use std::collections::BTreeSet;

use diesel::{
    dsl::{min, sql},
    prelude::*,
    sql_types::BigInt,
};
use jarvis_core::protocol::{EventKind, EventSource, Severity, event::NewEvent};

use super::{History, MINUTES, QUARTERS, RAW_MS, Tier, raw};
use crate::store::{
    StoreError,
    error::Fault,
    limits::{DAY_MS, HOUR_MS},
    schema::{history_chunks, history_raw, history_series},
};

/// After giving way, history is this share of its limit, so that it does not give way every hour.
const SHRINK_TO_PERCENT: i64 = 90;
/// What a row costs besides its data: key, header, its share of the tree.
const ROW_BYTES: i64 = 24;
/// Series removed in one command.
const SERIES_STEP: i64 = 1_000;

const MEASURE: &str = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE aggregate = TRUE AND name IN \
    ('history_raw', 'history_chunks', 'history_series', 'sqlite_autoindex_history_series_1')";

/// What a round of retention did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Bytes of history now, before anything gave way to size.
    pub bytes: i64,
    /// Rows that were too old.
    pub aged_rows: usize,
    /// Rows that gave way to size.
    pub squeezed_rows: usize,
    /// Series without a sample for as long as history is kept.
    pub series: usize,
}

impl History<'_> {
    /// Bytes of the history tables.
    pub async fn size_bytes(self) -> Result<i64, StoreError> {
        self.0.read("measure history", |conn| Ok(sql::<BigInt>(MEASURE).get_result(conn)?)).await
    }

    /// Removes what is too old or too much. Repeatable at any time.
    pub async fn retain(self) -> Result<Kept, StoreError> {
        self.retain_at(self.0.inner.clock.now_ms()).await
    }

    pub(super) async fn retain_at(self, now_ms: i64) -> Result<Kept, StoreError> {
        self.load_series().await?;
        let limits = self.0.inner.limits;
        let mut kept = Kept { aged_rows: self.drop_raw(now_ms).await?, ..Kept::default() };
        for (tier, keep_ms) in [(MINUTES, limits.minute_keep_ms), (QUARTERS, limits.quarter_keep_ms)] {
            while let Some(start_ms) = self.oldest(tier).await? {
                if start_ms + tier.chunk_ms > now_ms - keep_ms {
                    break;
                }
                kept.aged_rows += self.drop_chunks(tier, start_ms).await?;
            }
        }
        kept.series = self.drop_series(now_ms - limits.quarter_keep_ms - DAY_MS).await?;
        kept.bytes = self.size_bytes().await?;
        if kept.bytes > limits.history_bytes_max {
            kept.squeezed_rows = self.squeeze(kept.bytes, now_ms).await?;
        }
        Ok(kept)
    }

    /// Whether retention did not run yet in this hour; it notes that it is about to.
    pub(in crate::store) fn is_due(self) -> bool {
        let now_ms = self.0.inner.clock.now_ms();
        let hour_ms = now_ms - now_ms.rem_euclid(HOUR_MS);
        self.0.inner.unpacked.hours().retained_ms.replace(hour_ms) != Some(hour_ms)
    }

    /// Whole hours that are packed and older than raw samples are kept.
    async fn drop_raw(self, now_ms: i64) -> Result<usize, StoreError> {
        let this_hour_ms = now_ms - now_ms.rem_euclid(HOUR_MS);
        let packed_to_ms = {
            let hours = self.0.inner.unpacked.hours();
            if !hours.seeded {
                return Ok(0);
            }
            hours.starts_ms.first().copied().unwrap_or(this_hour_ms)
        };
        let until_ms = packed_to_ms.min(this_hour_ms - self.0.inner.limits.raw_keep_ms);
        let mut dropped = 0;
        for shard in 0..=raw::shard_of(self.0.inner.series.newest()) {
            let work = move |conn: &mut SqliteConnection| {
                let old = history_raw::table
                    .filter(history_raw::shard.eq(shard).and(history_raw::t_ms.lt(until_ms)));
                Ok(diesel::delete(old).execute(conn)?)
            };
            dropped += self.0.write("remove old history", work).await?;
        }
        Ok(dropped)
    }

    async fn oldest(self, tier: Tier) -> Result<Option<i64>, StoreError> {
        self.0
            .read("look for old history", move |conn| {
                let of_tier = history_chunks::table.filter(history_chunks::tier.eq(tier.id));
                Ok(of_tier.select(min(history_chunks::start_ms)).first(conn)?)
            })
            .await
    }

    async fn drop_chunks(self, tier: Tier, start_ms: i64) -> Result<usize, StoreError> {
        self.0
            .write("remove old history", move |conn| {
                let rows = history_chunks::table
                    .filter(history_chunks::tier.eq(tier.id).and(history_chunks::start_ms.eq(start_ms)));
                Ok(diesel::delete(rows).execute(conn)?)
            })
            .await
    }

    async fn drop_series(self, unseen_since_ms: i64) -> Result<usize, StoreError> {
        let mut dropped = 0;
        loop {
            let work = move |conn: &mut SqliteConnection| remove_series(conn, unseen_since_ms);
            let gone = self.0.write("remove series without samples", work).await?;
            if gone.is_empty() {
                return Ok(dropped);
            }
            dropped += gone.len();
            self.0.inner.series.forget(&gone);
        }
    }

    /// Gives up the oldest days of quarter hours, then the oldest hours of minutes, and says so in the feed.
    async fn squeeze(self, bytes: i64, now_ms: i64) -> Result<usize, StoreError> {
        let bytes_max = self.0.inner.limits.history_bytes_max;
        let mut excess = bytes - bytes_max / 100 * SHRINK_TO_PERCENT;
        let mut dropped = 0;
        for tier in [QUARTERS, MINUTES] {
            while let Some(start_ms) = self.oldest(tier).await?.filter(|_| excess > 0) {
                if start_ms + tier.chunk_ms > now_ms {
                    break;
                }
                excess -= self.weigh(tier, start_ms).await?;
                dropped += self.drop_chunks(tier, start_ms).await?;
            }
        }
        let event = NewEvent {
            ts_ms: now_ms,
            kind: EventKind::System,
            severity: Severity::Warning,
            source: EventSource::Sys,
            title: "History reached its size limit; its oldest part was given up".into(),
            detail: Some(format!(
                "It took {bytes} bytes of at most {bytes_max}, and {dropped} rows of its oldest hours and days were \
                 removed. To keep more, raise [data] history_bytes_max."
            )),
            node: None,
            vmid: None,
            upid: None,
        };
        self.0.events().append(vec![event]).await?;
        Ok(dropped)
    }

    async fn weigh(self, tier: Tier, start_ms: i64) -> Result<i64, StoreError> {
        self.0
            .read("measure history", move |conn| {
                let weight =
                    sql::<BigInt>("coalesce(sum(length(data) + ").bind::<BigInt, _>(ROW_BYTES).sql("), 0)");
                Ok(history_chunks::table
                    .filter(history_chunks::tier.eq(tier.id).and(history_chunks::start_ms.eq(start_ms)))
                    .select(weight)
                    .first(conn)?)
            })
            .await
    }
}

fn remove_series(conn: &mut SqliteConnection, unseen_since_ms: i64) -> Result<BTreeSet<i64>, Fault> {
    let gone: Vec<i64> = history_series::table
        .filter(history_series::last_ms.lt(unseen_since_ms))
        .select(history_series::id)
        .limit(SERIES_STEP)
        .load(conn)?;
    diesel::delete(history_series::table.filter(history_series::id.eq_any(&gone))).execute(conn)?;
    Ok(gone.into_iter().collect())
}

const _: () = assert!(HOUR_MS % RAW_MS == 0, "a raw sample belongs to one hour");
