//! `/ws/terminal/{node}`: a person's own shell on a node, in the browser. Behind a fresh log-in, recorded,
//! idle-limited, and reachable from nowhere else: what opens shells is held by this room alone, and a shell takes
//! keys from its own screen only. It uses nothing of what acts in Jarvis' name, and nothing of that can use it.
//!
//! A socket that breaks leaves its shell waiting; the same log-in comes back to it with the secret it was told.

mod filter;
mod keeper;
mod line;
mod record;
mod ring;
mod shell;
mod socket;

use actix_web::{HttpResponse, http::header};
use jarvis_core::cluster::NodeName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use keeper::{Parts, Terminals};

use super::{
    call::{Call, header_text, json},
    error::{ApiError, Kind},
    query::NoQuery,
};
use keeper::Asked;
use line::{End, Return, line};
use record::Subject;

/// Largest message: a paste comes in pieces.
const FRAME_BYTES_MAX: usize = 256 * 1024;
const COLS_MAX: u16 = 1_000;
const ROWS_MAX: u16 = 1_000;

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TerminalQuery {
    /// Width of the screen in cells.
    #[serde(default = "cols")]
    #[schemars(range(min = 1, max = 1000))]
    cols: u16,
    /// Height of the screen in cells.
    #[serde(default = "rows")]
    #[schemars(range(min = 1, max = 1000))]
    rows: u16,
    /// The first text frame will name a shell to come back to.
    #[serde(default)]
    resume: bool,
}

fn cols() -> u16 {
    80
}

fn rows() -> u16 {
    24
}

/// Where terminals can be opened, and what holds for them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TerminalsView {
    /// The nodes that have one, as configured; empty when there is none.
    nodes: Vec<TerminalNode>,
    /// Open now, in all.
    open: usize,
    sessions_max: u8,
    idle_s: u32,
    resume_s: u16,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TerminalNode {
    node: NodeName,
    /// Who one is there.
    user: String,
}

pub fn list(call: &Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let terminals = &call.site.terminals;
    let nodes = terminals.targets().iter();
    let config = terminals.config();
    json(&TerminalsView {
        nodes: nodes.map(|t| TerminalNode { node: t.node.clone(), user: t.user.clone() }).collect(),
        open: terminals.live(),
        sessions_max: config.sessions_max,
        idle_s: config.idle_s,
        resume_s: config.resume_s,
    })
}

/// Turns the request into a terminal.
pub fn open(call: Call) -> Result<HttpResponse, ApiError> {
    let query: TerminalQuery = call.query()?;
    if !(1..=COLS_MAX).contains(&query.cols) || !(1..=ROWS_MAX).contains(&query.rows) {
        return Err(ApiError::bad_request("cols and rows are 1 to 1000"));
    }
    let wants = header_text(&call.req, &header::UPGRADE).is_some_and(|u| u.eq_ignore_ascii_case("websocket"));
    if !wants {
        let message = "this is a WebSocket; connect with ws:// or wss://";
        return Err(ApiError::new(Kind::UpgradeNeeded, message).header(header::UPGRADE, "websocket"));
    }
    let node: NodeName = call.param("node")?;
    let Some(target) = call.site.terminals.target(&node) else {
        let message = format!("node {node} has no terminal; add it under [[ssh.nodes]]");
        return Err(ApiError::not_found(message));
    };
    let (user, address, size) =
        (target.user.clone(), call.address().to_string(), socket::size(query.cols, query.rows));
    let session = call.session()?.clone();
    let Call { site, req, payload, .. } = call;
    let (response, sink, messages) = actix_ws::handle(&req, payload)
        .map_err(|e| ApiError::bad_request(format!("this is no WebSocket handshake: {e}")))?;
    let messages = messages.max_frame_size(FRAME_BYTES_MAX).aggregate_continuations();
    let mut messages = messages.max_continuation_size(FRAME_BYTES_MAX);
    actix_web::rt::spawn(async move {
        let (screen, line) = line();
        if query.resume {
            let Some((id, received)) = socket::first(&mut messages).await else {
                let message = "the first frame must be `resume` with the id of a shell".to_owned();
                return socket::refuse(sink, message, End::Unknown).await;
            };
            let back = Return { screen, session: session.hash, received, size };
            site.terminals.come_back(&id, back).await;
        } else {
            let subject = Subject { account: session.account, address, node, user };
            site.terminals.begin(Asked { subject, session: session.hash, size }, screen);
        }
        socket::run(sink, messages, line, site.clock).await;
    });
    Ok(response)
}

/// The query of a request that goes back to a shell: it was opened after a fresh log-in, and only that log-in finds it.
pub const RESUMES: &str = "resume=true";
