//! Commands on nodes over SSH: one thread a session, pinned host keys, bounded everything.
//!
//! libssh2 takes no lock when a channel is dropped, so a session and all its channels live and die in one
//! thread; the async side only passes messages. Not here: which commands exist and how a command line is
//! quoted (`jarvis_core::shapes`). What comes in is a finished line; a person's shell is a handle of its own.

pub mod changes;
mod doctor;
mod error;
mod exec;
pub mod reads;
mod session;
mod shell;
mod trust;
mod worker;

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
    time::Duration,
};

use jarvis_core::cluster::NodeName;
use secrecy::SecretString;
use tokio::sync::oneshot;

pub use changes::exact;
pub use doctor::examine;
pub use error::SshError;
pub use shell::{Keys, Shell, ShellEvent, Shells, Size};
pub use trust::{HostKeys, Offered, Standing};

use crate::{clients::sending::Gate, clock::Clock};
use worker::{Job, Worker};

/// Commands that may wait for one node's session; a hung node refuses the next ones at once.
const QUEUE_MAX: usize = 8;

/// Where a node's SSH server is and as whom to go there.
#[derive(Debug, Clone)]
pub struct Target {
    pub node: NodeName,
    pub host: String,
    pub port: u16,
    pub user: String,
}

/// What is needed to open sessions.
#[derive(Clone)]
pub struct Settings {
    pub targets: Vec<Target>,
    /// Private key, OpenSSH or PEM.
    pub key: SecretString,
    pub host_keys: HostKeys,
    /// For connecting, the key exchange and the log-in together.
    pub connect: Duration,
}

/// One command: a finished line, and what it may cost.
#[derive(Debug, Clone)]
pub struct Command {
    pub line: String,
    /// From the moment it is asked for, waiting included.
    pub timeout: Duration,
    /// Of standard output and standard error each.
    pub output_bytes_max: usize,
}

/// What a command left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Missing when the output was cut, because the rest was not awaited.
    pub exit: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// More was written than allowed; it is the beginning that is kept.
    pub cut: bool,
}

/// The key that a node's server shows, for a person to compare; blocks for up to the time for connecting.
pub fn offered(target: &Target, settings: &Settings, clock: Clock) -> Result<Offered, SshError> {
    session::offered(target, settings, clock)
}

/// A handle on the sessions of all configured nodes.
#[derive(Clone)]
pub struct Ssh {
    clock: Clock,
    workers: Arc<BTreeMap<NodeName, Worker>>,
    /// Asked before each change.
    gate: Option<Gate>,
}

impl Ssh {
    /// Starts one idle thread a node; nothing is connected before it is needed.
    pub fn new(settings: Settings, clock: Clock) -> Result<Self, SshError> {
        let settings = Arc::new(settings);
        let mut workers = BTreeMap::new();
        for target in &settings.targets {
            let worker = Worker::start(target.clone(), Arc::clone(&settings), clock)?;
            workers.insert(target.node.clone(), worker);
        }
        Ok(Self { clock, workers: Arc::new(workers), gate: None })
    }

    /// The same sessions, whose changes have a last word.
    #[must_use]
    pub fn guarded(&self, gate: Gate) -> Self {
        Self { gate: Some(gate), ..self.clone() }
    }

    /// Whether commands can be sent to this node at all.
    pub fn knows(&self, node: &NodeName) -> bool {
        self.workers.contains_key(node)
    }

    /// Runs one command and waits for its end. An error means that nothing is known of its effect.
    pub async fn exec(&self, node: &NodeName, command: Command) -> Result<Output, SshError> {
        self.run(node, command, None).await
    }

    /// The same, unless the gate says no once it is this command's turn and the node is connected.
    async fn run(&self, node: &NodeName, command: Command, gate: Option<Gate>) -> Result<Output, SshError> {
        let worker = self.workers.get(node).ok_or_else(|| SshError::NotConfigured { node: node.clone() })?;
        let deadline = self.clock.monotonic() + command.timeout;
        let (reply, answer) = oneshot::channel();
        match worker.queue.try_send(Job { command, deadline, gate, reply }) {
            Ok(()) => {}
            Err(mpsc::TrySendError::Full(_)) => {
                return Err(SshError::Busy { node: node.clone(), waiting: QUEUE_MAX });
            }
            Err(mpsc::TrySendError::Disconnected(_)) => {
                return Err(SshError::Stopped { node: node.clone() });
            }
        }
        answer.await.unwrap_or_else(|_| Err(SshError::Stopped { node: node.clone() }))
    }
}
