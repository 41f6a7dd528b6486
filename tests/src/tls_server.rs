//! A small HTTPS server whose every answer a test decides: for the recorded answers, and for servers that
//! answer what no cluster would. HTTP/1.1, one thread of tasks, stops when dropped.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Leaf;

/// A request head longer than this is not one of ours.
const HEAD_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// With its query, as it came.
    pub target: String,
    pub head: String,
}

#[derive(Debug, Clone)]
pub struct Reply {
    /// `200 OK`
    pub status: String,
    pub content_type: String,
    pub body: Body,
    pub wait: Duration,
    /// More header lines, without line ends.
    pub headers: Vec<String>,
}

#[derive(Debug, Clone)]
pub enum Body {
    Text(String),
    /// Says `length`, sends `text`, and closes.
    Cut {
        text: String,
        length: usize,
    },
    /// So many bytes of spaces after a JSON opening.
    Endless(u64),
}

impl Reply {
    pub fn json(text: impl Into<String>) -> Self {
        Self {
            status: "200 OK".into(),
            content_type: "application/json;charset=UTF-8".into(),
            body: Body::Text(text.into()),
            wait: Duration::ZERO,
            headers: Vec::new(),
        }
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

pub struct TlsServer {
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
    stop: Arc<Notify>,
}

impl TlsServer {
    pub async fn start(
        leaf: &Leaf,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(leaf.chain_pem.as_bytes()).collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes())?;
        let config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(chain, key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stop = Arc::new(Notify::new());
        let accepting = tokio::spawn(accept(listener, acceptor, Arc::new(answer), stop.clone()));
        Ok(Self { address, accepting, stop })
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.accepting.abort();
        self.stop.notify_waiters();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, answer: Arc<Handler>, stop: Arc<Notify>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (acceptor, answer, stop) = (acceptor.clone(), answer.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                // A client that hangs up or does not trust us is what some stories are about.
                _ = talk(socket, acceptor, &*answer) => {}
                () = stop.notified() => {}
            }
        });
    }
}

async fn talk(socket: TcpStream, acceptor: TlsAcceptor, answer: &Handler) -> Result<()> {
    let mut tls = acceptor.accept(socket).await?;
    while let Some(request) = read_request(&mut tls).await? {
        let reply = answer(&request);
        tokio::time::sleep(reply.wait).await;
        if !write_reply(&mut tls, &reply).await? {
            break;
        }
    }
    tls.shutdown().await?;
    Ok(())
}

async fn read_request(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if from.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
        anyhow::ensure!(head.len() <= HEAD_BYTES_MAX, "a request head of more than {HEAD_BYTES_MAX} bytes");
    }
    let head = String::from_utf8(head)?;
    let mut words = head.split_whitespace();
    let method = words.next().context("no method")?.to_owned();
    let target = words.next().context("no target")?.to_owned();
    Ok(Some(Request { method, target, head }))
}

/// Whether the connection stays open.
async fn write_reply(to: &mut (impl AsyncWrite + Unpin), reply: &Reply) -> Result<bool> {
    let length = match &reply.body {
        Body::Text(text) => text.len() as u64,
        Body::Cut { length, .. } => *length as u64,
        Body::Endless(bytes) => *bytes,
    };
    // As the real one: every answer of 400 and above closes.
    let keep = reply.status.as_str() < "400" && matches!(reply.body, Body::Text(_));
    let connection = if keep { "Keep-Alive" } else { "close" };
    let more: String = reply.headers.iter().map(|h| format!("{h}\r\n")).collect();
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {length}\r\nConnection: {connection}\r\n{more}\r\n",
        reply.status, reply.content_type
    );
    to.write_all(head.as_bytes()).await?;
    match &reply.body {
        Body::Text(text) | Body::Cut { text, .. } => to.write_all(text.as_bytes()).await?,
        Body::Endless(bytes) => {
            let block = vec![b' '; 64 * 1024];
            let mut left = *bytes;
            while left > 0 {
                let now = left.min(block.len() as u64) as usize;
                to.write_all(&block[..now]).await?;
                left -= now as u64;
            }
        }
    }
    to.flush().await?;
    Ok(keep)
}
