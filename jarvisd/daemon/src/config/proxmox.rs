//! How the cluster is reached and how often it is asked.

use std::path::PathBuf;

use jarvis_core::cluster::NodeName;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxmox {
    /// The nodes' API addresses; any one that answers serves the whole cluster.
    pub nodes: Vec<NodeAddress>,
    /// The cluster's own CA (`/etc/pve/pve-root-ca.pem`). Needed unless every node has a fingerprint.
    pub ca_file: Option<PathBuf>,
    /// File with `user@realm!tokenid=uuid`.
    pub token_file: PathBuf,
    /// The token changes are made with; missing: the one above.
    pub act_token_file: Option<PathBuf>,
    #[serde(default)]
    pub poll: Poll,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeAddress {
    pub name: NodeName,
    /// `https://192.168.1.50:8006`
    pub url: String,
    /// SHA-256 of the certificate, `AA:BB:…`, as the node's certificate page shows it.
    pub fingerprint: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Poll {
    /// Period while a screen is open or an incident is: 500 to 10,000.
    pub watched_ms: u32,
    /// Period while nobody looks: 5,000 to 60,000.
    pub idle_ms: u32,
    /// Upper bound of requests a minute while nobody looks, for up to four nodes; each further node adds one.
    pub idle_requests_per_minute: u16,
}

impl Default for Poll {
    fn default() -> Self {
        Self { watched_ms: 1_000, idle_ms: 10_000, idle_requests_per_minute: 24 }
    }
}
