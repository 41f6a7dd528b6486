//! Starting everything, and the line that says where it is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::auth::AuthBook;
use crate::cluster::{Inventory, World, generate, inventory, seed};
use crate::options::Options;
use crate::sim::Sim;
use crate::ssh::ReadySsh;
use crate::{control, serve, sides, state, tls};

/// What a caller must know, printed as one line of JSON.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct Ready {
    pub control: String,
    pub nodes: Vec<ReadyNode>,
    pub ca_file: PathBuf,
    /// `read`, `act`, `noacl`, `full`: each `USER@REALM!ID=UUID`.
    pub tokens: BTreeMap<String, String>,
    /// The same in files.
    pub token_files: BTreeMap<String, PathBuf>,
    /// The file of the `read` token, which is what a daemon needs first.
    pub token_file: PathBuf,
    /// Password of `root@pam`.
    pub root_password: String,
    pub time_scale: f64,
    pub cluster: String,
    /// Only with `--ssh`, and where the system has an sshd.
    #[serde(default)]
    pub ssh: Option<ReadySsh>,
    #[serde(default)]
    pub docker: Vec<ReadyDocker>,
    /// UDP address for Wake-on-LAN packets.
    #[serde(default)]
    pub wake: String,
    /// SMTP address.
    #[serde(default)]
    pub mail: String,
}

/// A Docker engine.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct ReadyDocker {
    /// Name of the guest it runs in.
    pub name: String,
    pub vmid: u32,
    pub socket: PathBuf,
    pub url: String,
}

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct ReadyNode {
    pub name: String,
    pub url: String,
    /// `AA:BB:…`, SHA-256 of its leaf certificate.
    pub fingerprint: String,
    /// Its address inside the simulated network; nothing listens there.
    #[serde(default)]
    pub ip: String,
    /// Of its network card.
    #[serde(default)]
    pub mac: String,
}

/// A running simulator; dropping it ends every listener and connection task of it.
pub struct Running {
    pub ready: Ready,
    pub sim: Arc<Sim>,
    tasks: JoinSet<()>,
    _state: Option<TempDir>,
}

impl Running {
    /// Ends the listeners and waits for them.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// A directory of our own that goes when we go.
struct TempDir(PathBuf);

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn state_dir(options: &Options) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
    if let Some(dir) = &options.state_dir {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        return Ok((dir.clone(), None));
    }
    let unique = format!("jarvis-sim-{}-{}", std::process::id(), state::fresh_uuid()?);
    let dir = std::env::temp_dir().join(unique);
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok((dir.clone(), Some(TempDir(dir))))
}

fn inventory_of(options: &Options) -> anyhow::Result<Inventory> {
    match (&options.inventory, options.nodes, options.guests) {
        (Some(file), ..) => inventory::load(file, options.seed),
        (None, None, None) => Ok(seed::homelab(options.seed)),
        (None, nodes, guests) => {
            Ok(generate::cluster(options.seed, nodes.unwrap_or(4), guests.unwrap_or(50)))
        }
    }
}

