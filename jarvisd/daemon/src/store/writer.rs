//! The one thread that writes.
//!
//! Commands queue up behind a bounded channel; whatever waits is carried out in one immediate transaction, each
//! command in its own savepoint, and all are answered after the one commit. A command that fails by itself fails
//! alone. When the transaction itself breaks (full disk, I/O error), every command of it is run again alone, so
//! that each gets its own true answer.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use jarvis_core::audit::Broken;
use tokio::sync::{mpsc, oneshot};

use super::{
    connection,
    directory::{DirectoryLock, Pinned},
    error::{Fault, StoreError, Trouble},
};
use crate::clock::Clock;

/// Commands that may wait. A full queue makes callers wait, which slows whoever floods it.
pub(super) const QUEUE_MAX: usize = 1_024;
/// One sync serves this many commands …
const BATCH_MAX: usize = 100;
/// … or those carried out in this time, so that the first of them is not kept waiting.
const BATCH_TIME_MAX: Duration = Duration::from_millis(50);

/// Something to do on the writing connection. It may be run twice: see the module.
pub(super) trait Job: Send {
    fn run(&mut self, conn: &mut SqliteConnection) -> Result<(), Fault>;
    /// Called once, after the commit or after the failure.
    fn finish(self: Box<Self>, end: Result<(), Fault>);
}

pub(super) enum Message {
    Job(Box<dyn Job>),
    /// Runs outside a transaction, for statements that cannot be inside one.
    Alone(Box<dyn Job>),
    /// Asks the writing connection something; says nothing about whether writing works.
    Look(Box<dyn Job>),
    Close(oneshot::Sender<Result<(), Fault>>),
}

/// What is wrong with the store at present.
#[derive(Debug, Clone, Default)]
pub(super) struct Health(Arc<Mutex<Ailments>>);

#[derive(Debug, Default)]
struct Ailments {
    /// Of the last write; gone with the next one that succeeds.
    writing: Option<Trouble>,
    /// A damaged page was met. Writing elsewhere does not mend it.
    damaged: bool,
    /// The audit was changed from outside.
    tampered: Option<Broken>,
    /// Another file bears the database's name or its log's, or none.
    displaced: bool,
    /// Which file the log is that the writing connection holds open.
    log: Option<Pinned>,
}

impl Health {
    pub fn trouble(&self) -> Option<Trouble> {
        let ailments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ailments.damaged { Some(Trouble::Corrupt) } else { ailments.writing }
    }

    pub fn note(&self, writing: Option<Trouble>) {
        let mut ailments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ailments.damaged |= writing == Some(Trouble::Corrupt);
        ailments.writing = writing;
    }

    pub fn tampered(&self, broken: &Broken) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tampered.get_or_insert(broken.clone());
    }

    pub fn tampering(&self) -> Option<Broken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tampered.clone()
    }

    pub fn opened_log(&self, log: Option<Pinned>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).log = log;
    }

    /// Blocks for one look at the directory.
    pub fn log_stands(&self) -> bool {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner).log.clone();
        log.is_none_or(|log| log.stands())
    }

    /// Whether it was otherwise until now.
    pub fn displaced(&self, displaced: bool) -> bool {
        let mut ailments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut ailments.displaced, displaced) != displaced
    }

    pub fn is_displaced(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).displaced
    }

    pub fn damaged(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).damaged = true;
    }
}

pub(super) struct Writer {
    pub conn: Option<SqliteConnection>,
    pub file: PathBuf,
    /// Beside it.
    pub log: PathBuf,
    pub bytes_max: i64,
    pub clock: Clock,
    pub health: Health,
    /// Given back when the thread ends: nobody else may open while this one could still write. Missing in a process
    /// beside the owner.
    pub lock: Option<DirectoryLock>,
}

