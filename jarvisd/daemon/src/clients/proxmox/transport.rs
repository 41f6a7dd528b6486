//! One request to one node: send, read with a limit, and say in our words what came back.
//!
//! Not here: which node is asked (fail-over) and what the data means (decode).

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jarvis_core::cluster::NodeName;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, Response, StatusCode, redirect};
use rustls::RootCertStore;
use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::allowance::{Allowance, granted};
use super::ask::{Ask, CONNECT_MAX, Method};
use super::decode::{Field, mended_text};
use super::doctor::skewed;
use super::error::{ErrorKind, Place, ProxmoxError, quoted};
use super::meter::{EndpointKey, Meter};
use super::settings::NodeAddress;
use super::{refusal, tls};
use crate::clock::Clock;

/// No Proxmox list comes near: 10,000 guests are 5 MB. Protects the memory from whatever else answers there.
pub(super) const BODY_BYTES_MAX: usize = 32 * MB;
pub(super) const MB: usize = 1024 * 1024;
/// pveproxy closes idle connections after 5 s or so and without notice; letting go first avoids the race.
const IDLE_CONNECTION_MAX: Duration = Duration::from_secs(4);
/// Enough for one poll's questions at once.
const IDLE_CONNECTIONS_MAX: usize = 4;

/// A node that is asked at all is asked many times within this.
const SKEW_RECENT: Duration = Duration::from_secs(300);

/// A node as a place to send requests to.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub name: NodeName,
    pub url: String,
    client: Client,
    pub shown: Arc<tls::Shown>,
    /// How far the node's clock is ahead of ours, and when that was seen.
    skew: Mutex<Option<(i64, Instant)>>,
    meter: Arc<Meter>,
    clock: Clock,
}

/// A good answer: HTTP 200 and a JSON object.
#[derive(Debug)]
pub(super) struct RawAnswer {
    /// The text of `data`; `null` is success without data.
    pub data: Box<RawValue>,
    /// How many entries there are when `data` is a part of them.
    pub total: Option<u64>,
    pub place: Place,
    pub at_ms: i64,
}

#[derive(Deserialize)]
struct Envelope {
    data: Option<Box<RawValue>>,
    #[serde(default)]
    total: Field<u64>,
}

impl Endpoint {
    pub(super) fn new(
        node: &NodeAddress,
        roots: Option<Arc<RootCertStore>>,
        authorization: &HeaderValue,
        meter: Arc<Meter>,
        clock: Clock,
    ) -> Result<Self, ProxmoxError> {
        let url = node.base()?;
        let shown = Arc::new(tls::Shown::default());
        let tls = tls::config(&node.name, node.pin()?, roots, Arc::clone(&shown))?;
        let headers = HeaderMap::from_iter([(AUTHORIZATION, authorization.clone())]);
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .gzip(true)
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(IDLE_CONNECTION_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .default_headers(headers)
            .build()
            .map_err(|e| {
                let what = format!("no HTTP client for node {}", node.name);
                ProxmoxError::unplaced(ErrorKind::Misconfigured { what }).caused_by(e)
            })?;
        let url = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { name: node.name.clone(), url, client, shown, skew: Mutex::default(), meter, clock })
    }

    /// How far the node's clock is ahead of ours, by its last answer; to the second.
    pub(super) fn skew_ms(&self) -> Option<i64> {
        (*self.skew()).map(|(ahead_ms, _)| ahead_ms)
    }

    /// The same if it answered lately: the clock of one that was not asked since may have been set right.
    pub(super) fn recent_skew_ms(&self) -> Option<i64> {
        let (ahead_ms, seen) = (*self.skew())?;
        (self.clock.monotonic().saturating_duration_since(seen) < SKEW_RECENT).then_some(ahead_ms)
    }

