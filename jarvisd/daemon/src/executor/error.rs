//! Why a call came to nothing, apart from refusals.

use jarvis_core::approval::ApprovalError;
use thiserror::Error;

use crate::store::StoreError;

#[derive(Debug, Error)]
pub enum ExecutorError {
    #[error("`{what}` cannot be carried out by this version")]
    NotBuilt { what: &'static str },
    #[error("no cluster is configured: add [proxmox] to the configuration and restart")]
    NoCluster,
    #[error("nothing was done: it could not be recorded first ({0})")]
    Store(#[from] StoreError),
    #[error("nothing was done: {waiting} actions wait in line already; wait for some to end")]
    LineFull { waiting: usize },
    #[error("the daemon is stopping; ask again when it is back")]
    Stopping,
    #[error("`{tool}` could not be read: {why}")]
    Read { tool: &'static str, why: String },
}

#[derive(Debug, Error)]
pub enum DecideError {
    #[error("there is no approval `{0}`; it may be too old to be kept")]
    Unknown(String),
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    #[error("the decision could not be recorded, so it does not count: {0}")]
    Store(#[from] StoreError),
}
