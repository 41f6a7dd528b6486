//! What outlives a restart: events, access, settings, history, and what was decided and done, in one SQLite file.
//!
//! One thread writes ([`writer`]), a few connections read. Every commit is on the disk when a call returns:
//! the writer runs with `synchronous = FULL`, which batching makes cheap, so there is no second, weaker kind of
//! row to remember. Blocking work happens in two places only: the writer's
//! thread and `doors.rs`.
//!
//! Not here: the cluster's state (it is read anew after a start) and the meaning of events.

mod approvals;
mod attempts;
mod audit;
pub mod backup;
mod beside;
mod connection;
mod directory;
mod doors;
mod error;
mod events;
mod history;
mod intents;
mod kill_switch;
mod ledger;
mod limits;
mod maintenance;
mod open;
mod schema;
mod secret;
mod sessions;
mod settings;
mod standing;
mod tokens;
mod usable;
mod users;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use diesel::connection::SimpleConnection;
use jarvis_core::protocol::Event;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};

pub use approvals::{Approvals, StoredApproval};
pub use attempts::{Attempts, Verdict};
pub use audit::{AUDIT_PAGE_MAX, Audit, AuditPage, By, audit_export, audit_export_to, audit_verify};
pub use backup::{backup, restore};
pub use error::{StoreError, Trouble};
pub use events::{EVENTS_PAGE_MAX, EventFilter, EventPage, Events};
pub use history::{Appended, Bucket, History, Kept, POINTS_MAX, Range, Sample};
pub use intents::{End, Intent, Intents, NewIntent, Outcome, Verified};
pub use kill_switch::{KillState, KillSwitch, KillSwitchError};
pub use ledger::LedgerRows;
pub use limits::Limits;
pub use maintenance::Maintained;
pub use secret::{PasswordHash, SecretHash};
pub use sessions::{NewSession, Session, Sessions};
pub use settings::Settings;
pub use standing::{Noted, Standing, StandingRow};
pub use tokens::{NewToken, Token, Tokens};
pub use usable::usable;
pub use users::Users;

use crate::clock::Clock;
use connection::Readers;
use directory::Files;
use writer::{Health, Message};

/// Events a slow listener may be behind before it is told that it missed some and reads them from the table.
const EVENTS_BEHIND_MAX: usize = 1_024;

/// A handle on the open store; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    files: Files,
    /// Which file the database was when it was opened.
    opened: directory::Pinned,
    clock: Clock,
    limits: Limits,
    queue: mpsc::Sender<Message>,
    readers: Readers,
    permits: Arc<Semaphore>,
    health: Health,
    /// The last row of the audit that was committed.
    audit: audit::Memory,
    failed_log_ins: Mutex<audit::Failed>,
    /// Of the writing connection, when last looked at; it changes when another process writes.
    data_version: AtomicI64,
    closed: AtomicBool,
    fresh_events: broadcast::Sender<Event>,
    series: history::Registry,
    unpacked: history::Unpacked,
    /// When every page was last looked at; 0 if not yet.
    checked_ms: AtomicI64,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("file", &self.inner.files.database).finish_non_exhaustive()
    }
}

impl Store {
    /// Whether writing works, as far as the last attempt showed. The text is for `/readyz`.
    pub fn healthy(&self) -> Result<(), String> {
        let file = self.inner.files.database.display();
        if self.inner.closed.load(Ordering::Acquire) || self.inner.queue.is_closed() {
            return Err(format!("the store {file} is closed"));
        }
        self.sound().map_err(|error| error.to_string())?;
        match self.inner.health.trouble() {
            None => Ok(()),
            Some(trouble) => Err(format!("could not write to {file}: {trouble}")),
        }
    }

    /// Whether the audit stands and the database is still the file that was opened, as last seen. What is recorded
    /// otherwise proves nothing, or is never found again.
    fn sound(&self) -> Result<(), StoreError> {
        self.trusted()?;
        if self.inner.health.is_displaced() {
            return Err(StoreError::Displaced { file: self.inner.files.database.clone() });
        }
        Ok(())
    }

    /// Whether the audit stands, as last seen.
    fn trusted(&self) -> Result<(), StoreError> {
        self.inner.health.tampering().map_or(Ok(()), |broken| Err(StoreError::Audit(broken)))
    }

    /// Looks whether the database and its log are still the files that were opened. Without its log under its name the
    /// next connection, of ours or of a command, would read an old state and begin a second log. For the writer's thread: a disk that does not
    /// answer must not hold up those who wait for others.
    fn in_place(&self) -> impl Fn() -> Result<(), StoreError> + Send + 'static {
        let Inner { opened, health, files, .. } = &*self.inner;
        let (opened, health, file) = (opened.clone(), health.clone(), files.database.clone());
        move || {
            let gone = !opened.stands() || !health.log_stands();
            let new = health.displaced(gone);
            let error = StoreError::Displaced { file: file.clone() };
            match (gone, new) {
                // Nothing else would say so: what is written goes on to reach the file that was opened.
                (true, true) => tracing::error!("{error}"),
                (false, true) => tracing::info!("{} is the database again that was opened", file.display()),
                _ => {}
            }
            if gone { Err(error) } else { Ok(()) }
        }
    }

    /// The kill switch of this data directory.
    pub fn kill_switch(&self) -> KillSwitch {
        KillSwitch::in_dir(&self.inner.files.dir)
    }

    /// Notes an error that lasts, and passes it on.
    fn noted(&self, error: StoreError) -> StoreError {
        match &error {
            StoreError::Database { trouble: Trouble::Corrupt, .. } => self.inner.health.damaged(),
            StoreError::Audit(broken) => self.inner.health.tampered(broken),
            _ => {}
        }
        error
    }

    /// Bytes the database uses, free pages inside the file left out.
    pub async fn size_bytes(&self) -> Result<i64, StoreError> {
        self.read("measure the database", |conn| Ok(connection::sizes(conn)?.0)).await
    }

    /// Returns when everything written before this call is on the disk, and folded into the file as far as
    /// readers allow.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.write_alone("flush", |conn| Ok(conn.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")?)).await
    }

    /// Ends writing after what is queued, folds the log into the file and frees the directory. Later calls fail
    /// with [`StoreError::Closed`]; a second close is no error.
    pub async fn close(&self) -> Result<(), StoreError> {
        if self.inner.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let (reply, end) = oneshot::channel();
        let doing = "close the store";
        self.inner.queue.send(Message::Close(reply)).await.map_err(|_| StoreError::Closed { doing })?;
        let end = end.await.map_err(|_| StoreError::Closed { doing })?;
        end.map_err(|fault| fault.into_error(doing, &self.inner.files.database))
    }
}