    fn skew(&self) -> MutexGuard<'_, Option<(i64, Instant)>> {
        self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks once; a read whose connection broke is sent once more, because pveproxy drops idle connections and
    /// restarts its workers at any time. Nothing else is ever repeated here.
    pub(super) async fn ask(
        &self,
        ask: &Ask,
        allowance: Option<&dyn Allowance>,
    ) -> Result<RawAnswer, ProxmoxError> {
        let limit = ask.class.answer_max();
        let work = async {
            match self.send(ask).await {
                Err(e) if ask.method == Method::Get && repeatable(&e.kind) && granted(allowance) => {
                    self.meter.retried();
                    self.send(ask).await
                }
                outcome => outcome,
            }
        };
        match tokio::time::timeout(limit, work).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let after_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                self.meter.answered(&self.key(ask), limit, 0, Some("timed_out"));
                Err(self.fault(ask, ErrorKind::TimedOut { after_ms }))
            }
        }
    }

    async fn send(&self, ask: &Ask) -> Result<RawAnswer, ProxmoxError> {
        let key = self.key(ask);
        let begun = self.clock.monotonic();
        self.meter.sent(&key);
        let mut bytes = 0;
        let outcome = self.exchange(ask, &mut bytes).await;
        let error = outcome.as_ref().err().map(ProxmoxError::word);
        self.meter.answered(&key, self.clock.monotonic().saturating_duration_since(begun), bytes, error);
        outcome
    }

    async fn exchange(&self, ask: &Ask, bytes: &mut usize) -> Result<RawAnswer, ProxmoxError> {
        let url = format!("{}/api2/json{}", self.url, ask.path);
        let mut request = match ask.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
            Method::Put => self.client.put(url),
            Method::Delete => self.client.delete(url),
        };
        if let Some(form) = &ask.form {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone());
        }
        let response = request.send().await.map_err(|e| self.broken(ask, e))?;
        self.note_date(&response);
        let status = response.status();
        let reason = reason(&response);
        let to = response.headers().get(LOCATION).map(|v| quoted(&String::from_utf8_lossy(v.as_bytes())));
        let body = self.read(ask, response).await?;
        *bytes = body.len();
        if status == StatusCode::OK {
            return self.envelope(ask, &body);
        }
        if status.is_redirection() {
            return Err(
                self.fault(ask, ErrorKind::Redirected { to: to.unwrap_or_else(|| "elsewhere".into()) })
            );
        }
        Err(self.fault(ask, refusal::explain(status.as_u16(), &reason, &body, ask)))
    }

    async fn read(&self, ask: &Ask, mut response: Response) -> Result<Vec<u8>, ProxmoxError> {
        let too_large = || self.fault(ask, ErrorKind::TooLarge { limit_mb: BODY_BYTES_MAX / MB });
        let announced = response.content_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        if announced > BODY_BYTES_MAX {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(announced);
        while let Some(chunk) = response.chunk().await.map_err(|e| self.broken(ask, e))? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn envelope(&self, ask: &Ask, body: &[u8]) -> Result<RawAnswer, ProxmoxError> {
        let not_json = || {
            let start = quoted(&String::from_utf8_lossy(body.get(..200).unwrap_or(body)));
            self.fault(ask, ErrorKind::NotJson { status: 200, start: start.chars().take(60).collect() })
        };
        if body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
            return Err(not_json());
        }
        let read = serde_json::from_slice(body).or_else(|e: serde_json::Error| {
            // One value that is no JSON shall not cost all the others.
            let mended = if e.is_eof() { None } else { mended_text(body) };
            mended.and_then(|text| serde_json::from_str(&text).ok()).ok_or(e)
        });
        let envelope: Envelope = read.map_err(|e| {
            if e.is_eof() {
                self.fault(ask, ErrorKind::Truncated { bytes: body.len() }).caused_by(e)
            } else {
                not_json().caused_by(e)
            }
        })?;
        Ok(RawAnswer {
            data: envelope.data.unwrap_or_else(|| RawValue::NULL.to_owned()),
            total: envelope.total.value(),
            place: self.place(ask),
            at_ms: self.clock.now_ms(),
        })
    }

    fn note_date(&self, response: &Response) {
        let date = response.headers().get(DATE).and_then(|v| v.to_str().ok());
        if let Some(date) = date.and_then(|d| OffsetDateTime::parse(d, &Rfc2822).ok()) {
            let theirs_ms = date.unix_timestamp().saturating_mul(1_000);
            let ahead_ms = theirs_ms.saturating_sub(self.clock.now_ms());
            let before = self.skew().replace((ahead_ms, self.clock.monotonic()));
            let said = before.is_some_and(|(ahead_ms, _)| skewed(&self.url, ahead_ms).is_some());
            if let (Some(text), false) = (skewed(&format!("{} ({})", self.name, self.url), ahead_ms), said) {
                tracing::warn!("{text}");
            }
        }
    }

    fn broken(&self, ask: &Ask, error: reqwest::Error) -> ProxmoxError {
        self.fault(ask, explain(&error)).caused_by(error.without_url())
    }

    fn fault(&self, ask: &Ask, kind: ErrorKind) -> ProxmoxError {
        ProxmoxError::at(self.place(ask), kind)
    }

    fn place(&self, ask: &Ask) -> Place {
        let path = ask.path.split('?').next().unwrap_or_default().to_owned();
        Place { node: self.name.clone(), url: self.url.clone(), method: ask.method.text(), path }
    }

    fn key(&self, ask: &Ask) -> EndpointKey {
        EndpointKey { method: ask.method.text(), template: ask.template, via: self.name.clone() }
    }
}

