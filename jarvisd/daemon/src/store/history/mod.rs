//! The past of every figure: each 10 s for the last hour, each minute for a week, each quarter hour for 90 days.
//!
//! Samples are kept as they come, one row per moment and 128 series. When an hour is over, its samples are packed
//! into one row per series with a cell per minute, and into four cells of that series' row of the day. Packing is
//! repeatable: it reads what is there, keeps whichever knows more samples, and removes nothing; retention, which
//! does, comes after it. A start after a crash packs again whatever raw samples it finds.
//!
//! Not here: which figures there are (the poller says) and how they are drawn.

mod cell;
mod chunk;
mod figure;
mod pack;
mod query;
mod raw;
mod retention;
mod series;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use diesel::prelude::*;

pub use query::{Bucket, POINTS_MAX, Range};
pub use retention::Kept;
pub(super) use series::Registry;

use super::{
    Store, StoreError,
    error::Fault,
    limits::{DAY_MS, HOUR_MS, MINUTE_MS},
    schema::history_raw,
};
use raw::Moment;

/// Proxmox renews its figures every 10 s; looking more often would store the same twice.
pub(super) const RAW_MS: i64 = 10_000;

/// A packed tier: `tier` in the table is the length of a cell in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tier {
    id: i32,
    cell_ms: i64,
    chunk_ms: i64,
    slots: usize,
}

pub(super) const MINUTES: Tier = Tier { id: 60, cell_ms: MINUTE_MS, chunk_ms: HOUR_MS, slots: 60 };
pub(super) const QUARTERS: Tier = Tier { id: 900, cell_ms: 15 * MINUTE_MS, chunk_ms: DAY_MS, slots: 96 };

/// One figure at one moment. Entities are named like Proxmox's ids: `node/Home`, `qemu/100`, `storage/Home/local`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub entity: String,
    /// With its unit last: `mem_used_bytes`.
    pub metric: &'static str,
    pub t_ms: i64,
    pub value: f64,
}

/// What became of a batch of samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    pub stored: usize,
    /// Not a number, without a name, or of a series beyond the limit.
    pub refused: usize,
}

/// Hours with samples that are not packed yet, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Unpacked(Mutex<Hours>);

#[derive(Debug, Default)]
struct Hours {
    /// What an earlier process left was looked for.
    seeded: bool,
    starts_ms: BTreeSet<i64>,
    /// The hour in which retention ran last.
    retained_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
pub struct History<'a>(&'a Store);

impl Store {
    pub fn history(&self) -> History<'_> {
        History(self)
    }
}

impl History<'_> {
    /// Stores samples; of one series and 10 s the last one stays. Durable when this returns.
    pub async fn append(self, samples: Vec<Sample>) -> Result<Appended, StoreError> {
        self.load_series().await?;
        let given = samples.len();
        self.name_new(&samples).await?;
        let mut moments: BTreeMap<(i64, i64), Moment> = BTreeMap::new();
        let mut stored = 0;
        for sample in samples.iter().filter(|sample| sample.value.is_finite()) {
            let Some(id) = self.0.inner.series.find(&sample.entity, sample.metric) else { continue };
            let at = (raw::shard_of(id), sample.t_ms - sample.t_ms.rem_euclid(RAW_MS));
            moments.entry(at).or_default().insert(raw::place_of(id), sample.value);
            stored += 1;
        }
        self.0.inner.unpacked.add(moments.keys().map(|(_, t_ms)| *t_ms));
        self.0
            .write("store history", move |conn| {
                moments.iter().try_for_each(|(at, moment)| put(conn, *at, moment))
            })
            .await?;
        Ok(Appended { stored, refused: given - stored })
    }

    /// Series there are at present.
    pub async fn series_count(self) -> Result<usize, StoreError> {
        self.load_series().await?;
        Ok(self.0.inner.series.count())
    }

    async fn load_series(self) -> Result<(), StoreError> {
        if !self.0.inner.series.is_loaded() {
            let rows = self.0.read("read the list of series", series::load).await?;
            self.0.inner.series.add(rows);
        }
        Ok(())
    }

    async fn name_new(self, samples: &[Sample]) -> Result<(), StoreError> {
        let known = &self.0.inner.series;
        let mut new: BTreeSet<(String, &'static str)> = samples
            .iter()
            .filter(|s| s.value.is_finite() && series::nameable(&s.entity, s.metric))
            .filter(|s| known.find(&s.entity, s.metric).is_none())
            .map(|s| (s.entity.clone(), s.metric))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let room = self.0.inner.limits.series_max.saturating_sub(known.count());
        while new.len() > room {
            new.pop_last();
        }
        let t_ms = samples.iter().map(|s| s.t_ms).max().unwrap_or(0);
        let rows = self.0.write("name new series", move |conn| series::name_all(conn, &new, t_ms)).await?;
        known.add(rows);
        Ok(())
    }
}

fn put(conn: &mut SqliteConnection, (shard, t_ms): (i64, i64), moment: &Moment) -> Result<(), Fault> {
    let there: Option<Vec<u8>> =
        history_raw::table.find((shard, t_ms)).select(history_raw::samples).first(conn).optional()?;
    let mut all: Moment = there.iter().flat_map(|bytes| raw::decode(bytes)).collect();
    all.extend(moment);
    diesel::replace_into(history_raw::table)
        .values((
            history_raw::shard.eq(shard),
            history_raw::t_ms.eq(t_ms),
            history_raw::samples.eq(raw::encode(&all)),
        ))
        .execute(conn)?;
    Ok(())
}

impl Unpacked {
    fn add(&self, times_ms: impl Iterator<Item = i64>) {
        self.hours().starts_ms.extend(times_ms.map(|t_ms| t_ms - t_ms.rem_euclid(HOUR_MS)));
    }

    fn hours(&self) -> MutexGuard<'_, Hours> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
