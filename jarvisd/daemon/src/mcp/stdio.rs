//! `jarvisd mcp`: MCP over standard input and output, carried line by line to the running daemon.
//!
//! The daemon owns the store and is the one door to every action, so this is no second server: it passes on what it
//! reads and prints what comes back, with an API token of its own.

use std::time::Duration;

use reqwest::{Client, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

/// Longer than the daemon waits for the end of a change.
const ANSWER_WAIT: Duration = Duration::from_secs(90);
/// A line beyond this is no request of a client.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// JSON-RPC's code for a failure on our side of the wire.
const INTERNAL_ERROR: i32 = -32603;
const PARSE_ERROR: i32 = -32700;

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

/// Serves until the input ends. Requests are answered in the order in which they came.
///
/// # Errors
/// Only what ends the connection; whatever goes wrong with one request is its answer.
pub async fn serve(
    daemon: &Daemon,
    input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> Result<(), StdioError> {
    let client = Client::builder().timeout(ANSWER_WAIT).build().map_err(StdioError::Client)?;
    let mut input = BufReader::new(input);
    let mut revision: Option<String> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let answer = match serde_json::from_slice::<Value>(&line) {
            _ if line.trim_ascii().is_empty() => None,
            _ if line.len() > LINE_BYTES_MAX => Some(fault(
                &Value::Null,
                PARSE_ERROR,
                &format!("a request may have {LINE_BYTES_MAX} bytes; send less"),
            )),
            Ok(message) => pass_on(&client, daemon, &mut revision, &message).await,
            Err(e) => Some(fault(&Value::Null, PARSE_ERROR, &format!("the line is not JSON: {e}"))),
        };
        if let Some(answer) = answer {
            output.write_all(answer.to_string().as_bytes()).await?;
            output.write_all(b"\n").await?;
            output.flush().await?;
        }
    }
}

/// The daemon's answer to one message; a notification has none.
async fn pass_on(
    client: &Client,
    daemon: &Daemon,
    revision: &mut Option<String>,
    message: &Value,
) -> Option<Value> {
    let id = message.get("id").filter(|id| !id.is_null());
    let failed = |what: &str| id.map(|id| fault(id, INTERNAL_ERROR, what));
    let mut request = client
        .post(&daemon.url)
        .bearer_auth(daemon.token.expose_secret())
        .header(header::ACCEPT, "application/json, text/event-stream");
    if let Some(method) = message.get("method").and_then(Value::as_str) {
        request = request.header("mcp-method", method);
        if let Some(name) = message.pointer("/params/name").and_then(Value::as_str) {
            request = request.header("mcp-name", name);
        }
    }
    let declared = message.pointer("/params/_meta/io.modelcontextprotocol~1protocolVersion");
    if let Some(revision) = declared.and_then(Value::as_str).or(revision.as_deref()) {
        request = request.header("mcp-protocol-version", revision);
    }
    let response = match request.json(message).send().await {
        Ok(response) => response,
        Err(e) => return failed(&format!("jarvisd does not answer at {}: {e}; is it running?", daemon.url)),
    };
    let status = response.status();
    let text = match response.text().await {
        Ok(text) => text,
        Err(e) => return failed(&format!("jarvisd's answer broke off: {e}")),
    };
    let Ok(answer) = serde_json::from_str::<Value>(&text) else {
        return failed(&format!("jarvisd answered {status}: {}", text.trim()));
    };
    if answer.get("jsonrpc").is_none() {
        let why = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or("no reason given");
        return failed(&format!("jarvisd answered {status}: {why}"));
    }
    // Later requests of an older client name the revision in a header.
    if message.get("method").and_then(Value::as_str) == Some("initialize") {
        let agreed = answer.pointer("/result/protocolVersion").and_then(Value::as_str);
        *revision = agreed.map(str::to_owned);
    }
    id.is_some().then_some(answer)
}

fn fault(id: &Value, code: i32, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}
