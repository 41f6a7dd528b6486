//! Everything the daemon says over HTTP: REST, the stream, health, and the metrics listener.
//!
//! `routes.rs` is the one table of what there is; `error.rs` the one place where errors become HTTP. Not here: what
//! is true (`state`, `store`) and who may come in (`access` decides, `guard.rs` asks it).

mod account;
mod acting;
mod approvals;
mod audit;
mod call;
mod cluster;
mod error;
mod guard;
mod health;
mod limiter;
mod mcp;
mod openapi;
mod outside;
mod paging;
mod past;
mod query;
mod room;
mod route;
mod routes;
mod scrape;
mod site;
mod standing;
mod stream;
mod tasks;
mod terminal;
#[cfg(test)]
mod tests;
mod tokens;
mod tools;
mod views;
mod when;

use std::{io, net::TcpListener, rc::Rc, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, middleware};
use tokio_util::sync::CancellationToken;

pub use health::Readiness;
use site::Site;

use crate::{
    access::Keeper,
    clients::{proxmox::Proxmox, ssh::Shells},
    clock::Clock,
    config::Config,
    executor::Executor,
    metrics::Meter,
    state::StateHub,
    store::Store,
};

/// Connections beyond the streams: REST, health, and whoever opens one and says nothing.
const CONNECTIONS_BESIDES: usize = 512;
/// A client that takes longer to send its request head is not one of ours.
const REQUEST_HEAD_WAIT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A peer that takes nothing of what was sent for this long is cut off by the kernel. Dropping a stream is not
/// enough: with its buffers full, the connection would wait for the reader for ever.
const UNREAD_WAIT_MS: u32 = 15_000;
/// What a request may still take when the daemon stops; streams have said good-bye by then.
const STOP_WAIT_S: u64 = 2;
/// For the last words to terminals and their rows in the audit.
const TERMINALS_WAIT: Duration = Duration::from_secs(3);
/// Blocking work on a serving thread is password hashing and store reads, both bounded by themselves.
const BLOCKING_THREADS: usize = 8;

/// What serving needs, made by `app.rs`.
pub struct AppParts {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub state: StateHub,
    pub store: Store,
    pub keeper: Keeper,
    /// Missing when no cluster is configured.
    pub proxmox: Option<Proxmox>,
    pub executor: Executor,
    /// Missing when no node is reached over SSH. For people alone: nothing but `terminal` gets at it.
    pub shells: Option<Shells>,
    pub ready: Readiness,
    pub meter: Arc<Meter>,
    /// Version shown to clients; a screen reloads itself when it changes.
    pub build: &'static str,
}

/// Serves until told to stop; then every stream hears why, requests under way are finished, and it returns.
pub async fn serve(
    listener: TcpListener,
    metrics_listener: TcpListener,
    parts: AppParts,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let site = Site::new(parts, listener.local_addr()?, shutdown.clone());
    let terminals = site.terminals.clone();
    let feed = tokio::spawn(site.feed.clone().run(shutdown.clone()));
    let workers = usize::from(site.config.server.workers);
    let wanted = usize::from(site.config.server.sockets_max) + CONNECTIONS_BESIDES;
    let room = room::make(wanted, scrape::CONNECTIONS_MAX)?;
    let metrics = scrape::server(&site, metrics_listener, room.metrics)?;
    let server = HttpServer::new(move || {
        let site = Rc::new(site.clone());
        let outer = Rc::clone(&site);
        App::new()
            .wrap(middleware::Compress::default())
            .wrap(middleware::from_fn(move |req, next| outside::around(Rc::clone(&outer), req, next)))
            .configure(|config| routes::register(config, &site))
    })
    .workers(workers)
    .worker_max_blocking_threads(BLOCKING_THREADS)
    .max_connections(room.http.div_ceil(workers.max(1)))
    .client_request_timeout(REQUEST_HEAD_WAIT)
    .keep_alive(KEEP_ALIVE)
    .h1_write_buffer_size(stream::FLUSH_BYTES)
    .tcp_nodelay(true)
    .on_connect(|connection, _| {
        if let Some(tcp) = connection.downcast_ref::<actix_web::rt::net::TcpStream>()
            && let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(tcp, UNREAD_WAIT_MS)
        {
            tracing::debug!(%error, "a connection has no limit on unread data");
        }
    })
    .shutdown_timeout(STOP_WAIT_S)
    .disable_signals()
    .listen(listener)?
    .run();
    let (handle, metrics_handle) = (server.handle(), metrics.handle());
    let stop = async {
        shutdown.cancelled().await;
        handle.stop(true).await;
        metrics_handle.stop(false).await;
    };
    let (served, scraped, ()) = tokio::join!(server, metrics, stop);
    // Each is told, ended and recorded while there is a store to record it in.
    if tokio::time::timeout(TERMINALS_WAIT, terminals.closed()).await.is_err() {
        tracing::warn!("some terminals were not closed in order");
    }
    // It has nobody left to feed.
    feed.abort();
    served.and(scraped)
}
