//! A server of its own for each test.

use std::{net::TcpListener, sync::Arc, time::Duration};

use jarvis_core::{
    cluster::{
        GuestKind, GuestStatus, NodeName, NodeStatus, SourceId, StorageStatus, TaskStatus, Upid, Vmid,
        reading::{GuestRow, Member, Membership, NodeRow, Part, Reading, Resources, StorageRow, TaskRow},
    },
    protocol::{EventKind, EventSource, NewEvent, Severity},
};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Keeper, Scope, Scopes},
    clients::ssh::Shells,
    clients::{docker, wake},
    clock::Clock,
    config::Config,
    executor::{self, Executor},
    http::{AppParts, Readiness, serve},
    metrics::Meter,
    state::StateHub,
    store::{Limits, Store},
    tools,
};

pub const PASSWORD: &str = "correct horse battery";
pub const UPID: &str = "UPID:pve:0003F6F0:0158AB1F:692203B5:qmstart:100:root@pam:";

pub struct Daemon {
    pub base: String,
    pub metrics: String,
    pub authority: String,
    pub state: StateHub,
    pub store: Store,
    pub keeper: Keeper,
    pub meter: Arc<Meter>,
    pub shutdown: CancellationToken,
    pub served: tokio::task::JoinHandle<std::io::Result<()>>,
    pub set_up_token: String,
    pub dir: tempfile::TempDir,
    client: reqwest::Client,
}

impl Daemon {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server whose configuration `change` has changed; no operator yet, a cluster of two nodes.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_full(change, None).await
    }

    /// The same with shells on nodes.
    pub async fn start_full(change: impl FnOnce(&mut Config), shells: Option<Shells>) -> Self {
        // A second install is refused, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.data.dir = dir.path().join("data");
        change(&mut config);
        let clock = Clock;
        let store = Store::open(&config.data.dir, clock, Limits::default()).unwrap();
        let keeper = Keeper::new(store.clone(), clock, &config.access);
        let offer = keeper.offer_set_up(&config.data.dir).await.unwrap().unwrap();
        let state = StateHub::new("epoch-1".into());
        state.absorb(cluster(0.25), clock.now_ms());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let metrics_listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let metrics = format!("http://{}/metrics", metrics_listener.local_addr().unwrap());
        let config = Arc::new(config);
        let (shutdown, meter) = (CancellationToken::new(), Meter::new());
        let no_hosts = docker::Settings { hosts: Vec::new(), own_project: String::new() };
        let docker = docker::Docker::new(no_hosts, clock).unwrap();
        let acting = executor::Parts {
            clock,
            config: Arc::clone(&config),
            state: state.clone(),
            store: store.clone(),
            proxmox: None,
            send: executor::Senders {
                proxmox: None,
                ssh: None,
                docker: docker.clone(),
                wake: wake::Wake::new(wake::Settings::default()),
            },
            read: tools::Parts::new(clock, state.clone(), store.clone(), (None, None), None, docker),
            poke: Box::new(|| {}),
            settle: executor::SETTLE,
            longest: Duration::MAX,
            on_step: Box::new(|_| {}),
        };
        let executor = Executor::new(acting, shutdown.clone());
        let parts = AppParts {
            config,
            clock,
            state: state.clone(),
            store: store.clone(),
            keeper: keeper.clone(),
            proxmox: None,
            executor,
            shells,
            ready: Readiness::default(),
            meter: Arc::clone(&meter),
            build: "3.1.0-test",
        };
        let served = tokio::spawn(serve(listener, metrics_listener, parts, shutdown.clone()));
        Self {
            base: format!("http://{authority}"),
            metrics,
            authority,
            state,
            store,
            keeper,
            meter,
            shutdown,
            served,
            set_up_token: offer.token.reveal().to_owned(),
            dir,
            client: reqwest::Client::builder().no_gzip().timeout(Duration::from_secs(20)).build().unwrap(),
        }
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method.clone(), format!("{}{path}", self.base));
        // As a browser does; tests of the rule itself leave it out or replace it.
        if method == Method::GET { request } else { request.header(header::ORIGIN, &self.base) }
    }

    pub fn bare(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url)
    }

    pub async fn get(&self, token: &str, path: &str) -> (StatusCode, Value) {
        read(self.ask(Method::GET, path).bearer_auth(token)).await
    }

    /// Sets up and gives the cookie.
    pub async fn set_up(&self) -> String {
        let body = json!({ "token": self.set_up_token, "password": PASSWORD });
        let response = self.ask(Method::POST, "/api/v1/setup").json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        cookie_of(&response)
    }

    pub async fn log_in(&self) -> String {
        let body = json!({ "password": PASSWORD });
        let response = self.ask(Method::POST, "/api/v1/login").json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        cookie_of(&response)
    }

    pub async fn token(&self, scopes: &[Scope]) -> String {
        let scopes = Scopes::new(scopes.to_vec()).unwrap();
        self.keeper
            .create_token("test", &scopes, 1, &crate::store::By::cli(0))
            .await
            .unwrap()
            .0
            .reveal()
            .to_owned()
    }

    /// Moves the processor figure of a node, which publishes one change.
    pub fn change(&self, cpu: f64) -> i64 {
        self.state.absorb(cluster(cpu), Clock.now_ms());
        self.state.current().0
    }

    pub async fn event(&self, title: &str) -> i64 {
        let event = NewEvent {
            ts_ms: Clock.now_ms(),
            kind: EventKind::System,
            severity: Severity::Info,
            source: EventSource::Sys,
            title: title.to_owned(),
            detail: None,
            node: None,
            vmid: None,
            upid: None,
        };
        self.store.events().append(vec![event]).await.unwrap()[0].id
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.served).await.unwrap().unwrap().unwrap();
    }
}

