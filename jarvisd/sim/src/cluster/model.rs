//! The things a cluster is made of, as they really are (not as the API shows them).
//!
//! Not here: what pvestatd last published (`publish`), membership (`corosync`), tasks (`task`).

use serde_json::Value;

use super::publish::Shown;
use super::wave::Personality;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Qemu,
    Lxc,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Lxc => "lxc",
        }
    }

    /// How the logs and errors call such a guest.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Qemu => "VM",
            Self::Lxc => "CT",
        }
    }

    /// The folder of its configuration files.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Qemu => "qemu-server",
            Self::Lxc => "lxc",
        }
    }

    /// First part of its task types: `qmstart`, `vzstart`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Qemu => "qm",
            Self::Lxc => "vz",
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        match name {
            "qemu" => Some(Self::Qemu),
            "lxc" => Some(Self::Lxc),
            _ => None,
        }
    }
}

/// Whether and since when (wall time) a guest runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Run {
    Stopped,
    Running { since_ms: u64, pid: u64, paused: bool },
}

impl Run {
    pub fn on(self) -> bool {
        matches!(self, Self::Running { .. })
    }
}

#[derive(Clone, Debug)]
pub struct Snapshot {
    pub name: String,
    pub description: String,
    pub taken_s: u64,
    pub vmstate: bool,
    pub parent: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Guest {
    pub vmid: u32,
    pub kind: Kind,
    pub name: String,
    pub node: String,
    pub cores: u64,
    pub mem_bytes: u64,
    pub swap_bytes: u64,
    pub disk_bytes: u64,
    pub tags: String,
    pub template: bool,
    pub onboot: bool,
    pub agent: bool,
    /// The storage its disk lies on.
    pub storage: String,
    pub pool: Option<String>,
    pub run: Run,
    pub lock: Option<String>,
    pub snapshots: Vec<Snapshot>,
    /// Further configuration keys, as text or number.
    pub config: serde_json::Map<String, Value>,
    pub created_s: u64,
    pub how: Personality,
    /// Until when (sim) a task holds its lock file.
    pub busy_until_ms: u64,
    /// Seconds a clean shutdown and a start take.
    pub shutdown_ms: u64,
    pub start_ms: u64,
    /// Set when the HA manager looks after it.
    pub ha: Option<super::ha::Ha>,
    /// What pvestatd last told the cluster about it.
    pub shown: Option<Shown>,
}

impl Guest {
    pub fn id(&self) -> String {
        format!("{}/{}", self.kind.name(), self.vmid)
    }

    pub fn uptime_s(&self, unix_ms: u64) -> u64 {
        match self.run {
            Run::Stopped => 0,
            Run::Running { since_ms, .. } => unix_ms.saturating_sub(since_ms) / 1000,
        }
    }

    pub fn paused(&self) -> bool {
        matches!(self.run, Run::Running { paused: true, .. })
    }

    /// Path of its configuration, as error texts show it.
    pub fn config_path(&self) -> String {
        format!("nodes/{}/{}/{}.conf", self.node, self.kind.folder(), self.vmid)
    }
}

/// Whether a machine's cable and power are there. Times are sim milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Link {
    Up {
        since_ms: u64,
    },
    /// No packet gets in or out; `dead` when the power is gone too.
    Cut {
        since_ms: u64,
        dead: bool,
    },
    /// Powered, not yet reachable.
    Booting {
        until_ms: u64,
    },
}

impl Link {
    pub fn up(self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub nodeid: u64,
    pub ip: String,
    pub mac: String,
    pub cpus: u64,
    pub model: String,
    pub mem_bytes: u64,
    pub root_bytes: u64,
    pub boot_ms: u64,
    pub link: Link,
    pub how: Personality,
    /// Configured Wake-on-LAN address, `/nodes/N/config` `wakeonlan`.
    pub wol: Option<String>,
    /// How far its clock is off, seconds.
    pub skew_s: i64,
    pub shown: Option<Shown>,
    /// SHA-256 of its leaf certificate, as `AA:BB:…`.
    pub fingerprint: String,
    /// The certificate itself.
    pub pem: String,
    pub next_pid: u64,
    pub services_down: Vec<String>,
    /// Units that failed by themselves.
    pub services_failed: Vec<String>,
    /// How often each unit was restarted, and when (wall seconds) it last came up.
    pub service_starts: std::collections::BTreeMap<String, (u32, u64)>,
    /// What its sensors are called: name and degrees Celsius at rest.
    pub sensors: Vec<(String, f64)>,
}

impl Node {
    pub fn failed(&self, unit: &str) -> bool {
        self.services_failed.iter().any(|s| s == unit)
    }

    pub fn down(&self, unit: &str) -> bool {
        self.services_down.iter().any(|s| s == unit)
    }
}

#[derive(Clone, Debug)]
pub struct Volume {
    pub volid: String,
    pub vmid: Option<u32>,
    pub content: &'static str,
    pub format: String,
    pub size_bytes: u64,
    pub ctime_s: u64,
    pub notes: Option<String>,
    pub protected: bool,
    pub verified: bool,
    pub subtype: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub struct Storage {
    pub id: String,
    pub plugin: String,
    pub content: String,
    pub shared: bool,
    /// Only on these nodes; empty is everywhere.
    pub nodes: Vec<String>,
    pub total_bytes: u64,
    /// Share in use besides what a fault adds.
    pub used_share: f64,
    /// Nodes on which it does not answer; `*` is everywhere.
    pub offline: Vec<String>,
    pub options: serde_json::Map<String, Value>,
    pub volumes: Vec<Volume>,
    pub shown: std::collections::BTreeMap<String, Shown>,
}

impl Storage {
    pub fn on(&self, node: &str) -> bool {
        self.nodes.is_empty() || self.nodes.iter().any(|n| n == node)
    }

    pub fn active_on(&self, node: &str) -> bool {
        self.on(node) && !self.offline.iter().any(|n| n == node || n == "*")
    }

    /// Bytes in use on a node; a shared storage is the same everywhere.
    pub fn used_bytes(&self, node: &str, t_s: f64) -> u64 {
        let key = if self.shared { "" } else { node };
        let seed = super::wave::key_of(&self.id) ^ super::wave::key_of(key);
        let drift = 0.02 * (super::wave::noise(seed, t_s, 20_000.0) - 0.5);
        let own = if self.shared { 0.0 } else { 0.15 * (super::wave::unit(seed, 3) - 0.5) };
        let share = (self.used_share + drift + own).clamp(0.002, 1.0);
        crate::num::whole(crate::num::real(self.total_bytes) * share) / 4096 * 4096
    }
}
