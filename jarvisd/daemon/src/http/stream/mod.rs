//! `/ws`: one task a socket, fed by what is shared with all others, so that a slow or silent client costs
//! nobody else anything.
//!
//! A socket subscribes first, then takes its snapshot, then passes on only newer numbers. Not here: what the
//! frames mean (`jarvis_core::protocol`) and when the state changes (`state`).

mod acting;
mod cluster;
mod events;
mod feed;
mod inbox;
mod pieces;
mod session;
mod sockets;
mod wire;

use actix_web::{HttpResponse, body::MessageBody, http::header};
use schemars::JsonSchema;
use serde::Deserialize;

pub use feed::Feed;
pub use pieces::FLUSH_BYTES;
pub use sockets::Sockets;

use super::{
    call::{Call, header_text},
    error::{ApiError, Kind},
};
use pieces::Pieces;
use session::Session;
use sockets::Credential;

/// Largest frame a client may send; what it has to say fits in a line.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// The channels a client may name. Those nobody serves yet are accepted and stay silent.
const CHANNELS: [&str; 4] = [cluster::NAME, events::NAME, "chat", acting::NAME];

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamQuery {
    /// `cluster`, `events`, with commas between them; more can be subscribed later.
    #[serde(default)]
    #[schemars(regex(pattern = r"^((cluster|events|chat|approvals)(,(cluster|events|chat|approvals))*)?$"))]
    channels: String,
    /// From the `hello` of the connection that broke.
    epoch: Option<String>,
    /// The last number seen on `cluster`.
    cluster_seq: Option<i64>,
    /// The last number seen on `events`.
    events_seq: Option<i64>,
}

impl StreamQuery {
    fn channels(&self) -> Result<Vec<&str>, ApiError> {
        let named: Vec<&str> = self.channels.split(',').filter(|c| !c.is_empty()).collect();
        match named.iter().find(|c| !CHANNELS.contains(c)) {
            Some(_) => Err(ApiError::bad_request(format!("channels may name {}", CHANNELS.join(", ")))),
            None => Ok(named),
        }
    }
}

/// Turns the request into a stream.
pub fn open(call: Call) -> Result<HttpResponse, ApiError> {
    let query: StreamQuery = call.query()?;
    query.channels()?;
    let wants = header_text(&call.req, &header::UPGRADE).is_some_and(|u| u.eq_ignore_ascii_case("websocket"));
    if !wants {
        let message = "this is a WebSocket; connect with ws:// or wss://";
        return Err(ApiError::new(Kind::UpgradeNeeded, message).header(header::UPGRADE, "websocket"));
    }
    let Some(credential) = Credential::of(&call.caller) else {
        return Err(ApiError::new(Kind::Unauthenticated, "log in, or send an API token"));
    };
    let Call { site, req, payload, .. } = call;
    let (response, sink, messages) = actix_ws::handle(&req, payload)
        .map_err(|e| ApiError::bad_request(format!("this is no WebSocket handshake: {e}")))?;
    let messages = messages.max_frame_size(FRAME_BYTES_MAX).aggregate_continuations();
    let messages = messages.max_continuation_size(FRAME_BYTES_MAX);
    let seat = site.sockets.take(credential.clone());
    actix_web::rt::spawn(Session::new(site, credential, sink).run(messages, query, seat));
    Ok(response.map_body(|_, body| Pieces::new(body).boxed()))
}
