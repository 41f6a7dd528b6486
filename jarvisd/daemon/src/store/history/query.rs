//! A stretch of the past in as many buckets as a chart has room for.
//!
//! The width of a bucket is chosen so that the tier which covers the stretch can fill it; the other tiers fill in
//! what that one does not have: samples not packed yet at the new end, coarser cells at the old end.

use std::collections::{BTreeMap, HashSet};

use diesel::prelude::*;

use super::{History, MINUTES, QUARTERS, RAW_MS, Tier, cell::Cell, chunk, raw};
use crate::store::{
    StoreError,
    error::Fault,
    limits::{DAY_MS, HOUR_MS, Limits, MINUTE_MS},
    schema::{history_chunks, history_raw},
};

/// No screen is wider.
pub const POINTS_MAX: i64 = 2_000;

/// Widths of buckets a person can read an axis by.
const STEPS_MS: [i64; 12] = [
    RAW_MS,
    30_000,
    MINUTE_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
];

/// Least, mean and most of the samples from `t_ms` on, for one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    pub t_ms: i64,
    pub min: f64,
    pub mean: f64,
    pub max: f64,
    /// Samples it was made of.
    pub n: u32,
}

/// Buckets in order, each starting at a multiple of `step_ms`; one that is missing is a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    pub step_ms: i64,
    pub buckets: Vec<Bucket>,
}

impl History<'_> {
    /// The figure from the bucket of `from_ms` to the last bucket that begins before `to_ms`, in about `points`
    /// buckets at most. Empty if nothing is known, or if `to_ms` is not after `from_ms`.
    pub async fn query(
        self,
        entity: &str,
        metric: &str,
        from_ms: i64,
        to_ms: i64,
        points: i64,
    ) -> Result<Range, StoreError> {
        self.query_at(self.0.inner.clock.now_ms(), entity, metric, from_ms..to_ms, points).await
    }

    pub(super) async fn query_at(
        self,
        now_ms: i64,
        entity: &str,
        metric: &str,
        asked_ms: std::ops::Range<i64>,
        points: i64,
    ) -> Result<Range, StoreError> {
        self.load_series().await?;
        let limits = self.0.inner.limits;
        let (from_ms, to_ms) = (asked_ms.start, asked_ms.end);
        let from_ms = from_ms.max(now_ms - limits.quarter_keep_ms - DAY_MS);
        let to_ms = to_ms.min(now_ms + HOUR_MS);
        let step_ms = step(&limits, now_ms, from_ms, to_ms, points);
        let Some(series) = self.0.inner.series.find(entity, metric).filter(|_| to_ms > from_ms) else {
            return Ok(Range { step_ms, buckets: Vec::new() });
        };
        // Whole buckets at both ends.
        let from_ms = from_ms - from_ms.rem_euclid(step_ms);
        let to_ms = to_ms + (-to_ms).rem_euclid(step_ms);
        let cells = self
            .0
            // One transaction: packing between two reads must not count a sample twice or not at all.
            .read("read history", move |conn| {
                conn.transaction(|conn| gather(conn, series, from_ms, to_ms, step_ms))
            })
            .await?;
        let mut buckets: BTreeMap<i64, Option<Cell>> = BTreeMap::new();
        for (t_ms, cell) in cells {
            Cell::fold(buckets.entry(t_ms - t_ms.rem_euclid(step_ms)).or_default(), cell);
        }
        let buckets = buckets
            .into_iter()
            .filter_map(|(t_ms, cell)| {
                let Cell { min, mean, max, n } = cell?;
                Some(Bucket { t_ms, min, mean, max, n })
            })
            .collect();
        Ok(Range { step_ms, buckets })
    }
}

/// Not finer than the points allow, and not finer than what is kept of the oldest moment asked for.
fn step(limits: &Limits, now_ms: i64, from_ms: i64, to_ms: i64, points: i64) -> i64 {
    let wanted_ms = ceil((to_ms - from_ms).max(0), points.clamp(1, POINTS_MAX));
    let kept_ms = match now_ms - from_ms {
        age_ms if age_ms <= limits.raw_keep_ms => RAW_MS,
        age_ms if age_ms <= limits.minute_keep_ms => MINUTES.cell_ms,
        _ => QUARTERS.cell_ms,
    };
    let least_ms = wanted_ms.max(kept_ms);
    STEPS_MS.into_iter().find(|step| *step >= least_ms).unwrap_or_else(|| ceil(least_ms, DAY_MS) * DAY_MS)
}

/// `a / b`, rounded up; both positive.
fn ceil(a: i64, b: i64) -> i64 {
    a / b + i64::from(a % b > 0)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Raw,
    Packed(Tier),
}

/// Stretches earlier levels have filled, by number of the minute or quarter hour.
#[derive(Default)]
struct Filled {
    minutes: HashSet<i64>,
    /// Filled by a cell of a whole quarter hour.
    quarters: HashSet<i64>,
    /// Filled by anything, be it ten seconds.
    touched_quarters: HashSet<i64>,
}

