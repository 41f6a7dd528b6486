//! Writes the activity feed to the store, in the order in which things happened.
//!
//! Producers never wait for the disk: they hand lines over through a bounded queue. Not here: what a line
//! says (`jarvis_core`), and telling screens (the store does, once a line is durable).

use std::time::Duration;

use jarvis_core::protocol::NewEvent;
use tokio::sync::mpsc;

use crate::{store::Store, supervisor::Supervisor};

/// Batches that may wait for the disk; each holds at most about a hundred lines.
const BATCHES_WAITING_MAX: usize = 256;
/// Lines written in one go.
const LINES_AT_ONCE_MAX: usize = 500;
/// Wait before lines that could not be written are tried again.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Tries before lines are given up, so that a broken disk does not hold up the daemon's end for ever.
const TRIES_MAX: u32 = 5;

/// The producers' end.
#[derive(Clone)]
pub struct Journal(mpsc::Sender<Vec<NewEvent>>);

impl Journal {
    /// Starts the writer beside the loops; it ends when the daemon stops and everything is written.
    pub fn start(supervisor: &Supervisor, store: Store) -> Self {
        let (journal, queue) = Self::queue();
        let stop = supervisor.stop().clone();
        supervisor.beside(async move { write(queue, &store, stop.cancelled_owned()).await });
        journal
    }

    /// A journal whose lines the caller takes himself.
    pub fn queue() -> (Self, mpsc::Receiver<Vec<NewEvent>>) {
        let (sender, queue) = mpsc::channel(BATCHES_WAITING_MAX);
        (Self(sender), queue)
    }

    /// Hands lines over; when the disk is too slow for too long they are dropped, and that is said.
    pub fn tell(&self, events: Vec<NewEvent>) {
        if events.is_empty() {
            return;
        }
        if let Err(error) = self.0.try_send(events) {
            let lines = error.into_inner().len();
            tracing::error!(lines, "activity lines are lost: the store has not taken any for too long");
        }
    }
}

async fn write(mut queue: mpsc::Receiver<Vec<NewEvent>>, store: &Store, stopped: impl Future<Output = ()>) {
    tokio::pin!(stopped);
    loop {
        let batch = tokio::select! {
            biased;
            batch = queue.recv() => batch,
            () = &mut stopped => {
                // What was handed over before the stop is still written.
                queue.close();
                queue.recv().await
            }
        };
        let Some(mut lines) = batch else { return };
        while lines.len() < LINES_AT_ONCE_MAX {
            let Ok(more) = queue.try_recv() else { break };
            lines.extend(more);
        }
        append(store, lines).await;
    }
}

async fn append(store: &Store, lines: Vec<NewEvent>) {
    for attempt in 1..=TRIES_MAX {
        match store.events().append(lines.clone()).await {
            Ok(_) => return,
            Err(error) if attempt == TRIES_MAX => {
                tracing::error!(lines = lines.len(), %error, "activity lines are lost");
            }
            Err(error) => {
                tracing::warn!(lines = lines.len(), %error, "activity lines could not be stored; trying again");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}
