//! Why a call came to nothing, apart from refusals.

use jarvis_core::{approval::ApprovalError, policy::Loosens};
use thiserror::Error;

use crate::{
    config::ConfigError,
    store::{KillSwitchError, StoreError},
    tools::ToolError,
};

#[derive(Debug, Error)]
pub enum ExecutorError {
    #[error("nothing was done: the store does not take it or cannot be read ({0})")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Switch(KillSwitchError),
    #[error("nothing was done: {waiting} actions wait in line already; wait for some to end")]
    LineFull { waiting: usize },
    #[error("nothing was asked: {waiting} questions wait for a person already; decide some of them first")]
    TooManyQuestions { waiting: usize },
    #[error("the machine gives no random numbers")]
    Random,
    #[error("the daemon is stopping; ask again when it is back")]
    Stopping,
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("the policy stays as it was: {0}")]
    Config(#[from] ConfigError),
    #[error("the policy stays as it was: {0}")]
    Loosens(Loosens),
}

#[derive(Debug, Error)]
pub enum DecideError {
    #[error("there is no approval `{0}` that could be decided; it may be too old, or of an earlier start")]
    Unknown(String),
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    #[error("it was decided, but its action could not be begun: {0}")]
    NotBegun(String),
    #[error("the decision could not be recorded, so it does not count: {0}")]
    Store(#[from] StoreError),
}

#[derive(Debug, Error)]
pub enum TakeBackError {
    #[error("there is no action `{0}`; it may be too old")]
    Unknown(String),
    #[error("it was asked for by {caller}; only that one, or a person in a session, takes it back")]
    NotYours { caller: String },
    #[error(
        "`{0}` does not wait in line: what was begun runs to its end, and what is over is over; end a task that hangs \
         in Proxmox"
    )]
    NotWaiting(String),
    #[error("it was taken back, but that could not be recorded: {0}")]
    Store(#[from] StoreError),
}
