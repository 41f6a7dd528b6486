//! What is said of a change when it is sent: taken on, or not, and whether it may have been made.
//!
//! Every client that changes anything speaks in these words, so that the executor can tell a change that was
//! never made from one nobody knows of. What exactly would leave is told by core's `ExactCall`. Not here: whether it may be sent (policy) and how it ended (the task).

use std::error::Error;

use jarvis_core::cluster::Upid;
use thiserror::Error;

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
