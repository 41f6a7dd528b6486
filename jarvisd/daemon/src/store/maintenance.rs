//! The round that keeps the store in bounds, for a loop to call every few minutes.
//!
//! Each part may run at any time and any number of times.

use std::sync::atomic::Ordering;

use diesel::connection::SimpleConnection;

use super::{Kept, Store, StoreError, connection, limits::DAY_MS};

/// No lock-out lasts longer than a day.
const ATTEMPTS_KEEP_MS: i64 = DAY_MS;
/// A damaged page should be known before the last good backup is gone.
const CHECK_EVERY_MS: i64 = DAY_MS;
/// Free pages are given back to the file system beyond this; below it they are used again soon.
const FREE_BYTES_MAX: i64 = 32 * 1024 * 1024;
/// Pages given back in one go: a command which holds the writer for some milliseconds.
const VACUUM_PAGES: i64 = 500;

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    pub hours_packed: usize,
    /// Missing when it was looked over in this hour already.
    pub history: Option<Kept>,
    pub events_removed: usize,
    pub sessions_removed: usize,
    pub attempts_removed: usize,
    pub bytes_given_back: i64,
}

impl Store {
    /// Packs history, removes what is too old or too much, shrinks the file if much of it is free, and looks at
    /// every page once a day.
    pub async fn maintain(&self) -> Result<Maintained, StoreError> {
        let mut done = Maintained { hours_packed: self.history().pack().await?, ..Maintained::default() };
        if self.history().is_due() {
            done.history = Some(self.history().retain().await?);
        }
        done.events_removed = self.events().retain().await?;
        done.sessions_removed = self.sessions().prune().await?;
        done.attempts_removed = self.attempts().prune(ATTEMPTS_KEEP_MS).await?;
        done.bytes_given_back = self.shrink().await?;
        if self.inner.clock.now_ms() - self.inner.checked_ms.load(Ordering::Acquire) >= CHECK_EVERY_MS {
            self.check().await?;
        }
        Ok(done)
    }

    async fn shrink(&self) -> Result<i64, StoreError> {
        let mut given_back = 0;
        let mut free = self.free_bytes().await?;
        if free <= FREE_BYTES_MAX {
            return Ok(0);
        }
        // Half is left, as room for what comes next.
        while free > FREE_BYTES_MAX / 2 {
            let pragma = format!("PRAGMA incremental_vacuum({VACUUM_PAGES})");
            self.write_alone("give back free space", move |conn| Ok(conn.batch_execute(&pragma)?)).await?;
            let freed = free - self.free_bytes().await?;
            if freed <= 0 {
                break;
            }
            free -= freed;
            given_back += freed;
        }
        Ok(given_back)
    }

    async fn free_bytes(&self) -> Result<i64, StoreError> {
        self.read("measure the database", |conn| Ok(connection::sizes(conn)?.1)).await
    }
}
