//! What is said of a change when it is sent: taken on, or not, and whether it may have been made.
//!
//! Every client that changes anything speaks in these words, so that the executor can tell a change that was
//! never made from one nobody knows of. What exactly would leave is told by core's `ExactCall`. Not here: whether it may be sent (policy) and how it ended (the task).

use std::{error::Error, sync::Arc, time::Duration};

use jarvis_core::cluster::Upid;
use thiserror::Error;

/// A last word that takes longer than this counts as a no.
const LAST_WORD_WAIT: Duration = Duration::from_secs(2);
/// Why nothing left.
pub const HELD: &str = "the kill switch was thrown, or cannot be read; release it first, then ask again";

/// Asked in the instant before a change leaves. Between its permit and that instant a client may have waited for a
/// connection, for another node, for a read or for its turn.
pub trait LastWord: Send + Sync {
    /// Blocks no longer than reading a small file takes.
    fn may_leave(&self) -> bool;
}

pub type Gate = Arc<dyn LastWord>;

/// Without a gate everything leaves that has a permit.
pub async fn may_leave(gate: Option<&Gate>) -> bool {
    let Some(gate) = gate.map(Arc::clone) else { return true };
    let asked = tokio::task::spawn_blocking(move || gate.may_leave());
    matches!(tokio::time::timeout(LAST_WORD_WAIT, asked).await, Ok(Ok(true)))
}

/// Taken on by the other side; that is no success yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The task that carries it out; missing where the other side starts none.
    pub upid: Option<Upid>,
}

pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a change was not taken on, by how much is known of it.
#[derive(Debug, Error)]
pub enum SendError {
    /// Nothing left this machine, or nothing that anybody acts on.
    #[error("it was not sent: {0}")]
    NotSent(#[source] Cause),
    /// It arrived and was turned down.
    #[error("it was refused: {0}")]
    Refused(#[source] Cause),
    /// It may have been acted on; only reading tells.
    #[error("nobody knows whether it was taken on: {0}")]
    Unknown(#[source] Cause),
}

impl SendError {
    /// Whether the change may have been made all the same.
    pub fn may_have_acted(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

/// One request exactly as it leaves; a dry run shows it, the real run sends the same.
pub type Exact = jarvis_core::protocol::acting::ExactCall;
