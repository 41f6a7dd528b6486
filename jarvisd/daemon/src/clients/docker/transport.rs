//! One request to one engine: bounded, timed, never repeated.

use std::{error::Error, io, path::Path, sync::Arc, time::Duration};

use jarvis_core::tools::words::HostName;
use reqwest::{Client, ClientBuilder, Response, redirect};
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{call::Call, error::DockerError, settings::Way};

const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Figures of a container are measured over a second; a list of a hundred comes in milliseconds.
const READ_MAX: Duration = Duration::from_secs(10);
/// An engine waits 10 s for a container to end by itself, then kills it.
const CHANGE_MAX: Duration = Duration::from_secs(25);
/// A thousand lines of log and a list of a thousand containers are below this.
const BODY_BYTES_MAX: usize = 4 << 20;
/// The longest piece of a foreign message that is passed on.
const MESSAGE_CHARS_MAX: usize = 200;

pub(super) struct Engine {
    host: HostName,
    base: String,
    client: Client,
}

impl Engine {
    pub(super) fn new(host: &HostName, way: &Way) -> Result<Self, DockerError> {
        let builder = Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_MAX)
            .pool_max_idle_per_host(2);
        let (builder, base) = match way {
            Way::Unix(socket) => (nobody(host, over_socket(builder, socket))?, "http://docker".to_owned()),
            Way::Loopback(url) => (nobody(host, builder)?, url.trim_end_matches('/').to_owned()),
            Way::Tls { url, ca_pem, cert_pem, key_pem } => {
                let tls = tls(ca_pem, cert_pem, key_pem.expose_secret())
                    .map_err(|what| DockerError::misconfigured(host, what))?;
                (
                    builder.tls_backend_preconfigured(tls).https_only(true),
                    url.trim_end_matches('/').to_owned(),
                )
            }
            Way::Ssh(_) => return Err(DockerError::ReadOnly { host: host.clone() }),
        };
        let client = builder.build().map_err(|e| DockerError::misconfigured(host, e.to_string()))?;
        Ok(Self { host: host.clone(), base, client })
    }

    /// The body of a read that ended with 200.
    pub(super) async fn get(&self, call: &Call) -> Result<Vec<u8>, DockerError> {
        let (bytes, cut) = self.ask(call).await?;
        if cut {
            let what = format!("more than {BODY_BYTES_MAX} bytes");
            return Err(DockerError::Odd { host: self.host.clone(), what });
        }
        Ok(bytes)
    }

    /// The same, as far as the cap goes.
    pub(super) async fn fetch(&self, call: &Call) -> Result<Vec<u8>, DockerError> {
        Ok(self.ask(call).await?.0)
    }

    async fn ask(&self, call: &Call) -> Result<(Vec<u8>, bool), DockerError> {
        let work = async {
            let answer = self.client.get(self.url(call)).send().await.map_err(|e| self.broken(&e))?;
            let status = answer.status().as_u16();
            let body = self.body(answer).await?;
            if status == 200 { Ok(body) } else { Err(self.refused(status, &body.0)) }
        };
        self.within(READ_MAX, work).await
    }

    /// Makes a change, once. `Ok` when the engine says it is done or was so already.
    pub(super) async fn change(&self, call: &Call) -> Result<(), DockerError> {
        let work = async {
            let answer = self.client.post(self.url(call)).send().await.map_err(|e| self.broken(&e))?;
            let status = answer.status().as_u16();
            // 304: it was so already.
            if matches!(status, 200 | 204 | 304) {
                return Ok(());
            }
            let (body, _) = self.body(answer).await?;
            Err(self.refused(status, &body))
        };
        self.within(CHANGE_MAX, work).await
    }

    fn url(&self, call: &Call) -> String {
        format!("{}{}", self.base, call.path())
    }

    async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, DockerError>>,
    ) -> Result<T, DockerError> {
        let late = |_| Err(DockerError::TimedOut { host: self.host.clone(), after_s: limit.as_secs() });
        tokio::time::timeout(limit, work).await.unwrap_or_else(late)
    }

    async fn body(&self, mut answer: Response) -> Result<(Vec<u8>, bool), DockerError> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| self.broken(&e))? {
            let room = BODY_BYTES_MAX - body.len();
            if chunk.len() > room {
                body.extend(chunk.iter().take(room));
                return Ok((body, true));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, false))
    }

    fn refused(&self, status: u16, body: &[u8]) -> DockerError {
        #[derive(Deserialize)]
        struct Said {
            message: String,
        }
        let said = serde_json::from_slice::<Said>(body).map(|said| said.message).unwrap_or_default();
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let message = said.chars().map(plain).take(MESSAGE_CHARS_MAX).collect();
        DockerError::Refused { host: self.host.clone(), status, message }
    }

    fn broken(&self, error: &reqwest::Error) -> DockerError {
        let host = self.host.clone();
        let why = why(error);
        if error.is_connect() {
            DockerError::Unreachable { host, why }
        } else {
            DockerError::Interrupted { host, why }
        }
    }
}

/// The innermost cause: the outer ones only say that a request failed.
fn why(error: &reqwest::Error) -> String {
    let mut last: &dyn Error = error;
    while let Some(inner) = last.source() {
        last = inner;
    }
    match last.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::NotFound) => "there is no such socket".into(),
        Some(io::ErrorKind::PermissionDenied) => {
            "its socket may not be opened; add the daemon's user to its group".into()
        }
        _ => last.to_string(),
    }
}

fn over_socket(builder: ClientBuilder, socket: &Path) -> ClientBuilder {
    builder.unix_socket(socket)
}

/// Without TLS nobody is trusted, so that no certificate is ever taken by mistake.
fn nobody(host: &HostName, builder: ClientBuilder) -> Result<ClientBuilder, DockerError> {
    let tls = versions()
        .map_err(|what| DockerError::misconfigured(host, what))?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(builder.tls_backend_preconfigured(tls))
}

fn versions() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, String> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())
}

fn tls(ca: &str, cert: &str, key: &str) -> Result<ClientConfig, String> {
    let certs = |pem: &str, what: &str| {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        match all {
            Ok(all) if !all.is_empty() => Ok(all),
            Ok(_) => Err(format!("{what} holds no certificate")),
            Err(e) => Err(format!("{what} cannot be read: {e}")),
        }
    };
    let mut roots = RootCertStore::empty();
    for root in certs(ca, "ca_file")? {
        roots.add(root).map_err(|e| format!("ca_file: {e}"))?;
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| "key_file holds no private key".to_owned())?;
    versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(certs(cert, "cert_file")?, key)
        .map_err(|e| format!("cert_file and key_file do not go together: {e}"))
}