impl Writer {
    /// The life of the thread: ends on `Close` or when nobody is left to ask.
    pub fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut next = None;
        while let Some(message) = next.take().or_else(|| queue.blocking_recv()) {
            match message {
                Message::Job(job) => next = self.batch(job, &mut queue),
                Message::Alone(job) => self.alone(job),
                Message::Look(mut job) => {
                    let end = self.connected().and_then(|conn| job.run(conn));
                    job.finish(end);
                }
                Message::Close(reply) => {
                    let end = self.shut();
                    drop(self);
                    // The asker may be gone; the store is closed all the same.
                    let _ = reply.send(end);
                    return;
                }
            }
        }
        if self.shut().is_err() {
            tracing::warn!("the log of the database could not be folded in; the next start will do it");
        }
    }

    /// Carries out `first` and what waits behind it. Gives back a message that does not belong in a batch.
    fn batch(&mut self, first: Box<dyn Job>, queue: &mut mpsc::Receiver<Message>) -> Option<Message> {
        let started = self.clock.monotonic();
        let clock = self.clock;
        let mut taken: Vec<(Box<dyn Job>, Result<(), Fault>)> = Vec::new();
        let mut waiting = Some(first);
        let mut other = None;
        let conn = match self.connected() {
            Ok(conn) => conn,
            Err(e) => {
                if let Some(job) = waiting {
                    job.finish(Err(e));
                }
                return None;
            }
        };
        let end = conn.immediate_transaction::<(), Fault, _>(|conn| {
            while let Some(mut job) = waiting.take() {
                let end = conn.transaction(|conn| job.run(conn));
                let broken = end.as_ref().is_err_and(|fault| !fault.leaves_transaction_whole());
                taken.push((job, end));
                if broken {
                    return Err(Fault::Db(diesel::result::Error::RollbackTransaction));
                }
                if taken.len() >= BATCH_MAX || clock.monotonic().duration_since(started) >= BATCH_TIME_MAX {
                    return Ok(());
                }
                match queue.try_recv() {
                    Ok(Message::Job(job)) => waiting = Some(job),
                    Ok(message) => other = Some(message),
                    Err(_) => {}
                }
            }
            Ok(())
        });
        // BEGIN itself may have failed, before the first job was taken.
        taken.extend(waiting.map(|job| (job, Ok(()))));
        match end {
            Ok(()) => {
                self.health.note(None);
                taken.into_iter().for_each(|(job, end)| job.finish(end));
            }
            Err(_) => {
                self.reconnect();
                taken.into_iter().for_each(|(job, _)| self.single(job));
            }
        }
        other
    }

    /// One command in a transaction of its own, for when it shared a broken one.
    fn single(&mut self, mut job: Box<dyn Job>) {
        let end = self.connected().and_then(|conn| conn.immediate_transaction(|conn| job.run(conn)));
        self.settle(job, end);
    }

    fn alone(&mut self, mut job: Box<dyn Job>) {
        let end = self.connected().and_then(|conn| job.run(conn));
        self.settle(job, end);
    }

    fn settle(&mut self, job: Box<dyn Job>, end: Result<(), Fault>) {
        match &end {
            Ok(()) => self.health.note(None),
            Err(Fault::Db(e)) if end.as_ref().is_err_and(|f| !f.leaves_transaction_whole()) => {
                self.health.note(Some(Trouble::of(e)));
                self.reconnect();
            }
            Err(_) => {}
        }
        job.finish(end);
    }

    fn connected(&mut self) -> Result<&mut SqliteConnection, Fault> {
        if self.conn.is_none() {
            self.conn = Some(connection::writer(&self.file, self.bytes_max)?);
            // Whoever closes the last connection takes the log away; this one may have begun another.
            self.health.opened_log(Pinned::of(&self.log).ok());
        }
        self.conn.as_mut().ok_or(Fault::Said(StoreError::Closed { doing: "write" }))
    }

    /// After a broken transaction neither SQLite's nor diesel's idea of it can be trusted.
    fn reconnect(&mut self) {
        self.conn = None;
        if let Err(e) = self.connected() {
            tracing::error!(error = ?e, "the database cannot be opened again");
            self.health.note(Some(Trouble::Disk));
        }
    }

    /// Folds the log into the file, so that the next start finds one whole file.
    fn shut(&mut self) -> Result<(), Fault> {
        let Some(mut conn) = self.conn.take() else { return Ok(()) };
        if self.lock.is_none() {
            return Ok(());
        }
        conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }
}
