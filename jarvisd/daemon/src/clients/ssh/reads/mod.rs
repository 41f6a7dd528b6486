//! What commands on nodes answer: the typed reads of core's table, run over SSH, and their output in our words.
//!
//! Not here: which commands there are and how they are spelled (`jarvis_core::shapes`), and who asks for them.

mod ask;
pub mod docker;
mod exports;
mod health;
mod logs;
mod mounts;
mod sensors;
mod tables;
mod units;
mod volumes;

use std::time::Duration;

use jarvis_core::{cluster::NodeName, shapes::NodeRead};
use thiserror::Error;

pub use exports::{Export, exports, samba};
pub use health::{Disk, smart};
pub use logs::lines;
pub use mounts::{Fill, Mount, fill, mounts};
pub use sensors::{Temperature, sensors, thermal_zones};
pub use tables::{Process, Socket, links, pressure, processes, sockets};
pub use units::{UnitState, failed_units, unit_state};
pub use volumes::{ceph, lvm, zpool_list, zpool_status};

use super::{Command, Ssh, SshError};

/// What a read left behind, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Missing when the output was cut.
    pub exit: Option<i32>,
    pub text: String,
    /// The beginning of what it said on standard error.
    pub error: String,
    /// There was more; the beginning is here.
    pub cut: bool,
}

#[derive(Debug, Error)]
pub enum ReadError {
    #[error(transparent)]
    Ssh(#[from] SshError),
    #[error("{program} is not installed on {node}; install it there, or do without this reading")]
    NotThere { node: NodeName, program: &'static str },
    #[error("{program} on {node} ended with {exit}: {error}")]
    Failed { node: NodeName, program: &'static str, exit: i32, error: String },
    #[error("{program} on {node} answered what cannot be read: {what}")]
    Odd { node: NodeName, program: &'static str, what: String },
    #[error("a word of the command holds a NUL character")]
    Unspeakable,
}

/// What `env` answers when the program is not there.
const NOT_FOUND: i32 = 127;
/// As much of standard error as a person needs.
const ERROR_CHARS_MAX: usize = 200;

impl Ssh {
    /// Runs a read. Any exit code is an answer: what it means differs from program to program.
    pub async fn read(&self, node: &NodeName, read: &NodeRead) -> Result<Said, ReadError> {
        let shape = read.shape();
        let line = read.command().map_err(|_| ReadError::Unspeakable)?.line();
        let command = Command {
            line,
            timeout: Duration::from_secs(shape.timeout_s.into()),
            output_bytes_max: usize::try_from(shape.output_bytes_max).unwrap_or(usize::MAX),
        };
        let out = self.exec(node, command).await?;
        if out.exit == Some(NOT_FOUND) {
            return Err(ReadError::NotThere { node: node.clone(), program: shape.program });
        }
        let error = String::from_utf8_lossy(&out.stderr).chars().take(ERROR_CHARS_MAX).collect();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        Ok(Said { exit: out.exit, text, error, cut: out.cut })
    }

    /// The same for programs whose answer only counts when they ended well; a cut answer counts as far as it goes.
    pub async fn read_well(&self, node: &NodeName, read: &NodeRead) -> Result<Said, ReadError> {
        let said = self.read(node, read).await?;
        match said.exit {
            None | Some(0) => Ok(said),
            Some(exit) => Err(ReadError::failed(node, read, exit, &said.error)),
        }
    }
}

impl ReadError {
    pub fn failed(node: &NodeName, read: &NodeRead, exit: i32, error: &str) -> Self {
        let error: String = error.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let program = read.shape().program;
        Self::Failed { node: node.clone(), program, exit, error: error.trim().to_owned() }
    }

    pub fn odd(node: &NodeName, read: &NodeRead, what: impl Into<String>) -> Self {
        Self::Odd { node: node.clone(), program: read.shape().program, what: what.into() }
    }
}

/// Why a text is not what the program should have written.
pub type Odd = &'static str;
