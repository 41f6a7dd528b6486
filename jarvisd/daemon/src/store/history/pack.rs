//! Packing an hour of samples into cells of a minute and of a quarter hour.
//!
//! One command packs one shard of one hour, so the writer is never held for long and either all of it is there
//! or nothing. A cell already stored gives way only to one of at least as many samples: packing twice, or after
//! some samples are gone, changes nothing.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::{
    History, MINUTES, QUARTERS, RAW_MS, Tier,
    cell::Cell,
    chunk::{self, Slots},
    raw,
};
use crate::store::{
    StoreError,
    error::Fault,
    limits::HOUR_MS,
    schema::{history_chunks, history_raw, history_series},
};

/// Samples of an hour may come this late before it is packed.
const GRACE_MS: i64 = 30_000;

impl History<'_> {
    /// Packs every hour that is over and not packed; returns how many there were. Repeatable at any time.
    pub async fn pack(self) -> Result<usize, StoreError> {
        self.pack_at(self.0.inner.clock.now_ms()).await
    }

    pub(super) async fn pack_at(self, now_ms: i64) -> Result<usize, StoreError> {
        self.load_series().await?;
        self.find_left_over().await?;
        let mut packed = 0;
        while let Some(hour_ms) = self.take_due(now_ms) {
            for shard in 0..=raw::shard_of(self.0.inner.series.newest()) {
                let work = move |conn: &mut SqliteConnection| pack_shard(conn, hour_ms, shard);
                if let Err(error) = self.0.write("pack history", work).await {
                    self.0.inner.unpacked.add(std::iter::once(hour_ms));
                    return Err(error);
                }
            }
            packed += 1;
        }
        Ok(packed)
    }

    /// Hours an earlier process did not pack, or packed without our knowing.
    async fn find_left_over(self) -> Result<(), StoreError> {
        if self.0.inner.unpacked.hours().seeded {
            return Ok(());
        }
        let times_ms: Vec<i64> = self
            .0
            .read("look for history to pack", |conn| {
                Ok(history_raw::table.select(history_raw::t_ms).distinct().load(conn)?)
            })
            .await?;
        self.0.inner.unpacked.add(times_ms.into_iter());
        self.0.inner.unpacked.hours().seeded = true;
        Ok(())
    }

    /// Taken off the list before the work: a sample that comes meanwhile puts its hour back on.
    fn take_due(self, now_ms: i64) -> Option<i64> {
        let mut hours = self.0.inner.unpacked.hours();
        let hour_ms = *hours.starts_ms.first()?;
        if hour_ms + HOUR_MS + GRACE_MS > now_ms {
            return None;
        }
        hours.starts_ms.pop_first()
    }
}

fn pack_shard(conn: &mut SqliteConnection, hour_ms: i64, shard: i64) -> Result<(), Fault> {
    let fresh = minutes_of(conn, hour_ms, shard)?;
    if fresh.is_empty() {
        return Ok(());
    }
    let mut hours = load(conn, MINUTES, hour_ms, shard)?;
    let day_ms = hour_ms - hour_ms.rem_euclid(QUARTERS.chunk_ms);
    let mut days = load(conn, QUARTERS, day_ms, shard)?;
    let first_quarter = slot(QUARTERS, hour_ms - day_ms);
    for (series, minutes) in &fresh {
        let hour = hours.entry(*series).or_insert_with(|| vec![None; MINUTES.slots]);
        keep_fuller(hour.iter_mut(), minutes.iter().copied());
        let quarters: Vec<Option<Cell>> = hour
            .chunks(MINUTES.slots / 4)
            .map(|part| part.iter().flatten().copied().reduce(Cell::with))
            .collect();
        let day = days.entry(*series).or_insert_with(|| vec![None; QUARTERS.slots]);
        keep_fuller(day.iter_mut().skip(first_quarter), quarters.into_iter());
        store(conn, MINUTES, hour_ms, *series, hour)?;
        store(conn, QUARTERS, day_ms, *series, day)?;
    }
    let seen: Vec<i64> = fresh.into_keys().collect();
    let end_ms = hour_ms + HOUR_MS;
    diesel::update(history_series::table.filter(history_series::id.eq_any(seen)))
        .filter(history_series::last_ms.lt(end_ms))
        .set(history_series::last_ms.eq(end_ms))
        .execute(conn)?;
    Ok(())
}

/// The samples of the hour as cells of a minute, by series.
fn minutes_of(conn: &mut SqliteConnection, hour_ms: i64, shard: i64) -> Result<BTreeMap<i64, Slots>, Fault> {
    let rows: Vec<(i64, Vec<u8>)> = history_raw::table
        .filter(history_raw::shard.eq(shard))
        .filter(history_raw::t_ms.ge(hour_ms).and(history_raw::t_ms.lt(hour_ms + HOUR_MS)))
        .select((history_raw::t_ms, history_raw::samples))
        .limit(HOUR_MS / RAW_MS)
        .load(conn)?;
    let mut all: BTreeMap<i64, Slots> = BTreeMap::new();
    for (t_ms, samples) in rows {
        let minute = slot(MINUTES, t_ms - hour_ms);
        for (place, value) in raw::decode(&samples) {
            let series = shard * raw::SHARD + i64::from(place);
            let slots = all.entry(series).or_insert_with(|| vec![None; MINUTES.slots]);
            if let Some(cell) = slots.get_mut(minute) {
                Cell::fold(cell, Cell::of_sample(value));
            }
        }
    }
    Ok(all)
}

fn keep_fuller<'a>(old: impl Iterator<Item = &'a mut Option<Cell>>, new: impl Iterator<Item = Option<Cell>>) {
    for (old, new) in old.zip(new) {
        let (had, has) = (old.map_or(0, |cell| cell.n), new.map_or(0, |cell| cell.n));
        if has >= had {
            *old = new;
        }
    }
}

fn load(
    conn: &mut SqliteConnection,
    tier: Tier,
    start_ms: i64,
    shard: i64,
) -> Result<BTreeMap<i64, Slots>, Fault> {
    let first = shard * raw::SHARD;
    let rows: Vec<(i64, Vec<u8>)> = history_chunks::table
        .filter(history_chunks::tier.eq(tier.id).and(history_chunks::start_ms.eq(start_ms)))
        .filter(history_chunks::series.ge(first).and(history_chunks::series.lt(first + raw::SHARD)))
        .select((history_chunks::series, history_chunks::data))
        .load(conn)?;
    // A chunk that cannot be read is written anew from what is known.
    Ok(rows.into_iter().filter_map(|(id, data)| Some((id, chunk::decode(&data, tier.slots)?))).collect())
}

fn store(
    conn: &mut SqliteConnection,
    tier: Tier,
    start_ms: i64,
    series: i64,
    slots: &[Option<Cell>],
) -> Result<(), Fault> {
    diesel::replace_into(history_chunks::table)
        .values((
            history_chunks::tier.eq(tier.id),
            history_chunks::start_ms.eq(start_ms),
            history_chunks::series.eq(series),
            history_chunks::data.eq(chunk::encode(slots)),
        ))
        .execute(conn)?;
    Ok(())
}

fn slot(tier: Tier, into_chunk_ms: i64) -> usize {
    usize::try_from(into_chunk_ms.div_euclid(tier.cell_ms)).unwrap_or(usize::MAX)
}
