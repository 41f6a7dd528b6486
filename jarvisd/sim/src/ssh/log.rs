//! What arrived over SSH, word for word.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::{Value, json};

/// One command as received.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SshCommand {
    pub seq: u64,
    pub unix_ms: u64,
    pub host: String,
    pub user: String,
    /// Exactly as sshd handed it over.
    pub line: String,
    /// The bytes, when they are not UTF-8.
    pub line_hex: Option<String>,
    /// What a real shell made of the line; nothing when it refused it.
    pub words: Option<Vec<String>>,
    /// Whether the line is words and nothing else, whatever shell reads it.
    pub inert: bool,
    /// What that shell complained about.
    pub shell_said: String,
    /// The row of the table it is.
    pub shape: Option<&'static str>,
    /// Nothing until it ended.
    pub exit: Option<u8>,
    pub out_bytes: u64,
    pub err_bytes: u64,
}

/// One interactive shell.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SshShell {
    pub seq: u64,
    pub unix_ms: u64,
    pub host: String,
    pub user: String,
    pub tty: bool,
}

/// Entries kept of each kind.
const KEPT_MAX: usize = 5_000;

#[derive(Debug, Default)]
pub struct SshLog {
    seq: u64,
    commands: VecDeque<SshCommand>,
    shells: VecDeque<SshShell>,
    pub connections: u64,
}

impl SshLog {
    /// Enters a command and returns its number.
    pub fn command(&mut self, command: SshCommand) -> u64 {
        self.seq += 1;
        self.commands.push_back(SshCommand { seq: self.seq, ..command });
        if self.commands.len() > KEPT_MAX {
            self.commands.pop_front();
        }
        self.seq
    }

    pub fn shell(&mut self, shell: SshShell) {
        self.seq += 1;
        self.shells.push_back(SshShell { seq: self.seq, ..shell });
        if self.shells.len() > KEPT_MAX {
            self.shells.pop_front();
        }
    }

    pub fn ended(&mut self, seq: u64, exit: Option<u8>, out_bytes: u64, err_bytes: u64) {
        if let Some(command) = self.commands.iter_mut().rev().find(|c| c.seq == seq) {
            (command.exit, command.out_bytes, command.err_bytes) = (exit, out_bytes, err_bytes);
        }
    }

    pub fn report(&self, since: u64) -> Value {
        let commands: Vec<&SshCommand> = self.commands.iter().filter(|c| c.seq > since).collect();
        let shells: Vec<&SshShell> = self.shells.iter().filter(|s| s.seq > since).collect();
        json!({"cursor": self.seq, "connections": self.connections, "commands": commands, "shells": shells})
    }
}
