//! The settings, and the only reader of configuration files, secret files and the environment.
//!
//! One TOML file, overridable by `JARVIS_SECTION__KEY`. Unknown keys are errors. Secrets are given by path
//! (`*_file`), so that they appear neither in the file nor in a process list.

mod acting;
mod bounds;
mod docker;
mod known_hosts;
mod load;
mod proxmox;
mod ssh;

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;

pub use acting::{Link, OwnPlace, PolicySettings, ServiceName, Services, WindowSettings, rules_version};
pub use docker::{Docker, DockerHost, Wake, WakeNode};
pub use known_hosts::{known_hosts, write_known_hosts};
pub use load::{ConfigError, again, load, secret, text};
pub use proxmox::{NodeAddress, Poll, Proxmox};
pub use ssh::{Ssh, SshNode, Terminal};

/// Everything that can be set, with the defaults that hold when a key is left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub data: Data,
    pub access: Access,
    pub log: Log,
    pub metrics: Metrics,
    /// Missing: the daemon serves its store and says on `/readyz` that no cluster is configured.
    pub proxmox: Option<Proxmox>,
    /// Missing: nodes are read over the Proxmox API alone, and there are no terminals.
    pub ssh: Option<Ssh>,
    pub terminal: Terminal,
    pub own: OwnPlace,
    pub policy: PolicySettings,
    pub services: Services,
    pub docker: Docker,
    pub wake: Wake,
    /// The file it was read from; missing: there was none.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Where REST, WebSockets and MCP are served.
    pub listen: SocketAddr,
    /// Exact origins a browser may come from, `https://jarvis.lan`. The listener's own are always allowed.
    pub origins: Vec<String>,
    /// Exact `Host` values that are answered besides the listener's own and those of `origins`.
    pub hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    pub secure_cookies: SecureCookies,
    /// Threads that serve HTTP. With two, a big answer holds up only half of the screens.
    pub workers: u8,
    /// How long a running step may take after the signal to stop.
    pub stop_grace_s: u16,
    /// Screens and streams at once.
    pub sockets_max: u16,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7878)),
            origins: Vec::new(),
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            secure_cookies: SecureCookies::Auto,
            workers: 2,
            stop_grace_s: 5,
            sockets_max: 1_200,
        }
    }
}

/// Whether the session cookie carries `Secure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecureCookies {
    /// When the browser came over TLS, as a trusted proxy says.
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Directory of the database; made when missing.
    pub dir: PathBuf,
    pub events_days: u16,
    pub events_max: u32,
    /// History beyond this size gives way, oldest and coarsest first.
    pub history_bytes_max: u64,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("/var/lib/jarvisd"),
            events_days: 90,
            events_max: 1_000_000,
            history_bytes_max: 512 * 1024 * 1024,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// A session that was not used for this long is over.
    pub session_idle_hours: u16,
    /// A session is over after this long, used or not.
    pub session_days: u16,
    /// For this long after a log-in the dangerous pages ask no second one.
    pub fresh_minutes: u16,
    pub password_length_min: u8,
    /// Wrong passwords per account and address before a lock-out …
    pub attempts_max: u8,
    /// … counted over, and lasting, this long.
    pub attempts_window_minutes: u16,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            session_idle_hours: 24 * 7,
            session_days: 30,
            fresh_minutes: 10,
            password_length_min: 10,
            attempts_max: 5,
            attempts_window_minutes: 15,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// As in `jarvisd=info,warn`.
    pub filter: String,
    pub json: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "jarvisd=info,warn".into(), json: false }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Own listener, so that a scraper needs no way to the API.
    pub listen: SocketAddr,
    /// Ask scrapers for an API token with scope `metrics`.
    pub token_required: bool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9878)), token_required: false }
    }
}
