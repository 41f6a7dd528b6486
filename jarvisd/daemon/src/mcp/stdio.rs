//! `jarvisd mcp`: MCP over standard input and output, carried line by line to the running daemon.
//!
//! The daemon owns the store and is the one door to every action, so this is no second server: it passes on what it
//! reads and prints what comes back, with an API token of its own. Requests go out side by side, so that a slow read
//! holds up nobody; the answers come in the order in which they are ready.

use std::{collections::HashMap, sync::Arc, time::Duration};

use reqwest::{
    Client,
    header::{self, HeaderValue},
    redirect,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    task::{AbortHandle, JoinError, JoinSet},
};

use super::{
    envelope::{self, Fault, id_of},
    lines::{Line, Lines},
};

/// Longer than the daemon waits for the end of a change.
const ANSWER_WAIT: Duration = Duration::from_secs(90);
/// A line beyond this is no request of a client; the daemon takes no more either.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Requests under way at once; the next line is read when one of them is over.
const AT_ONCE_MAX: usize = 16;
/// JSON-RPC's code for a failure on our side of the wire.
const INTERNAL_ERROR: i32 = -32_603;

#[derive(Debug, Error)]
pub enum StdioError {
    #[error("standard input or output broke off: {0}")]
    Pipe(#[from] std::io::Error),
    #[error("the connection to the daemon could not be prepared: {0}")]
    Client(#[source] reqwest::Error),
}

/// Where the daemon is, and as whom to come.
pub struct Daemon {
    /// `http://127.0.0.1:7878/mcp`, with `?profile=act` where changes are wanted.
    pub url: String,
    pub token: SecretString,
}

/// Serves until the input ends and every request read before has its answer.
///
/// # Errors
/// Only what ends the connection; whatever goes wrong with one request is its answer.
pub async fn serve(
    daemon: Daemon,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
) -> Result<(), StdioError> {
    // The token goes where it was told to go, past no proxy and along no redirect.
    let client = Client::builder().timeout(ANSWER_WAIT).no_proxy().redirect(redirect::Policy::none());
    let http = client.build().map_err(StdioError::Client)?;
    let mut pipe = Pipe {
        carrier: Arc::new(Carrier { http, daemon }),
        output,
        revision: None,
        under_way: JoinSet::new(),
        by_id: HashMap::new(),
    };
    let mut lines = Lines::new(BufReader::new(input), LINE_BYTES_MAX);
    loop {
        tokio::select! {
            line = lines.next(), if pipe.under_way.len() < AT_ONCE_MAX => match line? {
                Line::End => break,
                Line::TooLong => {
                    let message = format!("a message may have {LINE_BYTES_MAX} bytes; send less");
                    pipe.say(&Fault::new(envelope::INVALID_REQUEST, message).body()).await?;
                }
                Line::Whole(line) => pipe.take(&line).await?,
            },
            Some(ended) = pipe.under_way.join_next() => pipe.over(ended).await?,
        }
    }
    while let Some(ended) = pipe.under_way.join_next().await {
        pipe.over(ended).await?;
    }
    Ok(())
}

/// The client's end.
struct Pipe<W> {
    carrier: Arc<Carrier>,
    output: W,
    /// Later requests of an older client name the revision in a header.
    revision: Option<String>,
    under_way: JoinSet<(String, Option<Value>)>,
    /// So that a client can take a request back. The key is the id as JSON: `1` and `"1"` are two.
    by_id: HashMap<String, AbortHandle>,
}

impl<W: AsyncWrite + Unpin> Pipe<W> {
    async fn take(&mut self, line: &[u8]) -> Result<(), StdioError> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let message = match envelope::read(line) {
            Ok(message) => message,
            Err(fault) => return self.say(&fault.body()).await,
        };
        match message.get("method").and_then(Value::as_str) {
            // What follows depends on its answer.
            Some("initialize") => {
                let answer = self.carrier.carry(&message, None).await;
                let agreed = answer.as_ref().and_then(|a| a.pointer("/result/protocolVersion"));
                self.revision = agreed.and_then(Value::as_str).map(str::to_owned);
                match answer {
                    Some(answer) => self.say(&answer).await,
                    None => Ok(()),
                }
            }
            Some("notifications/cancelled") => {
                let id = message.pointer("/params/requestId").map(Value::to_string);
                if let Some(request) = id.and_then(|id| self.by_id.remove(&id)) {
                    request.abort();
                }
                Ok(())
            }
            _ => {
                let (carrier, revision) = (Arc::clone(&self.carrier), self.revision.clone());
                let id = id_of(&message).map(Value::to_string).unwrap_or_default();
                let key = id.clone();
                let request = self
                    .under_way
                    .spawn(async move { (key, carrier.carry(&message, revision.as_deref()).await) });
                self.by_id.insert(id, request);
                Ok(())
            }
        }
    }

    async fn over(&mut self, ended: Result<(String, Option<Value>), JoinError>) -> Result<(), StdioError> {
        // A request that was taken back has no answer.
        let Ok((id, answer)) = ended else { return Ok(()) };
        self.by_id.remove(&id);
        match answer {
            Some(answer) => self.say(&answer).await,
            None => Ok(()),
        }
    }

    async fn say(&mut self, message: &Value) -> Result<(), StdioError> {
        let mut line = message.to_string().into_bytes();
        line.push(b'\n');
        self.output.write_all(&line).await?;
        Ok(self.output.flush().await?)
    }
}

/// The daemon's end.
struct Carrier {
    http: Client,
    daemon: Daemon,
}

impl Carrier {
    /// The daemon's answer to one message; a notification has none.
    async fn carry(&self, message: &Value, revision: Option<&str>) -> Option<Value> {
        let id = id_of(message)?.clone();
        let answer = self.post(message, revision).await;
        Some(answer.unwrap_or_else(|why| Fault { id: Some(id), ..Fault::new(INTERNAL_ERROR, why) }.body()))
    }

    async fn post(&self, message: &Value, revision: Option<&str>) -> Result<Value, String> {
        let Daemon { url, token } = &self.daemon;
        let text = |path: &str| message.pointer(path).and_then(Value::as_str);
        let declared = text("/params/_meta/io.modelcontextprotocol~1protocolVersion");
        let mut request = self
            .http
            .post(url)
            .bearer_auth(token.expose_secret())
            .header(header::ACCEPT, "application/json, text/event-stream");
        for (name, value) in [
            ("mcp-method", text("/method")),
            ("mcp-name", text("/params/name")),
            ("mcp-protocol-version", declared.or(revision)),
        ] {
            // What no header can hold is left out; the daemon says what it misses.
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                request = request.header(name, value);
            }
        }
        let sent = request.json(message).send().await;
        let response = sent.map_err(|e| format!("jarvisd does not answer at {url}: {e}; is it running?"))?;
        let status = response.status();
        let body = response.text().await.map_err(|e| format!("jarvisd's answer broke off: {e}"))?;
        let answer: Value = serde_json::from_str(&body)
            .map_err(|_| format!("what answers at {url} is no jarvisd: status {status}"))?;
        if answer.get("jsonrpc").is_none() {
            let why = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or("no reason given");
            return Err(format!("jarvisd answered {status}: {why}"));
        }
        Ok(answer)
    }
}
