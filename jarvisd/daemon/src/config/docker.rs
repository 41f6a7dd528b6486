//! Where Docker engines are, and how nodes are woken.

use std::{net::SocketAddr, path::PathBuf};

use jarvis_core::{
    cluster::{NodeName, Vmid},
    tools::words::HostName,
};
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Docker {
    /// Compose project of our own stack: its containers are never started, stopped or restarted from here.
    pub own_project: String,
    pub hosts: Vec<DockerHost>,
}

impl Default for Docker {
    fn default() -> Self {
        Self { own_project: "jarvis".into(), hosts: Vec::new() }
    }
}

/// One engine; exactly one of `socket`, `url` and `ssh_host` says how it is reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DockerHost {
    pub name: HostName,
    /// The guest whose engine this is; the graph then knows what goes down with it. Without it or `node` nothing is
    /// changed there.
    pub vmid: Option<Vmid>,
    /// The same for an engine on a node.
    pub node: Option<NodeName>,
    /// `/var/run/docker.sock`
    pub socket: Option<PathBuf>,
    /// `https://10.0.0.5:2376` with the three files below, or `http://127.0.0.1:2375` on loopback.
    pub url: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// Only for reading, with key and host keys of `[ssh]`.
    pub ssh_host: Option<String>,
    #[serde(default = "ssh_port")]
    pub ssh_port: u16,
    /// When not the user of `[ssh]`.
    pub ssh_user: Option<String>,
}

fn ssh_port() -> u16 {
    22
}

impl DockerHost {
    /// What is wrong with it, if anything is.
    pub fn fault(&self) -> Option<&'static str> {
        let ways = [self.socket.is_some(), self.url.is_some(), self.ssh_host.is_some()];
        if ways.into_iter().filter(|way| *way).count() != 1 {
            return Some("give exactly one of socket, url and ssh_host");
        }
        if self.vmid.is_some() && self.node.is_some() {
            return Some("give the guest (vmid) or the node it runs on, not both");
        }
        let files = [&self.ca_file, &self.cert_file, &self.key_file].into_iter().flatten().count();
        match self.url.as_deref() {
            Some(url) if url.starts_with("https://") && files == 3 => None,
            Some(url) if url.starts_with("https://") => {
                Some("an https url wants ca_file, cert_file and key_file")
            }
            Some(url) if files == 0 && is_loopback(url) => None,
            Some(_) => Some(
                "without TLS only http://127.0.0.1:PORT is taken: whoever reaches an engine owns its machine",
            ),
            None if files > 0 => Some("ca_file, cert_file and key_file go with an https url"),
            None => None,
        }
    }
}

fn is_loopback(url: &str) -> bool {
    let Some(address) = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')) else {
        return false;
    };
    let socket: Option<SocketAddr> = address.parse().ok();
    socket.is_some_and(|socket| socket.ip().is_loopback())
}

/// Wake-on-LAN. Without this section nodes are woken by a living one, when Proxmox's node settings hold an address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wake {
    /// Where magic packets go, `192.168.1.255:9`.
    pub broadcast: Option<SocketAddr>,
    pub nodes: Vec<WakeNode>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WakeNode {
    pub name: NodeName,
    /// `AA:BB:CC:DD:EE:FF`; learnt while the node is up when left out.
    pub mac: Option<String>,
    pub broadcast: Option<SocketAddr>,
    /// It is on another segment: a living node shall send the packet.
    #[serde(default)]
    pub relay: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> DockerHost {
        figment::Figment::new()
            .merge(<figment::providers::Toml as figment::providers::Format>::string(text))
            .extract()
            .unwrap()
    }

    #[test]
    fn an_engine_is_reached_by_one_safe_way() {
        let tls = "url = \"https://h:2376\"\nca_file = \"a\"\ncert_file = \"b\"\nkey_file = \"c\"\n";
        for good in [
            "socket = \"/s\"",
            "url = \"http://127.0.0.1:2375\"",
            "ssh_host = \"h\"",
            tls,
            "socket = \"/s\"\nvmid = 103",
        ] {
            assert_eq!(host(&format!("name = \"m\"\n{good}")).fault(), None, "{good}");
        }
        for bad in [
            "",
            "socket = \"/s\"\nssh_host = \"h\"",
            "url = \"http://10.0.0.5:2375\"",
            "url = \"http://localhost.evil:2375\"",
            "url = \"https://h:2376\"",
            "url = \"tcp://127.0.0.1:2375\"",
            "socket = \"/s\"\nca_file = \"a\"",
            "socket = \"/s\"\nvmid = 103\nnode = \"pve\"",
        ] {
            assert!(host(&format!("name = \"m\"\n{bad}")).fault().is_some(), "{bad}");
        }
    }
}
