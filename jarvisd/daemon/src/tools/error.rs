//! Why a read gave nothing, one line each: what happened, to what, what to do.

use jarvis_core::cluster::NodeName;
use thiserror::Error;

use crate::{
    clients::{docker::DockerError, proxmox::ProxmoxError, ssh::reads::ReadError},
    store::StoreError,
};

#[derive(Debug, Error)]
pub enum ToolError {
    #[error("`{tool}` changes something; it is not carried out as a read")]
    NotARead { tool: &'static str },
    #[error("`{tool}` is answered from the executor's own record")]
    NotHere { tool: &'static str },
    #[error("`{tool}` gave no answer within {after_s} s; try again, or look whether the node answers at all")]
    TimedOut { tool: &'static str, after_s: u32 },
    #[error("`{tool}` is being read by too many at once; try again in a moment")]
    Busy { tool: &'static str },
    #[error("no cluster is configured: add [proxmox] to the configuration and restart")]
    NoCluster,
    #[error("nothing has been read from the cluster yet; look at /readyz for the reason if this lasts")]
    NotYet,
    #[error("there is no {what}; {todo}")]
    Absent { what: String, todo: &'static str },
    #[error(
        "{what} of {node} can only be read by a command there: add [ssh] with an entry `name = \"{node}\"` under \
         [[ssh.nodes]] to the configuration, then pin its host key with `jarvisd ssh enrol`"
    )]
    NoSsh { node: NodeName, what: &'static str },
    #[error("no Docker host is configured: add [[docker.hosts]] to the configuration")]
    NoDocker,
    #[error(transparent)]
    Proxmox(#[from] Box<ProxmoxError>),
    #[error(transparent)]
    Command(#[from] ReadError),
    #[error(transparent)]
    Docker(#[from] DockerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ProxmoxError> for ToolError {
    fn from(error: ProxmoxError) -> Self {
        Self::Proxmox(Box::new(error))
    }
}
