//! Docker engines by their HTTP API, each on a unix socket and a loopback port.
//!
//! An engine is gone while its guest or the node under it is. Not here: what containers are (`cluster::docker`).

pub mod api;
pub mod words;

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cluster::machine::Wire;
use crate::pve::params;
use crate::sim::Sim;
use crate::site::{self, Door, Host, Service};

/// No call here needs a body; a larger one is refused.
const BODY_MAX: usize = 64 * 1024;
/// Lines of a stream under way.
const STREAM_QUEUE: usize = 4;
/// Between two lines of statistics.
const STATS_EVERY: Duration = Duration::from_secs(1);
/// How often a unix socket looks whether its engine is there.
const LOOK: Duration = Duration::from_millis(100);

/// Serves an engine's port until the future is dropped.
pub async fn serve_tcp(sim: Arc<Sim>, vmid: u32, mut door: Door) {
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        match door.next().await {
            Ok(stream) => {
                let peer = stream.peer_addr().map(|p| p.to_string()).unwrap_or_default();
                open.spawn(serve(sim.clone(), vmid, peer, stream));
            }
            Err(e) => {
                tracing::warn!(vmid, "the engine's port is lost: {e}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Puts an engine's socket in its place, a left-over one removed.
pub fn bind_unix(path: &Path) -> anyhow::Result<UnixListener> {
    let _ = std::fs::remove_file(path);
    UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))
}

/// Serves an engine's unix socket until the future is dropped.
pub async fn serve_unix(sim: Arc<Sim>, vmid: u32, path: PathBuf, listener: UnixListener) {
    let host = Host::Guest(vmid);
    let mut listener = Some(listener);
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let wire = sim.with(|w| host.wire(w, Service::Docker));
        if wire == Wire::Gone {
            listener = None;
            let _ = std::fs::remove_file(&path);
        } else if listener.is_none() {
            listener = bind_unix(&path).ok();
        }
        let taken = match (&listener, wire) {
            (Some(listener), Wire::Open) => tokio::time::timeout(LOOK, listener.accept()).await,
            _ => {
                tokio::time::sleep(LOOK).await;
                continue;
            }
        };
        if let Ok(Ok((stream, _))) = taken {
            open.spawn(serve(sim.clone(), vmid, "unix".to_owned(), stream));
        }
    }
}

async fn serve(sim: Arc<Sim>, vmid: u32, peer: String, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let host = Host::Guest(vmid);
    let service = service_fn(|request| answer(sim.clone(), vmid, peer.clone(), request));
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = serving => {}
        () = site::ended(&sim, &host, Service::Docker) => {}
    }
}

/// The connection is dropped without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped on purpose")]
struct Dropped;

async fn answer(
    sim: Arc<Sim>,
    vmid: u32,
    peer: String,
    request: Request<Incoming>,
) -> Result<Response<Payload>, Dropped> {
    let (head, body) = request.into_parts();
    if Limited::new(body, BODY_MAX).collect().await.is_err() {
        return Ok(dress(413, Payload::Whole(None), "", "HEAD"));
    }
    let method = head.method.as_str().to_owned();
    let path = without_version(head.uri.path()).to_owned();
    let query = params::form(head.uri.query().unwrap_or_default());
    let trouble = sim.with(|w| w.docker_trouble(vmid, &method, &path));
    if trouble.hang {
        std::future::pending::<Infallible>().await;
    }
    tokio::time::sleep(sim.real(trouble.delay_ms)).await;
    site::reachable(&sim, &Host::Guest(vmid)).await;
    let call = api::Call { vmid, method: &method, path: &path, query: &query, peer: &peer };
    let reply = sim.with(|w| api::answer(w, &call));
    tokio::time::sleep(sim.real(reply.takes_ms)).await;
    if trouble.lost {
        return Err(Dropped);
    }
    let payload = match reply.streams {
        true => Payload::Stream(stream_stats(sim, vmid, path, reply.body.into())),
        false => Payload::Whole(Some(reply.body.into())),
    };
    Ok(dress(reply.status, payload, reply.kind, &method))
}

/// `/v1.51/containers/json` is `/containers/json`.
fn without_version(path: &str) -> &str {
    let versioned = path.strip_prefix("/v").and_then(|rest| rest.split_once('/'));
    match versioned {
        Some((version, _)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            path.get(version.len() + 2..).unwrap_or(path)
        }
        _ => path,
    }
}

fn dress(status: u16, payload: Payload, kind: &'static str, method: &str) -> Response<Payload> {
    let payload = if method == "HEAD" { Payload::Whole(None) } else { payload };
    let mut response = Response::new(payload);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("Api-Version", header::HeaderValue::from_static(api::API_VERSION));
    headers.insert(header::SERVER, header::HeaderValue::from_static("Docker/28.5.1 (linux)"));
    if !kind.is_empty() {
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    }
    response
}

/// Statistics line by line until the reader goes away.
fn stream_stats(sim: Arc<Sim>, vmid: u32, path: String, first: Bytes) -> mpsc::Receiver<Bytes> {
    let (send, receive) = mpsc::channel(STREAM_QUEUE);
    tokio::spawn(async move {
        let name = path.split('/').nth(2).unwrap_or_default().to_owned();
        let mut line = Some(first);
        while let Some(text) = line.take() {
            if send.send(text).await.is_err() {
                return;
            }
            tokio::time::sleep(STATS_EVERY).await;
            line = sim.with(|w| {
                let (container, guest) = (w.container(vmid, &name)?, w.guests.get(&vmid)?);
                Some(Bytes::from(format!("{}\n", api::figures(w, container, guest))))
            });
        }
    });
    receive
}

/// A body that is there, or comes by and by.
enum Payload {
    Whole(Option<Bytes>),
    Stream(mpsc::Receiver<Bytes>),
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => {
                Poll::Ready(bytes.take().filter(|b| !b.is_empty()).map(|b| Ok(Frame::data(b))))
            }
            Self::Stream(lines) => lines.poll_recv(cx).map(|line| line.map(|b| Ok(Frame::data(b)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(bytes) => {
                hyper::body::SizeHint::with_exact(bytes.as_ref().map_or(0, |b| crate::num::len(b.len())))
            }
            Self::Stream(_) => hyper::body::SizeHint::default(),
        }
    }
}
