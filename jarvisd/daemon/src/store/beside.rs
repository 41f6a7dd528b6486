//! A second process on the same database: the command line beside a running daemon.
//!
//! The wall of the one writer is SQLite's own lock: a command takes it for one short immediate transaction, the daemon
//! waits for it as it waits for a check, and the end of the audit is read inside the transaction by both. A command
//! beside the daemon makes no table, brings nothing up to date and folds no log in. The daemon notices afterwards that
//! somebody else has written, and looks up again what it holds on to.

use std::{path::Path, sync::atomic::Ordering};

use diesel::{prelude::*, sql_types::BigInt};

use super::{
    Limits, Store, StoreError, connection,
    directory::{self, Files},
    events,
};
use crate::clock::Clock;

impl Store {
    /// Opens the database of `dir` as its one owner, or beside the daemon that owns it.
    pub fn open_or_join(dir: &Path, clock: Clock, limits: Limits) -> Result<Self, StoreError> {
        match Self::open(dir, clock, limits) {
            Err(StoreError::InUse { .. }) => Self::join(dir, clock, limits),
            other => other,
        }
    }

    fn join(dir: &Path, clock: Clock, limits: Limits) -> Result<Self, StoreError> {
        let files = Files::existing(dir)?;
        files.needs_database()?;
        directory::check_header(&files.database)?;
        let mut conn = connection::inspector(&files.database)?;
        connection::check_current(&mut conn, &files.database)?;
        drop(conn);
        let conn = connection::writer(&files.database, limits.database_bytes_max())?;
        Self::assembled(files, None, conn, clock, limits, true)
    }

    /// Whether another process has written since the last call; the newest event is then told to whoever listens.
    pub async fn joined_by_others(&self) -> Result<bool, StoreError> {
        let version: i64 = self
            .look("look for other writers", |conn| {
                Ok(diesel::dsl::sql::<BigInt>("PRAGMA data_version").get_result(conn)?)
            })
            .await?;
        let before = self.inner.data_version.swap(version, Ordering::AcqRel);
        if before == 0 || before == version {
            return Ok(false);
        }
        let newest = self.read("read events", events::newest).await?;
        if let Some(event) = newest {
            // Listeners know by its number whether they have it, and read what lies between.
            let _ = self.inner.fresh_events.send(event);
        }
        Ok(true)
    }
}
