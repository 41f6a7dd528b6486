//! What can go wrong with a Docker host, one line each.

use jarvis_core::tools::words::HostName;
use thiserror::Error;

use crate::clients::ssh::reads::ReadError;

#[derive(Debug, Error)]
pub enum DockerError {
    #[error("there is no Docker host `{host}` in the settings; there are: {known}")]
    NoSuchHost { host: HostName, known: String },
    #[error("Docker host {host}: {what}; check [[docker.hosts]]")]
    Misconfigured { host: HostName, what: String },
    #[error("Docker on {host} cannot be reached ({why}); check that it runs and that its endpoint is right")]
    Unreachable { host: HostName, why: String },
    #[error("Docker on {host} did not answer within {after_s} s; check the machine it runs on")]
    TimedOut { host: HostName, after_s: u64 },
    #[error("the connection to Docker on {host} broke off: {why}")]
    Interrupted { host: HostName, why: String },
    #[error("Docker on {host} answered {status}: {message}")]
    Refused { host: HostName, status: u16, message: String },
    #[error("Docker on {host} answered what cannot be read: {what}")]
    Odd { host: HostName, what: String },
    #[error(
        "Docker on {host} is reached over SSH, by which it is only read; give [[docker.hosts]] a socket or a TLS url \
         to change anything there"
    )]
    ReadOnly { host: HostName },
    #[error("{0}")]
    NotAllowed(String),
    #[error(transparent)]
    Ssh(#[from] ReadError),
}

impl DockerError {
    pub(super) fn misconfigured(host: &HostName, what: impl Into<String>) -> Self {
        Self::Misconfigured { host: host.clone(), what: what.into() }
    }

    pub(super) fn odd(host: &HostName, error: &serde_json::Error) -> Self {
        // The place in the text, never the text: it may hold secrets.
        let what = format!("at line {}, column {}", error.line(), error.column());
        Self::Odd { host: host.clone(), what }
    }
}
