//! Opening: what is looked at before a database is used, and how the parts are put together.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use diesel::SqliteConnection;
use tokio::sync::{Semaphore, broadcast, mpsc};

use super::{
    EVENTS_BEHIND_MAX, Inner, KillSwitch, Limits, Store, StoreError,
    audit::Memory,
    connection::{self, Depth, READERS_MAX},
    directory::{self, DirectoryLock, Files},
    history,
    writer::{Health, QUEUE_MAX, Writer},
};
use crate::clock::Clock;

/// Up to this size every page is looked at before the first use, about 10 ms a MiB on a busy small machine. A
/// larger file that was closed in order is looked at after the start instead, by [`Store::check`].
const CHECKED_AT_OPEN_BYTES: u64 = 8 * 1024 * 1024;

impl Store {
    /// Opens the database of `dir`, or makes one. Blocks for the time of the checks; call it before serving.
    ///
    /// Refuses a directory in use, a foreign, damaged or newer database, and half of one; see [`StoreError`].
    /// Nothing is ever removed or replaced.
    pub fn open(dir: &Path, clock: Clock, limits: Limits) -> Result<Self, StoreError> {
        let files = Files::prepare(dir)?;
        let lock = files.lock()?;
        if !files.has_database()? {
            files.new_draft()?;
            connection::found(&files.draft)?;
            // First: a database without a switch would count as on, a switch without a database as nothing.
            KillSwitch::in_dir(&files.dir).found(clock.now_ms())?;
            files.adopt_draft()?;
        }
        let looked_at = examine(&files)?;
        let file = &files.database;
        let mut conn = connection::writer(file, limits.database_bytes_max())?;
        connection::migrate(&mut conn, file)?;

        Self::assembled(files, Some(lock), conn, clock, limits, looked_at)
    }

    /// Puts the parts together. `lock` is missing in a process beside the owner of the directory.
    pub(super) fn assembled(
        files: Files,
        lock: Option<DirectoryLock>,
        conn: SqliteConnection,
        clock: Clock,
        limits: Limits,
        looked_at: bool,
    ) -> Result<Self, StoreError> {
        let file = &files.database;
        let health = Health::default();
        health.opened_log(directory::Pinned::of(&files.wal).ok());
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let writer = Writer {
            conn: Some(conn),
            file: file.clone(),
            log: files.wal.clone(),
            bytes_max: limits.database_bytes_max(),
            clock,
            health: health.clone(),
            lock,
        };
        let readers = connection::readers(file)?;
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(messages))
            .map_err(|source| StoreError::Io { doing: "start the writer of", path: file.clone(), source })?;
        let opened = directory::Pinned::of(file).map_err(|source| StoreError::Io {
            doing: "open",
            path: file.clone(),
            source,
        })?;
        let inner = Inner {
            opened,
            readers,
            files,
            clock,
            limits,
            queue,
            permits: Arc::new(Semaphore::new(usize::try_from(READERS_MAX).unwrap_or(1))),
            health,
            audit: Memory::new(),
            failed_log_ins: Mutex::default(),
            data_version: AtomicI64::new(0),
            closed: AtomicBool::new(false),
            fresh_events: broadcast::channel(EVENTS_BEHIND_MAX).0,
            series: history::Registry::default(),
            unpacked: history::Unpacked::default(),
            checked_ms: AtomicI64::new(if looked_at { clock.now_ms() } else { 0 }),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Looks at every page while the store is in use. Damage makes [`Store::healthy`] fail until a restart.
    pub async fn check(&self) -> Result<(), StoreError> {
        let file = self.inner.files.database.clone();
        self.inner.checked_ms.store(self.inner.clock.now_ms(), Ordering::Release);
        self.read("check the database", move |conn| Ok(connection::check_pages(conn, &file, Depth::Quick)?))
            .await
            .inspect_err(|error| {
                if matches!(error, StoreError::Corrupt { .. }) {
                    self.inner.health.damaged();
                }
            })
    }
}

/// `true` if every page was looked at.
fn examine(files: &Files) -> Result<bool, StoreError> {
    let file = &files.database;
    let unclean = files.stopped_uncleanly();
    directory::check_header(file)?;
    if !unclean {
        // With a log beside it, the file alone need not be whole.
        directory::check_length(file)?;
    }
    let mut conn = connection::inspector(file)?;
    connection::check_identity(&mut conn, file)?;
    let small = fs::metadata(file).is_ok_and(|m| m.len() <= CHECKED_AT_OPEN_BYTES);
    let thoroughly = unclean || small;
    if thoroughly {
        connection::check_pages(&mut conn, file, Depth::Quick)?;
    }
    if unclean {
        tracing::info!("the last stop was not in order; the database was checked and is whole");
    }
    Ok(thoroughly)
}
