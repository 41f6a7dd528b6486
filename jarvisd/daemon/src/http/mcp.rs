//! `POST /mcp`: carries a request of the Model Context Protocol from actix to rmcp's transport and back.
//!
//! The guard has checked Host, Origin and the token already. actix speaks `http` 0.2 and rmcp `http` 1, hence the
//! copying. What is no message of the protocol is answered here, in its own words. Not here: the protocol itself
//! (rmcp) and the tools (`crate::mcp`).

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use jarvis_core::{
    policy::Scopes,
    tools::listing::{Detail, Profile},
};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    call::{self, Call, Caller},
    error::{ApiError, Kind},
};
use crate::{
    access::{Scope, TokenInfo},
    executor::Executor,
    mcp::{
        Client, Mcp,
        envelope::{self, Fault},
        revision_served,
    },
};

/// Headers a request may have once: a second value could say something else to whoever stands in between.
const ONCE: [&str; 3] = ["mcp-protocol-version", "mcp-method", "mcp-name"];

pub type Service = StreamableHttpService<Mcp, NeverSessionManager>;

/// Which tools the client wants to be offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Offer {
    #[default]
    Read,
    Act,
}

/// How much of each tool is listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    #[default]
    Short,
    Full,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpQuery {
    /// `act` offers the tools that change something too; the token needs the scope `act` for it.
    #[serde(default)]
    profile: Offer,
    /// `full` lists titles, every hint and the full schemas of arguments and answers.
    #[serde(default)]
    detail: Wanted,
}

/// One for all requests. It keeps no sessions: every request stands alone and is answered with JSON.
pub fn service(executor: Executor, build: &'static str) -> Service {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(call::BODY_BYTES_MAX)
        // Host and Origin are the guard's matter, by the same lists as for every route.
        .disable_allowed_hosts();
    let mcp = Mcp::new(executor, build);
    StreamableHttpService::new(move || Ok(mcp.clone()), Arc::new(NeverSessionManager::default()), config)
}

pub async fn post(mut call: Call) -> Result<HttpResponse, ApiError> {
    let query: McpQuery = call.query()?;
    let client = client(&call.caller, &query)?;
    let bytes = call.json_bytes().await?;
    let message = match envelope::read(&bytes).and_then(|message| heads(&call.req, message)) {
        Ok(message) => message,
        Err(fault) => return Ok(told(&fault)),
    };
    if !takes_json(&call.req) {
        let fault = Fault::new(envelope::INVALID_REQUEST, "the answer is JSON; accept application/json");
        return Ok(HttpResponse::NotAcceptable().json(fault.body()));
    }
    let mut request = http::Request::post("/mcp");
    for (name, value) in call.req.headers() {
        // The credential goes no further than the guard.
        if ![header::AUTHORIZATION, header::COOKIE, header::ACCEPT].contains(name) {
            request = request.header(name.as_str(), value.as_bytes());
        }
    }
    let mut request = request
        // Who takes JSON gets JSON; a stream of events is never begun.
        .header("accept", "application/json, text/event-stream")
        .body(Full::new(Bytes::from(message.to_string())))
        .map_err(|e| ApiError::bad_request(format!("the request's head cannot be passed on: {e}")))?;
    request.extensions_mut().insert(client);
    let (head, body) = call.site.mcp.handle(request).await.into_parts();
    let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Ok(answered(&head, bytes))
}

/// rmcp's answer. What it says in plain text is said in the protocol instead.
fn answered(head: &http::response::Parts, body: Bytes) -> HttpResponse {
    let status = StatusCode::from_u16(head.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in &head.headers {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    let json =
        head.headers.get("content-type").is_some_and(|t| t.as_bytes().starts_with(b"application/json"));
    if json || body.is_empty() {
        return response.body(body);
    }
    let why = String::from_utf8_lossy(&body);
    response.insert_header(header::ContentType::json());
    response.body(Fault::new(envelope::INVALID_REQUEST, why).body().to_string())
}

/// A message that cannot be carried out: the request was well-formed only where the fault is in the parameters.
fn told(fault: &Fault) -> HttpResponse {
    let status = match fault.code {
        envelope::INVALID_PARAMS => StatusCode::OK,
        _ => StatusCode::BAD_REQUEST,
    };
    HttpResponse::build(status).json(fault.body())
}

/// Looks at what the headers say of the message.
fn heads(req: &HttpRequest, message: Value) -> Result<Value, Fault> {
    let id = || envelope::id_of(&message).cloned();
    for name in ONCE {
        if req.headers().get_all(name).count() > 1 {
            let why = format!("the header {name} was sent more than once");
            return Err(Fault { id: id(), ..Fault::new(envelope::INVALID_REQUEST, why) });
        }
    }
    // The first message of an older client proposes a revision, and one that says its own is judged by that.
    let declares = message.pointer("/params/_meta/io.modelcontextprotocol~1protocolVersion").is_some();
    let begins = message.get("method").is_some_and(|method| method == "initialize");
    if let (Some(named), false) = (req.headers().get("mcp-protocol-version"), declares || begins) {
        let named = named.to_str().unwrap_or("unreadable");
        revision_served(named).map_err(|fault| Fault { id: id(), ..fault })?;
    }
    Ok(message)
}

/// Whether the client takes JSON: it says so, or says nothing.
fn takes_json(req: &HttpRequest) -> bool {
    let mut named = req.headers().get_all(header::ACCEPT).filter_map(|v| v.to_str().ok()).peekable();
    if named.peek().is_none() {
        return true;
    }
    named.flat_map(|value| value.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let json = ["application/json", "application/*", "*/*"].contains(&kind.as_str());
        let unwanted = |part: &str| {
            part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
        };
        json && !parts.any(unwanted)
    })
}

fn client(caller: &Caller, query: &McpQuery) -> Result<Client, ApiError> {
    let token = caller.token();
    let (id, scopes) = match caller {
        Caller::Token(token) => (token.name.clone(), scopes(token)),
        // Coming in here makes a person's session a client like any other.
        Caller::Session(session) => (session.account.clone(), Scopes::ALL),
        Caller::Nobody => return Err(ApiError::new(Kind::Unauthenticated, "send an API token")),
    };
    let profile = match query.profile {
        Offer::Read => Profile::Read,
        Offer::Act if scopes.act => Profile::Act,
        Offer::Act => {
            let message = format!("the token `{id}` has no scope `act`, which profile=act needs");
            return Err(ApiError::new(Kind::Forbidden, message).detail("scope", "act"));
        }
    };
    let detail = match query.detail {
        Wanted::Short => Detail::Short,
        Wanted::Full => Detail::Full,
    };
    Ok(Client { id, token, scopes, profile, detail })
}

/// A token's scopes in the words of policy.
pub fn scopes(token: &TokenInfo) -> Scopes {
    let has = |scope| token.scopes.has(scope);
    Scopes { read: has(Scope::Read), chat: has(Scope::Chat), act: has(Scope::Act), mcp: has(Scope::Mcp) }
}
