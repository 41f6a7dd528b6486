//! One call from its bytes to its answer.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};

use super::Connection;
use super::payload::Payload;
use crate::auth::{Denied, Identity};
use crate::cluster::{World, edit};
use crate::faults::wire::{HTML, HUGE_BYTES, Lost, Spoil, Trouble, with_odd_rows};
use crate::pve::params::{self, Params};
use crate::pve::reply::Reply;
use crate::pve::{self, Call, Found, access};
use crate::records::{Effect, Side};

/// The connection is to be dropped without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped on purpose")]
pub struct Dropped;

/// What the real proxy takes as a body.
const BODY_MAX: usize = 512 * 1024;
/// Calls on one connection before it is closed.
const CALLS_MAX: u32 = 100;
/// Every 401 comes so late.
const DENIED_MS: u64 = 3_000;
/// Answers below this are not worth compressing.
const GZIP_MIN: usize = 256;

/// A call as it came in.
struct Asked {
    method: String,
    path: String,
    params: Params,
    headers: HeaderMap,
}

/// A call that may go on to its handler.
struct Ready {
    call: Call,
    found: Found,
    trouble: Trouble,
    delay_ms: u64,
}

/// How a call ends for its asker.
enum Outcome {
    Answer(Reply, Option<Spoil>),
    /// The connection is reset.
    Reset,
    /// No answer ever comes.
    Silence,
}

pub async fn answer(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Payload>, Dropped> {
    connection.open().await;
    let calls = connection.calls.fetch_add(1, Ordering::Relaxed) + 1;
    let asked = match read(request).await {
        Ok(asked) => asked,
        Err(reply) => return Ok(dress(&connection, &HeaderMap::new(), reply, None, true)),
    };
    if !asked.path.starts_with('/') {
        return Ok(dress(&connection, &asked.headers, page(), None, calls >= CALLS_MAX));
    }
    let headers = asked.headers.clone();
    // A change goes on when its asker has gone, as it does in the real proxy.
    let outcome = match asked.method.as_str() {
        "GET" => work(connection.clone(), asked).await,
        _ => tokio::spawn(work(connection.clone(), asked)).await.unwrap_or(Outcome::Reset),
    };
    connection.open().await;
    match outcome {
        Outcome::Answer(reply, spoil) => Ok(dress(&connection, &headers, reply, spoil, calls >= CALLS_MAX)),
        Outcome::Silence => std::future::pending().await,
        Outcome::Reset => {
            connection.reset.store(true, Ordering::Relaxed);
            Err(Dropped)
        }
    }
}

/// Does what is asked, taking as long as it takes; a change is on record before its asker can hear of it.
async fn work(connection: Arc<Connection>, asked: Asked) -> Outcome {
    let sim = &connection.host.sim;
    let prepared = sim.with(|w| {
        let prepared = prepare(w, &connection, &asked);
        if let Err(reply) = &prepared {
            record(w, &connection, &asked, reply);
        }
        prepared
    });
    let (reply, trouble) = match prepared {
        Err(reply) => (*reply, None),
        Ok(ready) => {
            tokio::time::sleep(sim.real(ready.delay_ms)).await;
            if ready.trouble.hang || ready.trouble.reset {
                let swallowed = Reply::bare(0, "a fault swallowed it before it was acted on", 0);
                sim.with(|w| record(w, &connection, &asked, &swallowed));
                return if ready.trouble.hang { Outcome::Silence } else { Outcome::Reset };
            }
            if let Some(late_ms) = ready.trouble.late_ms {
                let connection = Arc::clone(&connection);
                tokio::spawn(async move {
                    tokio::time::sleep(connection.host.sim.real(late_ms)).await;
                    act(&connection, &asked, &ready);
                });
                return Outcome::Reset;
            }
            (act(&connection, &asked, &ready), Some(ready.trouble))
        }
    };
    tokio::time::sleep(sim.real(reply.takes_ms)).await;
    match trouble {
        Some(Trouble { lost: Some(Lost::Reset), .. }) => Outcome::Reset,
        Some(Trouble { lost: Some(Lost::Silence), .. }) => Outcome::Silence,
        trouble => Outcome::Answer(reply, trouble.and_then(|t| t.spoil)),
    }
}

/// Acts on it, and puts that on record in the same moment.
fn act(connection: &Connection, asked: &Asked, ready: &Ready) -> Reply {
    connection.host.sim.with(|w| {
        let reply = carry_out(w, connection, ready);
        record(w, connection, asked, &reply);
        reply
    })
}

async fn read(request: Request<Incoming>) -> Result<Asked, Reply> {
    let (head, body) = request.into_parts();
    let method = head.method.as_str().to_owned();
    // Anything else than the API is the web interface; an empty path stands for it.
    let path =
        head.uri.path().strip_prefix("/api2/json").unwrap_or_default().trim_end_matches('/').to_owned();
    let mut params = params::form(head.uri.query().unwrap_or_default());
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
        return Err(Reply::error(413, "request body too large"));
    };
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json") && !text.is_empty() {
        match params::json_body(&text) {
            Some(more) => params.extend(more),
            None => return Err(Reply::error(400, "Invalid JSON in request body")),
        }
    } else {
        params.extend(params::form(&text));
    }
    Ok(Asked { method, path, params, headers: head.headers })
}

