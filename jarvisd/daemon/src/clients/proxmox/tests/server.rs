//! A TLS server that answers as told, and a CA that signs for it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub fn pem(&self) -> String {
        self.pem.clone()
    }

    /// A certificate for these names, and a key that is another's.
    pub fn sign_for_a_thief(&self, names: &[&str]) -> (Vec<u8>, rustls::sign::CertifiedKey) {
        let (leaf, thief) = (self.sign(names, None), KeyPair::generate().unwrap().serialize_der());
        let key =
            rustls::crypto::ring::sign::any_supported_type(&PrivateKeyDer::try_from(thief).unwrap()).unwrap();
        (leaf.der.clone(), rustls::sign::CertifiedKey::new(vec![leaf.der.into()], key))
    }

    fn sign(&self, names: &[&str], not_after: Option<(i32, u8, u8)>) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        if let Some((year, month, day)) = not_after {
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(year, month, day);
        }
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { der: cert.der().to_vec(), key: key.serialize_der() }
    }
}

struct Leaf {
    der: Vec<u8>,
    key: Vec<u8>,
}

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub head: String,
    pub body: String,
}

pub enum Reply {
    /// These bytes; the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes, then the connection ends.
    Last(Vec<u8>),
    /// Nothing, for ever.
    Hang,
    /// The connection ends without a byte.
    Drop,
    After(Duration, Vec<u8>),
    /// Chunks until the other side has had enough.
    Endless,
}

pub fn json(body: &str) -> Reply {
    http("200 OK", "application/json;charset=UTF-8", body)
}

pub fn http(status: &str, kind: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}").into(),
    )
}

/// As pveproxy sends its refusals: no body, and the connection ends.
pub fn bare(status: &str) -> Reply {
    Reply::Last(format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").into())
}

type Answerer = dyn Fn(&Request, usize) -> Reply + Send + Sync;

pub struct Server {
    address: SocketAddr,
    leaf_sha256: [u8; 32],
    seen: Arc<Mutex<Vec<Request>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Named as Proxmox names its nodes: address, localhost and the node.
    pub async fn new(ca: &Ca, answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::named(ca, &["127.0.0.1", "localhost", "pve"], None, answer).await
    }

    pub async fn named(
        ca: &Ca,
        names: &[&str],
        not_after: Option<(i32, u8, u8)>,
        answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let leaf = ca.sign(names, not_after);
        let key = PrivateKeyDer::try_from(leaf.key).unwrap();
        let config = tls().with_single_cert(vec![leaf.der.clone().into()], key).unwrap();
        Self::with(config, &leaf.der, answer).await
    }

    /// Shows the CA's own certificate.
    pub async fn as_the_ca(
        ca: &Ca,
        answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let key = PrivateKeyDer::try_from(ca.issuer.key().serialize_der()).unwrap();
        let der = CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap();
        let config = tls().with_single_cert(vec![der.clone()], key).unwrap();
        Self::with(config, &der, answer).await
    }

    /// Shows the second's certificate once it is told to, without a restart; it lets sessions be resumed.
    pub async fn exchanging(
        (first, second): (&Ca, &Ca),
        exchanged: Arc<AtomicBool>,
        answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let leaves = [first, second].map(|ca| ca.sign(&["127.0.0.1"], None));
        let der = leaves[0].der.clone();
        let keys = leaves.map(|leaf| {
            let key = PrivateKeyDer::try_from(leaf.key).unwrap();
            let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
            Arc::new(rustls::sign::CertifiedKey::new(vec![leaf.der.into()], key))
        });
        let mut config = tls().with_cert_resolver(Arc::new(Exchanging { keys, exchanged }));
        config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
        Self::with(config, &der, answer).await
    }

    /// Shows a certificate whose key it does not have.
    pub async fn thief(ca: &Ca, answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let (der, key) = ca.sign_for_a_thief(&["127.0.0.1"]);
        let config = tls().with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key)));
        Self::with(config, &der, answer).await
    }

    async fn with(
        config: ServerConfig,
        leaf: &[u8],
        answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, noted): (Arc<Answerer>, _) = (Arc::new(answer), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            // Ends with its connections when the server is dropped.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(acceptor.clone(), socket, Arc::clone(&answer), Arc::clone(&noted)));
            }
        });
        Self { address, leaf_sha256: Sha256::digest(leaf).into(), seen, task }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub fn url_as(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    pub fn fingerprint(&self) -> String {
        self.leaf_sha256.iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":")
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

#[derive(Debug)]
struct Exchanging {
    keys: [Arc<rustls::sign::CertifiedKey>; 2],
    exchanged: Arc<AtomicBool>,
}

impl rustls::server::ResolvesServerCert for Exchanging {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.keys[usize::from(self.exchanged.load(Ordering::Relaxed))]))
    }
}

fn tls() -> rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert> {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
}

async fn serve(
    acceptor: TlsAcceptor,
    socket: TcpStream,
    answer: Arc<Answerer>,
    seen: Arc<Mutex<Vec<Request>>>,
) -> Option<()> {
    let mut stream = acceptor.accept(socket).await.ok()?;
    loop {
        let request = read(&mut stream).await?;
        let nth = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len()
        };
        match answer(&request, nth) {
            Reply::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
            Reply::Last(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                stream.shutdown().await.ok()?;
                return None;
            }
            Reply::After(wait, bytes) => {
                tokio::time::sleep(wait).await;
                stream.write_all(&bytes).await.ok()?;
            }
            Reply::Hang => std::future::pending().await,
            Reply::Drop => return None,
            Reply::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.ok()?;
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
                loop {
                    stream.write_all(chunk.as_bytes()).await.ok()?;
                }
            }
        }
    }
}

async fn read(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head
        .lines()
        .find_map(|l| {
            l.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse().unwrap())
        })
        .unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let mut words = head.split(' ');
    Some(Request {
        method: words.next()?.into(),
        path: words.next()?.into(),
        body: String::from_utf8(bytes[end..].to_vec()).unwrap(),
        head: head.clone(),
    })
}
