//! Which number a series has. The table is the truth; the map in memory is read once and only added to after
//! a commit, so it never names a series that was rolled back.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use diesel::prelude::*;

use crate::store::{error::Fault, limits::HOUR_MS, schema::history_series};

/// Longest name of an entity or metric; `storage/{node}/{storage}` is the longest there is.
const NAME_BYTES_MAX: usize = 200;

/// Numbers by entity, then metric: an entity has about ten metrics, a list is the smallest map for that.
#[derive(Debug, Default)]
struct Known {
    loaded: bool,
    count: usize,
    newest: i64,
    by_entity: HashMap<Box<str>, Vec<(Box<str>, i64)>>,
}

#[derive(Debug, Default)]
pub(in crate::store) struct Registry(Mutex<Known>);

impl Registry {
    pub fn is_loaded(&self) -> bool {
        self.known().loaded
    }

    pub fn find(&self, entity: &str, metric: &str) -> Option<i64> {
        let known = self.known();
        known.by_entity.get(entity)?.iter().find(|(name, _)| **name == *metric).map(|(_, id)| *id)
    }

    pub fn count(&self) -> usize {
        self.known().count
    }

    /// Highest number given; 0 before the first.
    pub fn newest(&self) -> i64 {
        self.known().newest
    }

    pub fn add(&self, rows: Vec<(i64, String, String)>) {
        let mut known = self.known();
        known.loaded = true;
        for (id, entity, metric) in rows {
            known.newest = known.newest.max(id);
            let metrics = known.by_entity.entry(entity.into()).or_default();
            if !metrics.iter().any(|(name, _)| **name == *metric) {
                metrics.push((metric.into(), id));
                known.count += 1;
            }
        }
    }

    pub fn forget(&self, ids: &BTreeSet<i64>) {
        let mut known = self.known();
        let mut gone = 0;
        known.by_entity.retain(|_, metrics| {
            let before = metrics.len();
            metrics.retain(|(_, id)| !ids.contains(id));
            gone += before - metrics.len();
            !metrics.is_empty()
        });
        known.count -= gone;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn nameable(entity: &str, metric: &str) -> bool {
    [entity, metric].iter().all(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX)
}

pub(super) fn load(conn: &mut SqliteConnection) -> Result<Vec<(i64, String, String)>, Fault> {
    Ok(history_series::table
        .select((history_series::id, history_series::entity, history_series::metric))
        .load(conn)?)
}

/// Gives numbers to new series, first seen at `t_ms`; one that is there already keeps its number.
pub(super) fn name_all(
    conn: &mut SqliteConnection,
    new: &BTreeSet<(String, &'static str)>,
    t_ms: i64,
) -> Result<Vec<(i64, String, String)>, Fault> {
    let mut rows = Vec::with_capacity(new.len());
    for (entity, metric) in new {
        let there = history_series::table
            .filter(history_series::entity.eq(entity).and(history_series::metric.eq(metric)))
            .select(history_series::id);
        let id: Option<i64> = there.first(conn).optional()?;
        let id = match id {
            Some(id) => id,
            None => diesel::insert_into(history_series::table)
                .values((
                    history_series::entity.eq(entity),
                    history_series::metric.eq(metric),
                    history_series::last_ms.eq(t_ms + HOUR_MS),
                ))
                .returning(history_series::id)
                .get_result(conn)?,
        };
        rows.push((id, entity.clone(), (*metric).to_owned()));
    }
    Ok(rows)
}
