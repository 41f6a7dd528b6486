//! The machines' SSH servers: the system's own sshd, one process a connection, with keys of its own.
//!
//! The simulator holds the ports and hands each connection to an `sshd -i`, so that a machine that is off
//! refuses, a cut line is silent, and everything ends with the simulator. Whatever is asked for, sshd runs a
//! forced command (`shell`), which asks `room` what to print; `table` says what is known, `says` the words.
//! Not here: who may log in (one key, kept in the run directory).

pub mod log;
pub mod room;
pub mod says;
pub mod shell;
pub mod table;

mod keys;
mod relay;

pub use keys::short_path as socket_path;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use crate::sim::Sim;
use crate::site::{Door, Host, Service};

/// What a client must know.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct ReadySsh {
    pub user: String,
    pub key_file: PathBuf,
    pub known_hosts_file: PathBuf,
    pub hosts: Vec<ReadyHost>,
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct ReadyHost {
    pub name: String,
    /// `node` or `guest`.
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<u32>,
    pub host: String,
    pub port: u16,
    /// `ssh-ed25519 AAAA…`
    pub host_key: String,
    /// `SHA256:…`
    pub fingerprint: String,
    /// Its line of a known_hosts file.
    pub known_hosts: String,
}

/// How to start the SSH side.
pub struct Plan<'a> {
    pub sim: Arc<Sim>,
    /// The run directory.
    pub dir: &'a Path,
    /// The simulator's own program, for the forced command.
    pub program: PathBuf,
    pub hosts: Vec<(Host, String)>,
    pub addresses: Vec<SocketAddr>,
}

/// What every connection of a machine needs.
struct Site {
    sim: Arc<Sim>,
    sshd: PathBuf,
    /// Its own key, and the one it shows when it is not itself.
    key: PathBuf,
    other_key: PathBuf,
    config: PathBuf,
    socket: PathBuf,
    program: PathBuf,
    log: PathBuf,
    host: Host,
    name: String,
    book: room::Book,
}

/// Starts the servers of all machines; nothing and a warning when the system lacks what it takes.
pub fn start(plan: Plan<'_>, tasks: &mut JoinSet<()>) -> anyhow::Result<Option<ReadySsh>> {
    let (Some(sshd), Some(_)) = (keys::find("sshd"), keys::find("ssh-keygen")) else {
        tracing::warn!(
            "no SSH side: sshd or ssh-keygen is missing on this machine (Debian: apt-get install openssh-server)"
        );
        return Ok(None);
    };
    let dir = plan.dir.join("ssh");
    keys::make_dir(&dir)?;
    keys::prepare_sshd()?;
    let socket = keys::short_path(&dir, "shell.sock")?;
    let _ = std::fs::remove_file(&socket);
    let listener =
        UnixListener::bind(&socket).with_context(|| format!("cannot listen on {}", socket.display()))?;
    let book = room::Book::default();
    let homes = dir.join("home");
    keys::make_dir(&homes)?;
    tasks.spawn(room::serve(plan.sim.clone(), book.clone(), homes, listener));

    keys::make(&dir.join("id_ed25519"), "jarvis-sim client")?;
    keys::make(&dir.join("other_key"), "not the machine you know")?;
    std::fs::copy(dir.join("id_ed25519.pub"), dir.join("authorized_keys"))
        .context("cannot write authorized_keys")?;
    let config = keys::write_config(&dir)?;
    let mut hosts = Vec::new();
    for ((host, name), address) in plan.hosts.into_iter().zip(plan.addresses) {
        let key = dir.join(format!("host_{name}"));
        keys::make(&key, &name)?;
        let door = Door::bind(plan.sim.clone(), host.clone(), Service::Ssh, address)
            .with_context(|| format!("the SSH server of '{name}' cannot have {address}"))?;
        hosts.push(ready_host(&host, &name, door.address(), &key)?);
        let site = Site {
            sim: plan.sim.clone(),
            sshd: sshd.clone(),
            key,
            other_key: dir.join("other_key"),
            config: config.clone(),
            socket: socket.clone(),
            program: plan.program.clone(),
            log: dir.join("sshd.log"),
            host,
            name,
            book: book.clone(),
        };
        tasks.spawn(serve(Arc::new(site), door));
    }
    let known: String = hosts.iter().map(|h| format!("{}\n", h.known_hosts)).collect();
    let known_hosts_file = dir.join("known_hosts");
    std::fs::write(&known_hosts_file, known).context("cannot write known_hosts")?;
    Ok(Some(ReadySsh { user: keys::user(), key_file: dir.join("id_ed25519"), known_hosts_file, hosts }))
}

fn ready_host(host: &Host, name: &str, address: SocketAddr, key: &Path) -> anyhow::Result<ReadyHost> {
    let host_key = keys::public(key)?;
    let at = format!("[{}]:{}", address.ip(), address.port());
    let (kind, vmid) = match host {
        Host::Node(_) => ("node", None),
        Host::Guest(vmid) => ("guest", Some(*vmid)),
    };
    Ok(ReadyHost {
        name: name.to_owned(),
        kind: kind.to_owned(),
        vmid,
        host: address.ip().to_string(),
        port: address.port(),
        fingerprint: keys::fingerprint(key)?,
        known_hosts: format!("{at} {host_key}"),
        host_key,
    })
}

async fn serve(site: Arc<Site>, mut door: Door) {
    // Dropped with this future, and every sshd with it.
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        match door.next().await {
            Ok(stream) => {
                let site = site.clone();
                open.spawn(async move {
                    if let Err(e) = relay::connection(&site, stream).await {
                        tracing::debug!(host = site.name, "an SSH connection ended: {e}");
                    }
                });
            }
            Err(e) => {
                tracing::warn!(host = site.name, "the SSH port is lost: {e}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}
