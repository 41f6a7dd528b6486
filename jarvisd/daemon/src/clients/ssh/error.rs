//! What can go wrong on the way to a node's shell, one line each.

use std::time::Duration;

use jarvis_core::cluster::NodeName;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum SshError {
    #[error("node {node} has no SSH access configured; add it under [[ssh.nodes]]")]
    NotConfigured { node: NodeName },
    #[error(
        "node {node} ({address}) cannot be reached over SSH: {source}; check the address and that sshd runs"
    )]
    Unreachable { node: NodeName, address: String, source: std::io::Error },
    #[error("node {node} ({address}): {step} failed: {reason}; check sshd's log there")]
    Handshake { node: NodeName, address: String, step: &'static str, reason: String },
    #[error(
        "node {node} ({address}) shows a host key that is not the pinned one ({fingerprint}); nothing is sent there. \
         If the node was reinstalled, compare the fingerprint on its console and enrol it again"
    )]
    HostKeyChanged { node: NodeName, address: String, fingerprint: String },
    #[error(
        "node {node} ({address}) has no pinned host key; compare its fingerprint {fingerprint} on its console and \
         enrol it"
    )]
    HostKeyUnknown { node: NodeName, address: String, fingerprint: String },
    #[error("node {node} refused user {user}'s key: {reason}; check authorized_keys there")]
    LoginRefused { node: NodeName, user: String, reason: String },
    #[error(
        "node {node} opened no channel for a command, so none was run: {reason}; check sshd's log and MaxSessions there"
    )]
    NoChannel { node: NodeName, reason: String },
    #[error("node {node} did not finish within {timeout:?} ({phase}); the session was dropped")]
    TimedOut { node: NodeName, timeout: Duration, phase: &'static str },
    #[error("node {node} already has {waiting} commands waiting; try again when they are done")]
    Busy { node: NodeName, waiting: usize },
    #[error("nothing was run on node {node}: {}", crate::clients::sending::HELD)]
    Held { node: NodeName },
    #[error("node {node}: the session broke while {doing}: {reason}")]
    Broken { node: NodeName, doing: &'static str, reason: String },
    #[error("node {node}: the command was ended by signal {signal}")]
    Signalled { node: NodeName, signal: String },
    #[error("node {node}: the daemon is stopping, nothing more is sent")]
    Stopped { node: NodeName },
    #[error("the known-hosts file {place}: {reason}")]
    KnownHosts { place: String, reason: String },
    #[error("a thread for node {node} could not be started: {source}")]
    Thread { node: NodeName, source: std::io::Error },
}