pub async fn read(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let bytes = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

pub fn kind(body: &Value) -> &str {
    body["error"]["kind"].as_str().unwrap_or("no kind")
}

pub fn cookie_of(response: &Response) -> String {
    let cookie = response.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

/// Readings of a small cluster: `pve` busy as told, `Home` quiet; two guests, two storages, one task.
pub fn cluster(cpu: f64) -> Vec<Reading> {
    let at_ms = Clock.now_ms();
    let reading = |source: SourceId, part: Part| Reading {
        source,
        at_ms,
        interval_ms: 10_000,
        via: Some(node("pve")),
        part: Ok(part),
        odd_rows: 0,
    };
    let resources = Resources {
        nodes: vec![node_row("pve", cpu), node_row("Home", 0.05)],
        guests: vec![
            guest_row(100, GuestKind::Qemu, "web", true),
            guest_row(102, GuestKind::Lxc, "db", false),
        ],
        storages: vec![storage_row("pve", "local"), storage_row("Home", "local")],
    };
    let member = |name: &str| Member {
        local: name == "pve",
        nodeid: Some(if name == "pve" { 2 } else { 1 }),
        level: Some("c".into()),
        ..Member::named(node(name), true)
    };
    let membership = Membership {
        cluster_name: Some("lab".into()),
        quorate: Some(true),
        version: Some(7),
        nodes: vec![member("pve"), member("Home")],
    };
    let task = TaskRow {
        upid: UPID.parse::<Upid>().unwrap(),
        node: node("pve"),
        kind: "qmstart".into(),
        target: Some("100".into()),
        user: "root@pam".into(),
        start_ms: 1_763_800_000_000,
        end_ms: Some(1_763_800_003_000),
        status: TaskStatus::Ok,
        exit: Some("OK".into()),
    };
    vec![
        reading(SourceId::membership(), Part::Membership(membership)),
        reading(SourceId::resources(), Part::Resources(resources)),
        reading(SourceId::tasks(), Part::Tasks(vec![task])),
    ]
}

fn node_row(name: &str, cpu: f64) -> NodeRow {
    NodeRow {
        name: node(name),
        status: NodeStatus::Online,
        cpu: Some(cpu),
        cpu_cores: Some(8),
        mem_used_bytes: Some(4 << 30),
        mem_total_bytes: Some(16 << 30),
        disk_used_bytes: Some(10 << 30),
        disk_total_bytes: Some(100 << 30),
        uptime_s: Some(86_400),
    }
}

fn guest_row(vmid: u32, kind: GuestKind, name: &str, running: bool) -> GuestRow {
    GuestRow {
        vmid: Vmid::try_from(vmid).unwrap(),
        kind,
        node: node("pve"),
        status: if running { GuestStatus::Running } else { GuestStatus::Stopped },
        name: Some(name.into()),
        template: Some(false),
        tags: Some("prod".into()),
        cpu: Some(0.1),
        cpu_cores: Some(2.0),
        mem_used_bytes: Some(1 << 30),
        mem_total_bytes: Some(2 << 30),
        mem_host_bytes: None,
        disk_used_bytes: None,
        disk_total_bytes: Some(32 << 30),
        uptime_s: running.then_some(600),
        lock: None,
        pool: None,
        ha_state: None,
        net_in_bytes: Some(1_000),
        net_out_bytes: Some(2_000),
        disk_read_bytes: Some(3_000),
        disk_write_bytes: Some(4_000),
    }
}

fn storage_row(on: &str, storage: &str) -> StorageRow {
    StorageRow {
        node: node(on),
        storage: storage.into(),
        status: StorageStatus::Available,
        shared: Some(false),
        plugin: Some("dir".into()),
        content: Some(vec!["iso".into(), "backup".into()]),
        used_bytes: Some(1 << 30),
        total_bytes: Some(10 << 30),
    }
}