/// Log-in, route, faults, privileges and the way to the node; an error is the answer.
fn prepare(world: &mut World, connection: &Connection, asked: &Asked) -> Result<Ready, Box<Reply>> {
    let node = connection.host.node.as_str();
    let found = pve::find(&asked.method, &asked.path);
    let endpoint = found.as_ref().map_or_else(|_| format!("{} (unknown)", asked.method), Found::endpoint);
    let who = identify(world, asked);
    let by = who.as_ref().map_or_else(|_| "nobody".to_owned(), |id| id.asker.full());
    world.requests.count(endpoint, &by);
    let about = found.as_ref().ok().and_then(Found::node).unwrap_or(node).to_owned();
    let trouble = world.trouble([node, &about], &asked.method, &asked.path);
    if let Some(error) = &trouble.error {
        return Err(Box::new(error.clone().taking(trouble.delay_ms + 20)));
    }
    if asked.path == "/access/ticket" && asked.method == "POST" {
        return Err(Box::new(log_in(world, asked)));
    }
    let who = who.map_err(|d| Box::new(denied(&d)))?;
    let found = found.map_err(Box::new)?;
    let way_ms = pve::on_the_way(world, node, &found, &who).map_err(Box::new)?;
    let mut captured = found.captured.clone();
    if let Some(about) = captured.iter_mut().find(|(n, v)| *n == "node" && v == "localhost") {
        about.1 = node.to_owned();
    }
    let mut params = asked.params.clone();
    // Parts of the path are parameters, too, and may be given twice.
    params.retain(|k, _| !captured.iter().any(|(n, _)| n == k));
    let call = Call {
        method: asked.method.clone(),
        path: asked.path.clone(),
        params,
        who,
        asked: node.to_owned(),
        captured,
    };
    Ok(Ready { call, found, delay_ms: way_ms + trouble.delay_ms, trouble })
}

fn identify(world: &World, asked: &Asked) -> Result<Identity, Denied> {
    let text = |name: HeaderName| asked.headers.get(name).and_then(|v| v.to_str().ok());
    let csrf = asked.headers.get("CSRFPreventionToken").and_then(|v| v.to_str().ok());
    let write = asked.method != "GET";
    let now_s = world.now.unix_s();
    world.auth.check(text(header::AUTHORIZATION), text(header::COOKIE), csrf, write, now_s)
}

fn denied(denied: &Denied) -> Reply {
    match denied.with_body {
        false => Reply::bare(401, denied.reason, DENIED_MS),
        true => Reply::error(401, denied.reason).taking(DENIED_MS),
    }
}

fn log_in(world: &mut World, asked: &Asked) -> Reply {
    if let Err(reply) = params::check(&asked.params, access::LOG_IN, false) {
        return reply;
    }
    let part = |name: &str| asked.params.get(name).cloned().unwrap_or_default();
    let user = match (part("username"), part("realm")) {
        (user, realm) if !realm.is_empty() && !user.contains('@') => format!("{user}@{realm}"),
        (user, _) => user,
    };
    let now_s = world.now.unix_s();
    match world.auth.log_in(&user, &part("password"), now_s) {
        Ok((ticket, csrf)) => {
            let node = world.nodes.first().map(|n| n.name.clone()).unwrap_or_default();
            world.note(&node, &user, 6, format!("successful auth for user '{user}'"));
            access::logged_in(&world.name, &user, &ticket, &csrf).taking(90)
        }
        Err(no) => denied(&no),
    }
}

/// The machine may have gone while the call was under way.
fn carry_out(world: &mut World, connection: &Connection, ready: &Ready) -> Reply {
    match pve::on_the_way(world, &connection.host.node, &ready.found, &ready.call.who) {
        Ok(_) => pve::run(world, &ready.found, &ready.call),
        Err(reply) => reply,
    }
}