/// Cells and samples that together cover the stretch, each moment once. What lies in the quarter hours at its
/// ends is looked at too: a coarse cell must not stand in for finer ones which are known but not asked for.
fn gather(
    conn: &mut SqliteConnection,
    series: i64,
    from_ms: i64,
    to_ms: i64,
    step_ms: i64,
) -> Result<Vec<(i64, Cell)>, Fault> {
    let (minutes, quarters) = (Level::Packed(MINUTES), Level::Packed(QUARTERS));
    let order = match step_ms {
        ..MINUTE_MS => [Level::Raw, minutes, quarters],
        step_ms if step_ms < QUARTERS.cell_ms => [minutes, Level::Raw, quarters],
        _ => [quarters, minutes, Level::Raw],
    };
    let wide_from_ms = from_ms - from_ms.rem_euclid(QUARTERS.cell_ms);
    let wide_to_ms = to_ms + (-to_ms).rem_euclid(QUARTERS.cell_ms);
    let mut filled = Filled::default();
    let mut all = Vec::new();
    for level in order {
        let cells = match level {
            Level::Raw => samples(conn, series, wide_from_ms, wide_to_ms)?,
            Level::Packed(tier) => packed(
                conn,
                tier,
                series,
                filled.missing(tier, wide_from_ms, wide_to_ms),
                wide_from_ms..wide_to_ms,
            )?,
        };
        let new: Vec<(i64, Cell)> =
            cells.into_iter().filter(|(t_ms, _)| filled.has_room(level, *t_ms)).collect();
        filled.note(level, &new);
        all.extend(new);
    }
    all.retain(|(t_ms, _)| (from_ms..to_ms).contains(t_ms));
    Ok(all)
}

impl Filled {
    /// Starts of the chunks that may hold something new: an hour of which every quarter is filled need not be read.
    fn missing(&self, tier: Tier, from_ms: i64, to_ms: i64) -> Vec<i64> {
        let first_ms = from_ms - from_ms.rem_euclid(tier.chunk_ms);
        let starts_ms = std::iter::successors(Some(first_ms), |t_ms| Some(t_ms + tier.chunk_ms));
        let first_quarter = |t_ms: i64| t_ms.div_euclid(QUARTERS.cell_ms);
        starts_ms
            .take_while(|t_ms| *t_ms < to_ms)
            .filter(|t_ms| {
                let mut quarters = first_quarter(*t_ms)..first_quarter(t_ms + tier.chunk_ms);
                !quarters.all(|quarter| self.quarters.contains(&quarter))
            })
            .collect()
    }

    fn has_room(&self, level: Level, t_ms: i64) -> bool {
        let (minute, quarter) = (t_ms.div_euclid(MINUTE_MS), t_ms.div_euclid(QUARTERS.cell_ms));
        match level {
            Level::Packed(QUARTERS) => !self.touched_quarters.contains(&quarter),
            _ => !self.minutes.contains(&minute) && !self.quarters.contains(&quarter),
        }
    }

    fn note(&mut self, level: Level, cells: &[(i64, Cell)]) {
        let quarters = cells.iter().map(|(t_ms, _)| t_ms.div_euclid(QUARTERS.cell_ms));
        self.touched_quarters.extend(quarters.clone());
        match level {
            Level::Packed(QUARTERS) => self.quarters.extend(quarters),
            _ => self.minutes.extend(cells.iter().map(|(t_ms, _)| t_ms.div_euclid(MINUTE_MS))),
        }
    }
}

fn samples(
    conn: &mut SqliteConnection,
    series: i64,
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<(i64, Cell)>, Fault> {
    let rows: Vec<(i64, Vec<u8>)> = history_raw::table
        .filter(history_raw::shard.eq(raw::shard_of(series)))
        .filter(history_raw::t_ms.ge(from_ms).and(history_raw::t_ms.lt(to_ms)))
        .select((history_raw::t_ms, history_raw::samples))
        .load(conn)?;
    let place = raw::place_of(series);
    let value = |samples: &[u8]| raw::decode(samples).find(|(at, _)| *at == place).map(|(_, value)| value);
    Ok(rows.iter().filter_map(|(t_ms, row)| Some((*t_ms, Cell::of_sample(value(row)?)))).collect())
}

/// The chunks are named one by one: the key has the start before the series, so each is one look-up.
fn packed(
    conn: &mut SqliteConnection,
    tier: Tier,
    series: i64,
    starts_ms: Vec<i64>,
    asked_ms: std::ops::Range<i64>,
) -> Result<Vec<(i64, Cell)>, Fault> {
    let rows: Vec<(i64, Vec<u8>)> = history_chunks::table
        .filter(history_chunks::tier.eq(tier.id).and(history_chunks::series.eq(series)))
        .filter(history_chunks::start_ms.eq_any(starts_ms))
        .select((history_chunks::start_ms, history_chunks::data))
        .load(conn)?;
    let mut cells = Vec::new();
    for (start_ms, data) in rows {
        // One damaged chunk is a gap, not the end of the chart.
        let Some(slots) = chunk::decode(&data, tier.slots) else { continue };
        let times_ms = std::iter::successors(Some(start_ms), |t_ms| Some(t_ms + tier.cell_ms));
        let inside = times_ms.zip(slots).filter(|(t_ms, _)| asked_ms.contains(t_ms));
        cells.extend(inside.filter_map(|(t_ms, cell)| Some((t_ms, cell?))));
    }
    Ok(cells)
}
