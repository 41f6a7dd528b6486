//! How nodes are reached over SSH, and how long a person's terminal there may live.

use std::path::PathBuf;

use jarvis_core::cluster::NodeName;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ssh {
    /// Who logs in on the nodes.
    pub user: String,
    /// Private key, OpenSSH or PEM, without a passphrase.
    pub key_file: PathBuf,
    /// The nodes' pinned host keys, as OpenSSH writes them.
    pub known_hosts_file: PathBuf,
    /// Temperatures, mounted shares and failed units are read this often: 10 to 3,600.
    #[serde(default = "sensors_s")]
    pub sensors_s: u16,
    /// Nodes without an entry are read over the Proxmox API alone.
    pub nodes: Vec<SshNode>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SshNode {
    pub name: NodeName,
    /// Address or name, as it stands in the file of host keys.
    pub host: String,
    #[serde(default = "ssh_port")]
    pub port: u16,
}

fn ssh_port() -> u16 {
    22
}

fn sensors_s() -> u16 {
    30
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Terminal {
    /// Whether people may open shells on the nodes of `[ssh]` at all.
    pub enabled: bool,
    /// Who a terminal logs in as, when not the user of `[ssh]`.
    pub user: Option<String>,
    /// The key for that, when not the one of `[ssh]`.
    pub key_file: Option<PathBuf>,
    /// A shell into which nobody types for this long is ended: 1 to 86,400.
    pub idle_s: u32,
    /// A shell without a connection waits this long for its screen: 0 to 600.
    pub resume_s: u16,
    /// Shells at once: 1 to 64.
    pub sessions_max: u8,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { enabled: true, user: None, key_file: None, idle_s: 900, resume_s: 120, sessions_max: 8 }
    }
}