/// Notes a change that was asked for and what came of it.
fn record(world: &mut World, connection: &Connection, asked: &Asked, reply: &Reply) {
    if asked.method == "GET" || asked.path == "/access/ticket" {
        return;
    }
    let by = identify(world, asked).map_or_else(|_| "nobody".to_owned(), |id| id.asker.full());
    let upid = reply.body.split('"').find(|p| p.starts_with("UPID:")).map(str::to_owned);
    let acted = reply.status == 200;
    let (node, target) = about(asked);
    let effect = Effect {
        unix_ms: world.now.unix_ms,
        side: Side::Pve,
        by,
        method: asked.method.clone(),
        path: asked.path.clone(),
        params: asked.params.clone(),
        node,
        target,
        acted,
        status: reply.status,
        why: reply.reason.clone().filter(|_| !acted),
        upid,
        asked: connection.host.node.clone(),
        peer: connection.peer.to_string(),
        ..Effect::default()
    };
    world.effects.add(effect);
}

/// The node and the thing a changing call is about.
fn about(asked: &Asked) -> (Option<String>, Option<String>) {
    let parts: Vec<String> = asked.path.split('/').filter(|p| !p.is_empty()).map(params::unescape).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let node = (parts.first() == Some(&"nodes")).then(|| parts.get(1).map(|n| (*n).to_owned())).flatten();
    let target = match parts.as_slice() {
        ["nodes", _, kind @ ("qemu" | "lxc"), vmid, ..] => Some(format!("{kind}/{vmid}")),
        ["nodes", _, "services", name, ..] => Some(format!("service/{name}")),
        ["nodes", _, "vzdump"] => asked.params.get("vmid").map(|v| format!("guest/{v}")),
        ["nodes", _, "tasks", upid, ..] => Some((*upid).to_owned()),
        ["nodes", name, "status" | "wakeonlan"] => Some(format!("node/{name}")),
        ["cluster", "ha", "resources", sid] => Some((*sid).to_owned()),
        _ => None,
    };
    (node, target)
}

fn page() -> Reply {
    let body = "<!DOCTYPE html><html><head><title>Proxmox Virtual Environment (simulated)</title></head><body></body></html>";
    Reply {
        status: 200,
        body: body.into(),
        content_type: Some("text/html; charset=UTF-8"),
        ..Reply::default()
    }
}

/// Turns an answer into HTTP, spoiled if a fault wants it.
fn dress(
    connection: &Connection,
    asked: &HeaderMap,
    reply: Reply,
    spoil: Option<Spoil>,
    last: bool,
) -> Response<Payload> {
    let spoil = spoil.filter(|_| reply.status == 200);
    let close = last || reply.status >= 400;
    let body = match spoil {
        Some(Spoil::Html) => HTML.to_owned(),
        Some(Spoil::OddRow) => with_odd_rows(&reply.body),
        _ => reply.body,
    };
    let json = reply.content_type.unwrap_or("application/json;charset=UTF-8");
    let kind = if spoil == Some(Spoil::Html) { "text/html; charset=utf-8" } else { json };
    let empty = body.is_empty();
    let zipped = if spoil.is_none() { gzip(asked, &body) } else { None };
    let encoded = zipped.is_some();
    let payload = match (spoil, zipped) {
        (Some(Spoil::Truncated), _) => Payload::cut(body),
        (Some(Spoil::Huge), _) => Payload::huge(HUGE_BYTES),
        (_, Some(zipped)) => Payload::whole(zipped),
        _ => Payload::whole(body),
    };
    let mut response = Response::new(payload);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(reason) = reply.reason.and_then(|r| ReasonPhrase::try_from(r).ok()) {
        response.extensions_mut().insert(reason);
    }
    let node = &connection.host.node;
    let now_s = connection.host.sim.with(|w| {
        let skew = w.node(node).map_or(0, |n| n.skew_s);
        w.now.unix_s().saturating_add_signed(skew)
    });
    let date = edit::http_date(now_s);
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CACHE_CONTROL, "max-age=0");
    set(header::PRAGMA, "no-cache");
    set(header::DATE, &date);
    set(header::EXPIRES, &date);
    set(header::SERVER, "pve-api-daemon/3.0");
    set(header::CONNECTION, if close { "close" } else { "Keep-Alive" });
    if !empty {
        set(header::CONTENT_TYPE, kind);
    }
    if encoded {
        set(header::CONTENT_ENCODING, "gzip");
    }
    response
}

fn gzip(asked: &HeaderMap, body: &str) -> Option<Vec<u8>> {
    let wants = asked.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok())?.contains("gzip");
    if !wants || body.len() < GZIP_MIN {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.as_bytes()).ok()?;
    encoder.finish().ok()
}