/// Puts a cluster on its listeners.
pub async fn start(options: Options) -> anyhow::Result<Running> {
    ensure!(
        options.control.ip().is_loopback(),
        "the control listener is for this machine alone: give a loopback address"
    );
    let (dir, temp) = state_dir(&options)?;
    let mut inventory = inventory_of(&options)?;
    let names: Vec<String> = inventory.nodes.iter().map(|n| n.name.clone()).collect();
    let certificates = tls::issue(&dir, &names, options.other_ca)?;
    for node in &mut inventory.nodes {
        if let Some(tls) = certificates.get(&node.name) {
            node.fingerprint.clone_from(&tls.fingerprint);
            node.pem.clone_from(&tls.pem);
        }
    }
    let auth = auth_book(&dir, options.seed)?;
    let (tokens, token_files) = write_tokens(&dir, &auth)?;
    let root_password = auth.users.get("root@pam").cloned().unwrap_or_default();
    let mut world = World::new(inventory, options.seed, options.time_scale, auth);
    world.remember_past();
    plan_at_start(&mut world, &options)?;
    let cluster = world.name.clone();
    let sim = Sim::new(world, certificates.clone());

    let mut tasks = JoinSet::new();
    let mut nodes = Vec::new();
    for (i, name) in (0_u16..).zip(&names) {
        let address = nth(&options.pve_listen, i)?;
        let held = serve::hold(address)
            .with_context(|| format!("node '{name}' cannot have {address}: is the port in use?"))?;
        let listener =
            serve::listen(held).with_context(|| format!("node '{name}' cannot listen on {address}"))?;
        let url = format!("https://{}", listener.local_addr().context("a listener has no address")?);
        let fingerprint = certificates.get(name).map(|t| t.fingerprint.clone()).unwrap_or_default();
        let (ip, mac) = sim.with(|w| w.node(name).map(|n| (n.ip.clone(), n.mac.clone())).unwrap_or_default());
        nodes.push(ReadyNode { name: name.clone(), url, fingerprint, ip, mac });
        let (sim, name) = (sim.clone(), name.clone());
        tasks.spawn(async move {
            if let Err(e) = serve::serve_node(sim, name.clone(), listener).await {
                tracing::error!(node = name, "the listener ended: {e}");
            }
        });
    }
    let listener = tokio::net::TcpListener::bind(options.control)
        .await
        .with_context(|| format!("the control listener cannot have {}", options.control))?;
    let control_url = format!("http://{}", listener.local_addr().context("a listener has no address")?);
    tasks.spawn(control::serve(sim.clone(), listener));
    tasks.spawn(sim.clone().keep_time());
    let sides = sides::start(&sim, &options, &dir, &mut tasks).await?;
    let ready = Ready {
        control: control_url,
        nodes,
        ca_file: dir.join("ca.pem"),
        tokens,
        token_file: token_files.get("read").cloned().unwrap_or_default(),
        token_files,
        root_password,
        time_scale: options.time_scale,
        cluster,
        ssh: sides.ssh,
        docker: sides.docker,
        wake: sides.wake,
        mail: sides.mail,
    };
    Ok(Running { ready, sim, tasks, _state: temp })
}

/// The address of the node number `i`: its own, or as many ports after the first as it comes later.
pub fn nth(given: &[SocketAddr], i: u16) -> anyhow::Result<SocketAddr> {
    if let Some(own) = given.get(usize::from(i)) {
        return Ok(*own);
    }
    let Some(base) = given.first().copied() else { bail!("there is no address to listen on") };
    let mut address = base;
    if base.port() != 0 {
        let Some(port) = base.port().checked_add(i) else { bail!("there is no port {} + {i}", base.port()) };
        address.set_port(port);
    }
    Ok(address)
}

fn auth_book(dir: &Path, seed: u64) -> anyhow::Result<AuthBook> {
    let mut problem = None;
    let password = state::kept_secret(dir, "root.password")?;
    let secret = |id: &str| {
        state::kept_secret(dir, &format!("{id}.token")).unwrap_or_else(|e| {
            problem = Some(e);
            String::new()
        })
    };
    let book = AuthBook::seeded(seed, secret, password);
    match problem {
        Some(e) => Err(e),
        None => Ok(book),
    }
}

type TokenMaps = (BTreeMap<String, String>, BTreeMap<String, PathBuf>);

fn write_tokens(dir: &Path, auth: &AuthBook) -> anyhow::Result<TokenMaps> {
    let (mut texts, mut files) = TokenMaps::default();
    for token in &auth.tokens {
        let file = dir.join(format!("{}.token", token.id));
        state::write_secret(&file, &token.text())?;
        texts.insert(token.id.clone(), token.text());
        files.insert(token.id.clone(), file);
    }
    let password = auth.users.get("root@pam").cloned().unwrap_or_default();
    state::write_secret(&dir.join("root.password"), &password)?;
    Ok((texts, files))
}

fn plan_at_start(world: &mut World, options: &Options) -> anyhow::Result<()> {
    let mut specs = Vec::new();
    if options.expired_certificates {
        specs.push(crate::faults::FaultSpec::of("cert_expired"));
    }
    if let Some(file) = &options.faults {
        let text = std::fs::read(file).with_context(|| format!("cannot read faults {}", file.display()))?;
        match control::parse_faults(&text) {
            Ok(list) => specs.extend(list),
            Err(e) => bail!("faults {}: {e}", file.display()),
        }
    }
    for spec in &specs {
        if let Err(e) = spec.check(world) {
            bail!("a fault of the script is wrong: {e}");
        }
    }
    world.plan_faults(specs);
    Ok(())
}
