//! The one change that is made over SSH: a listed service is restarted.
//!
//! Not here: restarts that Proxmox's own API can do.

use std::time::Duration;

use jarvis_core::{
    policy::Order,
    protocol::acting::ExactCall,
    shapes,
    tools::{Operation, RestartService},
};

use super::{Command, Ssh, SshError, reads::ReadError};
use crate::clients::sending::{SendError, Sent};

/// What [`Ssh::send`] would run for this.
pub fn exact(call: &RestartService) -> Result<ExactCall, SendError> {
    let line = shapes::restart_service_line(call).map_err(|e| SendError::NotSent(e.into()))?;
    Ok(ExactCall {
        via: "ssh".into(),
        method: "exec".into(),
        target: call.node.to_string(),
        path: line,
        body: String::new(),
    })
}

impl Ssh {
    /// Restarts the service the order is for, and waits for systemd's word on it: there is no task to follow.
    ///
    /// # Errors
    /// Each says whether the change may have been made.
    pub async fn send(&self, order: Order) -> Result<Sent, SendError> {
        let not_sent = |what: &str| SendError::NotSent(what.to_owned().into());
        let Some((node, command)) = shapes::restart_service(&order) else {
            let Operation::RestartService(_) = order.operation() else {
                return Err(not_sent("only services are restarted over SSH"));
            };
            return Err(not_sent("there is no command for this"));
        };
        let command = command.map_err(|e| SendError::NotSent(e.into()))?;
        let shape = command.shape();
        let send = Command {
            line: command.line(),
            timeout: Duration::from_secs(shape.timeout_s.into()),
            output_bytes_max: usize::try_from(shape.output_bytes_max).unwrap_or(usize::MAX),
        };
        let out = self.run(&node, send, self.gate.clone()).await.map_err(fate)?;
        match out.exit {
            Some(0) => Ok(Sent { upid: None }),
            Some(exit) => {
                let error = String::from_utf8_lossy(&out.stderr).trim().chars().take(200).collect();
                let program = shape.program;
                Err(SendError::Refused(ReadError::Failed { node, program, exit, error }.into()))
            }
            None => Err(SendError::Unknown("its output was too long to await its end".into())),
        }
    }
}

fn fate(error: SshError) -> SendError {
    match &error {
        SshError::NotConfigured { .. }
        | SshError::Unreachable { .. }
        | SshError::Handshake { .. }
        | SshError::HostKeyChanged { .. }
        | SshError::HostKeyUnknown { .. }
        | SshError::LoginRefused { .. }
        | SshError::NoChannel { .. }
        | SshError::Busy { .. }
        | SshError::Held { .. }
        | SshError::KnownHosts { .. }
        | SshError::Thread { .. } => SendError::NotSent(error.into()),
        SshError::TimedOut { .. }
        | SshError::Broken { .. }
        | SshError::Signalled { .. }
        | SshError::Stopped { .. } => SendError::Unknown(error.into()),
    }
}
