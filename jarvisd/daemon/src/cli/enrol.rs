//! `jarvisd ssh enrol`: shows the key each node offers, and pins those whose fingerprint a person has compared.
//!
//! Nothing is trusted on first sight: without `--accept` nothing is written. Not here: what a pinned key is for.

use std::process::ExitCode;

use clap::Subcommand;
use jarvis_core::cluster::NodeName;

use super::words::{fail, say};
use crate::{
    app::{self, AppError},
    clients::ssh::{HostKeys, Standing, offered},
    clock::Clock,
    config::{self, Config, ConfigError},
};

#[derive(Debug, Subcommand)]
pub enum SshCommand {
    /// Show the host key of each node of [[ssh.nodes]], and pin those that were compared.
    Enrol {
        /// Only this node.
        #[arg(long)]
        node: Option<NodeName>,
        /// A fingerprint compared on the node's own console (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`);
        /// give it once for each node.
        #[arg(long, value_name = "SHA256:…")]
        accept: Vec<String>,
    },
}

pub fn run(command: &SshCommand, config: &Config) -> Result<ExitCode, AppError> {
    let SshCommand::Enrol { node, accept } = command;
    let Some(access) = &config.ssh else {
        return Ok(fail(2, &"no node is reached over SSH: add [ssh] and [[ssh.nodes]] to the configuration"));
    };
    let file = &access.known_hosts_file;
    let unusable = |source| ConfigError::File { key: "ssh.known_hosts_file", path: file.clone(), source };
    let mut text = config::known_hosts(file).map_err(unusable)?;
    let Some(settings) = app::ssh_with(config, &text)? else { return Ok(ExitCode::FAILURE) };
    let (mut open, mut written, mut met) = (false, false, false);
    for target in settings.targets.iter().filter(|t| node.as_ref().is_none_or(|only| *only == t.node)) {
        met = true;
        let place = format!("{} ({}:{})", target.node, target.host, target.port);
        let key = match offered(target, &settings, Clock) {
            Ok(key) => key,
            Err(error) => {
                say(&format!("fail {place}: {error}"));
                open = true;
                continue;
            }
        };
        let accepted = accept.contains(&key.fingerprint);
        let word = match (key.standing, accepted) {
            (Standing::Pinned, _) => "ok   pinned",
            (_, true) => {
                text = HostKeys::pinned(&text, target, &key);
                written = true;
                "ok   pinned now"
            }
            (Standing::Changed, false) => "fail ANOTHER key is pinned",
            (Standing::Unknown, false) => "warn not pinned",
        };
        open |= !accepted && key.standing != Standing::Pinned;
        say(&format!("{word}: {place} offers {}", key.fingerprint));
    }
    if !met {
        return Ok(fail(2, &"no such node under [[ssh.nodes]]"));
    }
    if written {
        config::write_known_hosts(file, &text).map_err(unusable)?;
        say(&format!("{} was written; restart the daemon to use it", file.display()));
    }
    if open {
        say(
            "Compare each fingerprint on the node's own console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then \
             run this again with --accept FINGERPRINT",
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
