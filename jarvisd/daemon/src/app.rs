//! Builds the parts of the daemon, runs them until told to stop, and takes them down again in order.
//!
//! Stop: nothing new is taken on, sockets hear why, loops finish their step within a grace, what is queued for the
//! store is written, the database is closed. The last log line says whether that all happened.

pub mod reach;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use thiserror::Error;
use tokio::{signal::unix::Signal, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::{
    access::{AccessError, Keeper, Offer},
    clients::{
        docker,
        proxmox::{self, Proxmox, ProxmoxError},
        ssh,
    },
    clock::Clock,
    config::{self, Config, ConfigError, SshNode},
    executor::{self, Executor, ExecutorError},
    http::{self, AppParts, Readiness},
    metrics::Meter,
    state::StateHub,
    store::{Limits, Store, StoreError},
    supervisor::Supervisor,
    tasks::{history, journal::Journal, past, poll, records, retention, sensors, wake},
    tools,
};

/// Shown to clients; a screen reloads itself when it changes.
pub const BUILD: &str = env!("CARGO_PKG_VERSION");
/// For connecting to a node, the key exchange and the log-in together.
const SSH_CONNECT_WAIT: Duration = Duration::from_secs(10);
/// Bytes of an epoch; two lives of one daemon must not share it.
const EPOCH_BYTES: usize = 9;

#[derive(Debug, Error)]
pub enum AppError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Proxmox(#[from] Box<ProxmoxError>),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Ssh(#[from] ssh::SshError),
    #[error(transparent)]
    Docker(#[from] docker::DockerError),
    #[error("{what} cannot listen on {address}: {source}; {todo}")]
    Listen { what: &'static str, address: String, source: io::Error, todo: String },
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    #[error("serving failed: {0}")]
    Serve(#[source] io::Error),
    #[error("signals cannot be received: {0}")]
    Signal(#[source] io::Error),
    #[error("the machine gives no random numbers: {0}")]
    Random(getrandom::Error),
    #[error("the daemon could not start: {0}")]
    Runtime(#[source] io::Error),
}

/// The doors, opened before anything else so that a taken port costs nothing.
#[derive(Debug)]
pub struct Listeners {
    pub http: TcpListener,
    pub metrics: TcpListener,
}

impl Listeners {
    pub fn bind(config: &Config) -> Result<Self, AppError> {
        Ok(Self {
            http: bind("the daemon", "server.listen", config.server.listen)?,
            metrics: bind("the metrics listener", "metrics.listen", config.metrics.listen)?,
        })
    }

    /// Where the daemon serves: with port 0 the system chose it.
    pub fn address(&self) -> Option<SocketAddr> {
        self.http.local_addr().ok()
    }
}

fn bind(what: &'static str, key: &'static str, address: SocketAddr) -> Result<TcpListener, AppError> {
    let listener = TcpListener::bind(address).map_err(|source| {
        let todo = match source.kind() {
            io::ErrorKind::AddrInUse => format!("another program has it: stop that one or change `{key}`"),
            io::ErrorKind::PermissionDenied => format!("give `{key}` a port above 1023"),
            _ => format!("check `{key}`"),
        };
        AppError::Listen { what, address: address.to_string(), source, todo }
    })?;
    let unusable = |source| AppError::Listen {
        what,
        address: address.to_string(),
        source,
        todo: format!("check `{key}`"),
    };
    listener.set_nonblocking(true).map_err(unusable)?;
    Ok(listener)
}

/// The client of the configured cluster, with the files read that the settings name; `None` when there is none.
pub fn cluster(config: &Config, clock: Clock) -> Result<Option<Proxmox>, AppError> {
    let Some(cluster) = &config.proxmox else { return Ok(None) };
    let token = config::secret("proxmox.token_file", &cluster.token_file)?;
    client(cluster, token, clock).map(Some)
}

/// The same with the token that changes are made with; `None` when there is no second one.
pub fn acting(config: &Config, clock: Clock) -> Result<Option<Proxmox>, AppError> {
    let Some(cluster) = &config.proxmox else { return Ok(None) };
    let Some(file) = &cluster.act_token_file else { return Ok(None) };
    let token = config::secret("proxmox.act_token_file", file)?;
    client(cluster, token, clock).map(Some)
}

fn client(cluster: &config::Proxmox, token: SecretString, clock: Clock) -> Result<Proxmox, AppError> {
    let nodes = cluster.nodes.iter().map(|node| proxmox::NodeAddress {
        name: node.name.clone(),
        url: node.url.clone(),
        fingerprint: node.fingerprint.clone(),
    });
    let ca_file = cluster.ca_file.as_deref();
    let settings = proxmox::Settings {
        nodes: nodes.collect(),
        ca_pem: ca_file.map(|file| config::text("proxmox.ca_file", file)).transpose()?,
        token,
    };
    Proxmox::new(&settings, clock, Arc::new(proxmox::Meter::default()))
        .map_err(|e| AppError::Proxmox(Box::new(e)))
}

/// How nodes are reached over SSH, with the files read that the settings name; `None` when they are not.
pub fn ssh(config: &Config) -> Result<Option<ssh::Settings>, AppError> {
    let Some(access) = &config.ssh else { return Ok(None) };
    let known = config::text("ssh.known_hosts_file", &access.known_hosts_file)?;
    ssh_with(config, &known)
}

/// The same with these host keys.
pub fn ssh_with(config: &Config, known: &str) -> Result<Option<ssh::Settings>, AppError> {
    let Some(access) = &config.ssh else { return Ok(None) };
    let target = |node: &SshNode| ssh::Target {
        node: node.name.clone(),
        host: node.host.clone(),
        port: node.port,
        user: access.user.clone(),
    };
    Ok(Some(ssh::Settings {
        targets: access.nodes.iter().map(target).collect(),
        key: SecretString::from(config::text("ssh.key_file", &access.key_file)?),
        host_keys: ssh::HostKeys::parse(known),
        connect: SSH_CONNECT_WAIT,
    }))
}

/// The same for people's terminals, whose user may be another one.
fn shells(config: &Config, clock: Clock) -> Result<Option<ssh::Shells>, AppError> {
    let terminal = &config.terminal;
    let Some(mut settings) = ssh(config)?.filter(|_| terminal.enabled) else { return Ok(None) };
    if let Some(user) = &terminal.user {
        settings.targets.iter_mut().for_each(|target| target.user.clone_from(user));
    }
    if let Some(file) = &terminal.key_file {
        settings.key = SecretString::from(config::text("terminal.key_file", file)?);
    }
    Ok(Some(ssh::Shells::new(settings, clock)))
}

/// Runs the daemon until `shutdown` is cancelled; `offered` is told the set-up token while there is no operator, and
/// each `hang_up` has the policy read again.
pub async fn run(
    config: Config,
    listeners: Listeners,
    store: Store,
    hang_up: Signal,
    shutdown: CancellationToken,
    offered: impl FnOnce(&Offer),
) -> Result<(), AppError> {
    let clock = Clock;
    let config = Arc::new(config);
    let client = cluster(&config, clock)?;
    let shells = shells(&config, clock)?;
    let state = StateHub::new(epoch()?);
    let keeper = Keeper::new(store.clone(), clock, &config.access);
    records::started(&store, clock, BUILD).await;
    if let Some(offer) = keeper.offer_set_up(&config.data.dir).await? {
        offered(&offer);
    }
    let commands = reach::commands(&config, clock)?;
    let meter = Meter::new();
    let ready = Readiness::default();
    let supervisor = Supervisor::new(shutdown.clone(), clock);
    let journal = Journal::start(&supervisor, store.clone());
    history::start(&supervisor, state.clone(), store.clone(), clock);
    retention::start(&supervisor, store.clone(), clock);
    let other = keeper.clone();
    records::start(&supervisor, store.clone(), move || other.look_again());
    // Nothing opens incidents yet; the poller is ready for the day something does.
    let (_incident, incident) = watch::channel(false);
    let (mut poke, mut spare) = (poll::Poke::default(), None);
    match client.clone() {
        Some(cluster) => {
            let settings = config.proxmox.as_ref().map(|p| p.poll.clone()).unwrap_or_default();
            let telling = journal.clone();
            let parts = poll::Parts { cluster, state: state.clone(), journal, clock, settings, incident };
            let polling = poll::start(&supervisor, parts);
            poke = polling.poke;
            spare = Some(polling.spare.clone());
            past::start(&supervisor, polling.spare.clone(), state.clone(), store.clone(), clock);
            wake::start(&supervisor, polling.spare, commands.clone(), state.clone(), store.clone());
            if let (Some(ssh), Some(access)) = (commands.clone(), &config.ssh) {
                let every = Duration::from_secs(access.sensors_s.into());
                sensors::start(&supervisor, ssh, state.clone(), telling, clock, every);
            }
        }
        None => ready.set(
            "proxmox",
            Some("no cluster is configured: add [proxmox] to the configuration and restart".into()),
        ),
    }
    let door = door(&config, clock, &state, &store, client.as_ref(), commands, poke)?;
    let executor = Executor::new(door, shutdown.clone());
    executor.start(&supervisor, spare).await?;
    reread(&supervisor, executor.clone(), hang_up, shutdown.clone());
    let parts = AppParts {
        config: Arc::clone(&config),
        clock,
        state,
        store: store.clone(),
        keeper,
        proxmox: client,
        executor,
        shells,
        ready,
        meter,
        build: BUILD,
    };
    tracing::info!(listen = ?listeners.address(), metrics = ?listeners.metrics.local_addr().ok(), "serving");
    let served = http::serve(listeners.http, listeners.metrics, parts, shutdown.clone()).await;
    // Also when serving ended by itself.
    shutdown.cancel();
    let in_time = supervisor.stopped(Duration::from_secs(config.server.stop_grace_s.into())).await;
    let closed = close(&store, clock, in_time).await;
    served.map_err(AppError::Serve)?;
    Ok(closed?)
}

/// On SIGHUP, also one that came meanwhile, the policy is read again. A signal has no password, so it only tightens.
fn reread(supervisor: &Supervisor, executor: Executor, mut hang_up: Signal, shutdown: CancellationToken) {
    supervisor.beside(async move {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                heard = hang_up.recv() => if heard.is_none() { return },
            }
            if let Err(error) = executor.reload_policy("signal", false).await {
                tracing::error!(%error, "the policy was not read again");
            }
        }
    });
}

/// What actions and reads are made with.
fn door(
    config: &Arc<Config>,
    clock: Clock,
    state: &StateHub,
    store: &Store,
    client: Option<&Proxmox>,
    ssh: Option<ssh::Ssh>,
    poke: poll::Poke,
) -> Result<executor::Parts, AppError> {
    let docker = reach::docker(config, clock)?;
    let acting = acting(config, clock)?.or_else(|| client.cloned());
    Ok(executor::Parts {
        clock,
        config: Arc::clone(config),
        state: state.clone(),
        store: store.clone(),
        proxmox: client.cloned(),
        send: executor::Senders {
            proxmox: acting.clone(),
            ssh: ssh.clone(),
            docker: docker.clone(),
            wake: reach::wake(config),
        },
        read: tools::Parts::new(clock, state.clone(), store.clone(), (client.cloned(), acting), ssh, docker),
        poke: Box::new(move || poke.poke()),
        settle: executor::SETTLE,
        longest: Duration::MAX,
        on_step: Box::new(|_| {}),
    })
}

/// Records the end, writes what is queued and frees the directory.
async fn close(store: &Store, clock: Clock, in_time: bool) -> Result<(), StoreError> {
    records::stopped(store, clock, in_time).await;
    let closed = store.close().await;
    match (&closed, in_time) {
        (Ok(()), true) => tracing::info!("stopped in order"),
        (Ok(()), false) => tracing::warn!("stopped; some loops were still busy and were dropped"),
        (Err(error), _) => tracing::error!(%error, "stopped, but the store could not be closed in order"),
    }
    closed
}

/// Opens the store as the configuration says.
pub fn open_store(config: &Config) -> Result<Store, AppError> {
    Ok(Store::open(&config.data.dir, Clock, Limits::from(&config.data))?)
}

/// As [`open_store`], also beside a daemon that has it open.
pub fn join_store(config: &Config) -> Result<Store, AppError> {
    Ok(Store::open_or_join(&config.data.dir, Clock, Limits::from(&config.data))?)
}

fn epoch() -> Result<String, AppError> {
    let mut bytes = [0; EPOCH_BYTES];
    getrandom::fill(&mut bytes).map_err(AppError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