/// Proxmox puts its message into the reason phrase, which hyper keeps aside when it is not the usual one.
fn reason(response: &Response) -> String {
    match response.extensions().get::<hyper::ext::ReasonPhrase>() {
        Some(said) => quoted(&String::from_utf8_lossy(said.as_bytes())),
        None => response.status().canonical_reason().unwrap_or_default().to_owned(),
    }
}

/// Whether the request may not have been seen at all, or its answer was lost on the way.
fn repeatable(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted)
}

fn explain(error: &reqwest::Error) -> ErrorKind {
    let causes = causes(error);
    // A TLS fault after the handshake says nothing of what had arrived by then.
    if error.is_connect()
        && let Some(tls) = causes.iter().find_map(|e| e.downcast_ref::<rustls::Error>())
    {
        return tls::explain(tls);
    }
    let io = causes.iter().find_map(|e| e.downcast_ref::<io::Error>()).map(io::Error::kind);
    if error.is_connect() {
        let why = match io {
            _ if error.is_dns() => "its name is not known here".into(),
            Some(io::ErrorKind::ConnectionRefused) => "connection refused".into(),
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                "no route to it".into()
            }
            Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
                "it closed the connection during the TLS handshake".into()
            }
            _ if error.is_timeout() => format!("no connection within {} ms", CONNECT_MAX.as_millis()),
            _ => quoted(&causes.last().map(ToString::to_string).unwrap_or_default()),
        };
        return ErrorKind::Unreachable { why };
    }
    let hyper = causes.iter().find_map(|e| e.downcast_ref::<hyper::Error>());
    if hyper.is_some_and(hyper::Error::is_parse) {
        return ErrorKind::NotJson { status: 0, start: "not an HTTP answer".into() };
    }
    ErrorKind::Interrupted
}

/// The error and everything beneath it, also what an `io::Error` wraps: its `source` steps over that.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> Vec<&'e (dyn Error + 'static)> {
    /// No chain is this deep; a cycle would be.
    const DEPTH_MAX: usize = 16;
    let mut all: Vec<&'e (dyn Error + 'static)> = vec![error];
    let mut next = Some(error);
    while let (Some(e), true) = (next, all.len() < DEPTH_MAX) {
        let wrapped: Option<&(dyn Error + 'static)> = match e.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| -> &(dyn Error + 'static) { inner }),
            None => None,
        };
        next = wrapped.or_else(|| e.source());
        all.extend(next);
    }
    all
}
