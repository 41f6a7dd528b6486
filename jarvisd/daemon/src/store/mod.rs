//! What outlives a restart: events, access, settings and history, in one SQLite file.
//!
//! One thread writes ([`writer`]), a few connections read. Every commit is on the disk when a call returns:
//! the writer runs with `synchronous = FULL`, which batching makes cheap, so there is no second, weaker kind of
//! row to remember. Blocking work happens in two places only: the writer's thread and [`Store::read`].
//!
//! Not here: the cluster's state (it is read anew after a start) and the meaning of events.

mod attempts;
pub mod backup;
mod connection;
mod directory;
mod error;
mod events;
mod history;
mod limits;
mod maintenance;
mod schema;
mod secret;
mod sessions;
mod settings;
mod tokens;
mod users;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use diesel::{SqliteConnection, connection::SimpleConnection};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};

pub use attempts::{Attempts, Verdict};
pub use backup::{backup, restore};
pub use error::{StoreError, Trouble};
pub use events::{EVENTS_PAGE_MAX, EventFilter, EventPage, Events};
pub use history::{Appended, Bucket, History, Kept, POINTS_MAX, Range, Sample};
pub use limits::Limits;
pub use maintenance::Maintained;
pub use secret::{PasswordHash, SecretHash};
pub use sessions::{NewSession, Session, Sessions};
pub use settings::Settings;
pub use tokens::{NewToken, Token, Tokens};
pub use users::Users;

use crate::clock::Clock;
use connection::{Depth, READER_WAIT, READERS_MAX, Readers};
use directory::Files;
use error::Fault;
use jarvis_core::protocol::Event;
use writer::{Health, Job, Message, QUEUE_MAX, Writer};

/// Events a slow listener may be behind before it is told that it missed some and reads them from the table.
const EVENTS_BEHIND_MAX: usize = 1_024;

/// A handle on the open store; clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    files: Files,
    clock: Clock,
    limits: Limits,
    queue: mpsc::Sender<Message>,
    readers: Readers,
    permits: Semaphore,
    health: Health,
    closed: AtomicBool,
    fresh_events: broadcast::Sender<Event>,
    series: history::Registry,
    unpacked: history::Unpacked,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("file", &self.inner.files.database).finish_non_exhaustive()
    }
}

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
            files.adopt_draft()?;
        }
        let unclean = files.stopped_uncleanly();
        directory::check_header(&files.database)?;
        let mut conn = connection::inspector(&files.database)?;
        connection::check_identity(&mut conn, &files.database)?;
        connection::check_pages(&mut conn, &files.database, Depth::Quick)?;
        drop(conn);
        let mut conn = connection::writer(&files.database, limits.database_bytes_max())?;
        connection::migrate(&mut conn, &files.database)?;
        if unclean {
            tracing::info!("the last stop was not in order; the database was checked and is whole");
        }

        let health = Health::default();
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let writer = Writer {
            conn: Some(conn),
            file: files.database.clone(),
            bytes_max: limits.database_bytes_max(),
            clock,
            health: health.clone(),
            _lock: lock,
        };
        std::thread::Builder::new().name("store-writer".into()).spawn(move || writer.run(messages)).map_err(
            |source| StoreError::Io { doing: "start the writer of", path: files.database.clone(), source },
        )?;
        let inner = Inner {
            readers: connection::readers(&files.database)?,
            files,
            clock,
            limits,
            queue,
            permits: Semaphore::new(usize::try_from(READERS_MAX).unwrap_or(1)),
            health,
            closed: AtomicBool::new(false),
            fresh_events: broadcast::channel(EVENTS_BEHIND_MAX).0,
            series: history::Registry::default(),
            unpacked: history::Unpacked::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether writing works, as far as the last attempt showed. The text is for `/readyz`.
    pub fn healthy(&self) -> Result<(), String> {
        let file = self.inner.files.database.display();
        if self.inner.closed.load(Ordering::Acquire) || self.inner.queue.is_closed() {
            return Err(format!("the store {file} is closed"));
        }
        match self.inner.health.trouble() {
            None => Ok(()),
            Some(trouble) => Err(format!("could not write to {file}: {trouble}")),
        }
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

    /// Runs `work` on a reading connection: the only door from async code to a blocking read.
    async fn read<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    {
        let busy = || StoreError::Busy { doing, waited_s: READER_WAIT.as_secs() };
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed { doing });
        }
        let waiting = tokio::time::timeout(READER_WAIT, self.inner.permits.acquire());
        // As many permits as connections: nobody holds a blocking thread while waiting for a connection.
        let _permit = waiting.await.map_err(|_| busy())?.map_err(|_| StoreError::Closed { doing })?;
        let readers = self.inner.readers.clone();
        let done = tokio::task::spawn_blocking(move || match readers.get() {
            Ok(mut conn) => Some(work(&mut conn)),
            Err(_) => None,
        });
        let answer = done.await.map_err(|_| StoreError::Closed { doing })?.ok_or_else(busy)?;
        answer.map_err(|fault| {
            let error = fault.into_error(doing, &self.inner.files.database);
            if let StoreError::Database { trouble: Trouble::Corrupt, .. } = error {
                self.inner.health.note(Some(Trouble::Corrupt));
            }
            error
        })
    }

    /// Runs `work` in the writer's next transaction; its rows are durable when this returns.
    async fn write<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    {
        self.write_then(doing, work, |_| ()).await
    }

    /// As [`Store::write`]; `after` runs on the writer's thread right after the commit, in the order of commits.
    async fn write_then<T, F, A>(&self, doing: &'static str, work: F, after: A) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(doing, Message::Job(Box::new(Command { work, after, value: None, reply })), answer).await
    }

    /// Runs `work` on the writing connection outside any transaction.
    async fn write_alone<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let command = Command { work, after: |_: &T| (), value: None, reply };
        self.send(doing, Message::Alone(Box::new(command)), answer).await
    }

    async fn send<T>(
        &self,
        doing: &'static str,
        message: Message,
        answer: oneshot::Receiver<Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        self.inner.queue.send(message).await.map_err(|_| StoreError::Closed { doing })?;
        let answer = answer.await.map_err(|_| StoreError::Closed { doing })?;
        answer.map_err(|fault| fault.into_error(doing, &self.inner.files.database))
    }
}

/// A closure on its way to the writer, and where its answer goes.
struct Command<T, F, A> {
    work: F,
    after: A,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, Fault>>,
}

impl<T, F, A> Job for Command<T, F, A>
where
    T: Send,
    F: FnMut(&mut SqliteConnection) -> Result<T, Fault> + Send,
    A: FnOnce(&T) + Send,
{
    fn run(&mut self, conn: &mut SqliteConnection) -> Result<(), Fault> {
        self.value = Some((self.work)(conn)?);
        Ok(())
    }

    fn finish(self: Box<Self>, end: Result<(), Fault>) {
        let Self { after, value, reply, .. } = *self;
        let answer = match (end, value) {
            (Ok(()), Some(value)) => {
                after(&value);
                Ok(value)
            }
            (Err(fault), _) => Err(fault),
            (Ok(()), None) => Err(Fault::Said(StoreError::Closed { doing: "write" })),
        };
        // Whoever asked may have been cancelled; the row stays written.
        let _ = reply.send(answer);
    }
}
