//! What all requests share.

use std::{net::SocketAddr, sync::Arc};

use tokio_util::sync::CancellationToken;

use super::{
    AppParts, Readiness,
    limiter::Limiter,
    mcp,
    stream::{Feed, Sockets},
    terminal::{self, Terminals},
};
use crate::{
    access::{Doors, Keeper},
    clients::proxmox::Proxmox,
    clock::Clock,
    config::Config,
    executor::Executor,
    metrics::Meter,
    state::StateHub,
    store::Store,
};

#[derive(Clone)]
pub struct Site {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub state: StateHub,
    pub store: Store,
    pub keeper: Keeper,
    pub proxmox: Option<Proxmox>,
    pub executor: Executor,
    pub mcp: mcp::Service,
    pub ready: Readiness,
    pub meter: Arc<Meter>,
    pub build: &'static str,
    pub doors: Arc<Doors>,
    pub limiter: Arc<Limiter>,
    pub feed: Feed,
    pub sockets: Sockets,
    pub terminals: Terminals,
    /// The OpenAPI document, written once.
    pub openapi: Arc<str>,
    pub shutdown: CancellationToken,
}

impl Site {
    pub fn new(parts: AppParts, listen: SocketAddr, shutdown: CancellationToken) -> Self {
        let server = &parts.config.server;
        Self {
            doors: Arc::new(Doors::new(listen, &server.hosts, &server.origins)),
            limiter: Arc::default(),
            feed: Feed::new(parts.store.clone(), parts.meter.clone()),
            sockets: Sockets::new(server.sockets_max),
            terminals: Terminals::new(terminal::Parts {
                shells: parts.shells,
                config: parts.config.terminal.clone(),
                clock: parts.clock,
                keeper: parts.keeper.clone(),
                store: parts.store.clone(),
                shutdown: shutdown.clone(),
            }),
            openapi: super::openapi::document(parts.build).to_string().into(),
            mcp: mcp::service(parts.executor.clone(), parts.build),
            executor: parts.executor,
            shutdown,
            config: parts.config,
            clock: parts.clock,
            state: parts.state,
            store: parts.store,
            keeper: parts.keeper,
            proxmox: parts.proxmox,
            ready: parts.ready,
            meter: parts.meter,
            build: parts.build,
        }
    }
}
