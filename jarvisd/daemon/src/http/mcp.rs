//! `POST /mcp`: carries a request of the Model Context Protocol from actix to rmcp's transport and back.
//!
//! The guard has checked Host, Origin and the token already. actix speaks `http` 0.2 and rmcp `http` 1, hence the
//! copying. Not here: the protocol (rmcp) and the tools (`crate::mcp`).

use std::sync::Arc;

use actix_web::{HttpResponse, http::StatusCode};
use bytes::Bytes;
use http_body_util::{BodyDataStream, Full};
use jarvis_core::{policy::Scopes, tools::listing::Profile};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    call::{self, Call, Caller},
    error::{ApiError, Kind},
};
use crate::{
    access::{Scope, TokenInfo},
    executor::Executor,
    mcp::{Client, Mcp},
};

pub type Service = StreamableHttpService<Mcp, NeverSessionManager>;

/// Which tools the client wants to be offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Offer {
    #[default]
    Read,
    Act,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpQuery {
    /// `act` offers the tools that change something too; the token needs the scope `act` for it.
    #[serde(default)]
    profile: Offer,
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
    let client = client(&call.caller, query.profile)?;
    let body = call.json_bytes().await?;
    let mut request = http::Request::post("/mcp");
    for (name, value) in call.req.headers() {
        // The credential goes no further than the guard.
        if name != actix_web::http::header::AUTHORIZATION && name != actix_web::http::header::COOKIE {
            request = request.header(name.as_str(), value.as_bytes());
        }
    }
    let mut request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|e| ApiError::bad_request(format!("the request's head cannot be passed on: {e}")))?;
    request.extensions_mut().insert(client);
    let (head, body) = call.site.mcp.handle(request).await.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in &head.headers {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    Ok(response.streaming(BodyDataStream::new(body)))
}

fn client(caller: &Caller, offer: Offer) -> Result<Client, ApiError> {
    let (id, scopes) = match caller {
        Caller::Token(token) => (token.name.clone(), scopes(token)),
        // Coming in here makes a person's session a client like any other.
        Caller::Session(session) => (session.account.clone(), Scopes::ALL),
        Caller::Nobody => return Err(ApiError::new(Kind::Unauthenticated, "send an API token")),
    };
    let profile = match offer {
        Offer::Read => Profile::Read,
        Offer::Act if scopes.act => Profile::Act,
        Offer::Act => {
            let message = format!("the token `{id}` has no scope `act`, which profile=act needs");
            return Err(ApiError::new(Kind::Forbidden, message).detail("scope", "act"));
        }
    };
    Ok(Client { id, scopes, profile })
}

/// A token's scopes in the words of policy.
pub fn scopes(token: &TokenInfo) -> Scopes {
    let has = |scope| token.scopes.has(scope);
    Scopes { read: has(Scope::Read), chat: has(Scope::Chat), act: has(Scope::Act), mcp: has(Scope::Mcp) }
}
