//! One HTTPS listener a node, with the manners of pveproxy and of a machine that can be cut off.

pub mod answer;
pub mod payload;
pub mod wire;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::cluster::machine::{Line, Wire};
use crate::sim::Sim;
use wire::Socket;

/// Waiting connects the kernel keeps.
const BACKLOG: u32 = 1024;
/// A client that begins no TLS handshake is dropped after this.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);

/// Binds an address without listening, so that its port is held and connects are refused.
pub fn hold(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Listens on a held address.
pub fn listen(socket: TcpSocket) -> std::io::Result<TcpListener> {
    socket.listen(BACKLOG)
}

/// What all connections of a node share.
pub struct Host {
    pub sim: Arc<Sim>,
    pub node: String,
}

/// One connection.
pub struct Connection {
    pub host: Arc<Host>,
    pub peer: SocketAddr,
    pub line: watch::Receiver<Line>,
    pub calls: AtomicU32,
    pub reset: Arc<AtomicBool>,
}

/// Serves a node's address until the future is dropped.
pub async fn serve_node(sim: Arc<Sim>, node: String, listener: TcpListener) -> std::io::Result<()> {
    let Some(mut line) = sim.line(&node) else { return Ok(()) };
    let address = listener.local_addr()?;
    let host = Arc::new(Host { sim, node });
    let mut open = Some(listener);
    loop {
        let gone = line.borrow_and_update().wire == Wire::Gone;
        match (gone, open.take()) {
            (true, held) => {
                drop(held);
                let holding = hold(address)?;
                let back = line.wait_for(|l| l.wire != Wire::Gone).await.is_ok();
                if !back {
                    return Ok(());
                }
                open = Some(listen(holding)?);
            }
            (false, None) => open = Some(listen(hold(address)?)?),
            (false, Some(listener)) => {
                tokio::select! {
                    taken = listener.accept() => match taken {
                        Ok((stream, peer)) => spawn_connection(&host, stream, peer, line.clone()),
                        // Out of file handles: let some close.
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    },
                    changed = line.changed() => if changed.is_err() { return Ok(()) },
                }
                open = Some(listener);
            }
        }
    }
}

fn spawn_connection(host: &Arc<Host>, stream: TcpStream, peer: SocketAddr, line: watch::Receiver<Line>) {
    let host = host.clone();
    tokio::spawn(async move {
        let reset = Arc::new(AtomicBool::new(false));
        let socket = Socket::new(stream, reset.clone());
        let mut watching = line.clone();
        let power = watching.borrow().power;
        let connection = Connection { host, peer, line, calls: AtomicU32::new(0), reset: reset.clone() };
        tokio::select! {
            () = serve_connection(Arc::new(connection), socket) => {}
            () = power_lost(&mut watching, power) => {}
        }
    });
}

/// Waits until the machine has lost its power and is back: then its old connections are unknown to it.
async fn power_lost(line: &mut watch::Receiver<Line>, power: u64) {
    if line.wait_for(|l| l.power != power && l.wire == Wire::Open).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn serve_connection(connection: Arc<Connection>, socket: Socket) {
    connection.open().await;
    let mut socket = socket;
    if socket.speaks_plain_http().await {
        let _ = socket.write_all(PLAIN_HTTP.as_bytes()).await;
        let _ = socket.shutdown().await;
        return;
    }
    let host = &connection.host;
    let Some(config) = host.sim.tls(&host.node) else { return };
    let accepting = TlsAcceptor::from(config).accept(socket);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_MAX, accepting).await else { return };
    connection.open().await;
    host.sim.with(|w| w.requests.connection());
    let service = service_fn(|request| answer::answer(connection.clone(), request));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(e) = served {
        tracing::debug!(node = host.node, peer = %connection.peer, "connection ended: {e}");
    }
}

/// The answer to plain HTTP on the TLS port.
const PLAIN_HTTP: &str = "HTTP/1.1 301 Moved Permanently\r\nLocation: https://localhost/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

impl Connection {
    /// Waits while no packet gets through.
    pub async fn open(&self) {
        let mut line = self.line.clone();
        if line.wait_for(|l| l.wire == Wire::Open).await.is_err() {
            std::future::pending::<Infallible>().await;
        }
    }
}
