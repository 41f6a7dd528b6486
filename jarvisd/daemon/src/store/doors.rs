//! The two ways to the database from async code: a bounded number of blocking reads, and the writer's queue.

use std::sync::{Arc, atomic::Ordering};

use diesel::SqliteConnection;
use tokio::sync::oneshot;

use super::{
    Store, StoreError,
    connection::READER_WAIT,
    error::Fault,
    writer::{Job, Message},
};

impl Store {
    /// Runs `work` on a reading connection: the only door from async code to a blocking read.
    pub(super) async fn read<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    {
        let busy = || StoreError::Busy { doing, waited_s: READER_WAIT.as_secs() };
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed { doing });
        }
        let waiting = tokio::time::timeout(READER_WAIT, Arc::clone(&self.inner.permits).acquire_owned());
        let permit = waiting.await.map_err(|_| busy())?.map_err(|_| StoreError::Closed { doing })?;
        let readers = self.inner.readers.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Kept until the connection is back, also when whoever asked has gone away.
            let _permit = permit;
            readers.get().map(|mut conn| work(&mut conn))
        });
        let answer = done.await.map_err(|_| StoreError::Closed { doing })?;
        // With a permit for each connection nobody waits for one in use: this one could not be opened.
        let answer = answer.map_err(|e| StoreError::Io {
            doing: "open",
            path: self.inner.files.database.clone(),
            source: std::io::Error::other(e.to_string()),
        })?;
        answer.map_err(|fault| self.noted(fault.into_error(doing, &self.inner.files.database)))
    }

    /// Runs `work` in the writer's next transaction; its rows are durable when this returns.
    pub(super) async fn write<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    {
        self.write_then(doing, work, |_| ()).await
    }

    /// As [`Store::write`]; `after` runs on the writer's thread right after the commit, in the order of commits.
    pub(super) async fn write_then<T, F, A>(
        &self,
        doing: &'static str,
        work: F,
        after: A,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(doing, Message::Job(Box::new(Command { work, after, value: None, reply })), answer).await
    }

    /// Runs `work` on the writing connection outside any transaction.
    pub(super) async fn write_alone<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let command = Command { work, after: |_: &T| (), value: None, reply };
        self.send(doing, Message::Alone(Box::new(command)), answer).await
    }

    /// Asks the writing connection something, in turn with what is written.
    pub(super) async fn look<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let command = Command { work, after: |_: &T| (), value: None, reply };
        self.send(doing, Message::Look(Box::new(command)), answer).await
    }

    async fn send<T>(
        &self,
        doing: &'static str,
        message: Message,
        answer: oneshot::Receiver<Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        self.inner.queue.send(message).await.map_err(|_| StoreError::Closed { doing })?;
        let answer = answer.await.map_err(|_| StoreError::Closed { doing })?;
        answer.map_err(|fault| self.noted(fault.into_error(doing, &self.inner.files.database)))
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
