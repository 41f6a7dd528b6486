//! The control listener: what was seen, what is true, faults and the clock. Plain HTTP on loopback.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::cluster::World;
use crate::cluster::clock::SCALE_RANGE;
use crate::cluster::model::{Link, Run};
use crate::faults::FaultSpec;
use crate::num;
use crate::pve::params;
use crate::records::Side;
use crate::sim::Sim;

/// A script of faults is far smaller.
const BODY_MAX: usize = 4 * 1024 * 1024;
/// The furthest the clock can be turned at once.
const ADVANCE_MAX_S: f64 = 366.0 * 86_400.0;

pub async fn serve(sim: Arc<Sim>, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let sim = sim.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(sim.clone(), request));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

type Answer = Result<Value, (StatusCode, String)>;

async fn answer(sim: Arc<Sim>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_MAX).collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    let query = params::form(head.uri.query().unwrap_or_default());
    let (status, value) = match route(&sim, &head.method, head.uri.path(), &query, &body) {
        Ok(value) => (StatusCode::OK, value),
        Err((status, text)) => (status, json!({"error": text})),
    };
    let mut response = Response::new(Full::new(Bytes::from(value.to_string() + "\n")));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

fn route(sim: &Sim, method: &Method, path: &str, query: &BTreeMap<String, String>, body: &[u8]) -> Answer {
    let since = query.get("since").and_then(|s| s.parse().ok()).unwrap_or(0);
    match (method.as_str(), path) {
        ("GET", "/effects") => {
            let side = query.get("side").map(String::as_str);
            if side.is_some_and(|s| Side::ALL.iter().all(|known| known.name() != s)) {
                return Err(bad("there is no such side: pve, ssh, docker, wake, mail"));
            }
            Ok(sim.with(|w| w.effects.report(since, side)))
        }
        ("GET", "/ssh") => Ok(sim.with(|w| w.ssh.report(since))),
        ("GET", "/mail") => Ok(sim.with(|w| w.mail.report(since))),
        ("GET", "/docker") => Ok(sim.with(|w| crate::docker::api::truth(w))),
        ("GET", "/requests") => {
            let reset = query.get("reset").is_some_and(|r| r == "1");
            Ok(sim.with(|w| {
                let report = w.requests.report();
                if reset {
                    w.requests.reset();
                }
                report
            }))
        }
        ("DELETE", "/requests") => {
            sim.with(|w| w.requests.reset());
            Ok(json!({}))
        }
        ("GET", "/truth") => Ok(sim.with(truth)),
        ("GET", "/faults") => Ok(sim.with(|w| w.faults_report())),
        ("POST", "/faults") => plan(sim, body),
        ("DELETE", "/faults") => Ok(sim.with(|w| {
            w.clear_faults();
            w.faults_report()
        })),
        ("GET", "/clock") => Ok(sim.with(|w| clock(w))),
        ("POST", "/clock") => turn_clock(sim, body),
        (_, "/effects" | "/ssh" | "/mail" | "/docker" | "/requests" | "/truth" | "/faults" | "/clock") => {
            Err((StatusCode::METHOD_NOT_ALLOWED, format!("{path} has no {method}")))
        }
        _ => Err((
            StatusCode::NOT_FOUND,
            format!(
                "there is no {path}; there are /effects, /ssh, /mail, /docker, /requests, /truth, /faults and /clock"
            ),
        )),
    }
}

fn bad(text: impl Into<String>) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, text.into())
}

/// One fault or a list of them; none is planned when one is wrong.
pub fn parse_faults(text: &[u8]) -> Result<Vec<FaultSpec>, String> {
    let value: Value = serde_json::from_slice(text).map_err(|e| format!("this is not JSON: {e}"))?;
    let list = if value.is_array() { value } else { json!([value]) };
    serde_json::from_value(list).map_err(|e| format!("this is not a fault: {e}"))
}

fn plan(sim: &Sim, body: &[u8]) -> Answer {
    let specs = parse_faults(body).map_err(bad)?;
    sim.with(|w| {
        for spec in &specs {
            spec.check(w).map_err(bad)?;
        }
        let n = specs.len();
        w.plan_faults(specs);
        Ok(json!({"planned": n}))
    })
}

fn clock(world: &World) -> Value {
    json!({"sim_ms": world.now.sim_ms, "unix_ms": world.now.unix_ms, "scale": world.clock.scale()})
}

fn turn_clock(sim: &Sim, body: &[u8]) -> Answer {
    let wish: Value = serde_json::from_slice(body).map_err(|e| bad(format!("this is not JSON: {e}")))?;
    let known =
        wish.as_object().is_some_and(|m| !m.is_empty() && m.keys().all(|k| k == "scale" || k == "advance_s"));
    if !known {
        return Err(bad("give {\"scale\": real seconds per simulated second} or {\"advance_s\": seconds}"));
    }
    let number = |key: &str| match wish.get(key) {
        None => Ok(None),
        Some(v) => v.as_f64().map(Some).ok_or_else(|| bad(format!("'{key}' must be a number"))),
    };
    let (scale, advance_s) = (number("scale")?, number("advance_s")?);
    let (low, high) = SCALE_RANGE;
    if let Some(scale) = scale.filter(|s| !(low..=high).contains(s)) {
        return Err(bad(format!("scale {scale} is outside {low} to {high}")));
    }
    if let Some(n) = advance_s.filter(|n| !(0.0..=ADVANCE_MAX_S).contains(n)) {
        return Err(bad(format!("advance_s {n} is outside 0 to {ADVANCE_MAX_S}")));
    }
    Ok(sim.with(|w| {
        if let Some(scale) = scale {
            w.clock.set_scale(scale);
        }
        if let Some(n) = advance_s {
            w.advance(num::whole(n * 1000.0));
        }
        clock(w)
    }))
}

/// Everything as it really is at this moment.
fn truth(world: &mut World) -> Value {
    let now = world.now;
    let link = |l: Link| match l {
        Link::Up { .. } => "up",
        Link::Cut { dead: true, .. } => "dead",
        Link::Cut { .. } => "cut",
        Link::Booting { .. } => "booting",
    };
    let nodes: Vec<Value> = world
        .nodes
        .iter()
        .map(|n| json!({"name": n.name, "link": link(n.link), "online": world.online(n, now), "ip": n.ip, "uptime_s": now.unix_ms.saturating_sub(n.boot_ms) / 1000, "skew_s": n.skew_s, "mac": n.mac, "services_failed": n.services_failed, "services_down": n.services_down}))
        .collect();
    let guests: Vec<Value> = world
        .guests
        .values()
        .map(|g| {
            let status = match g.run {
                Run::Stopped => "stopped",
                Run::Running { paused: true, .. } => "paused",
                Run::Running { .. } => "running",
            };
            json!({"vmid": g.vmid, "type": g.kind.name(), "name": g.name, "node": g.node, "status": status, "template": g.template, "lock": g.lock, "uptime_s": g.uptime_s(now.unix_ms), "snapshots": g.snapshots.len(), "ha": world.ha_state(g), "created_s": g.created_s})
        })
        .collect();
    let storages: Vec<Value> = world
        .storages
        .iter()
        .map(|s| json!({"storage": s.id, "shared": s.shared, "offline": s.offline, "used_share": s.used_share, "volumes": s.volumes.len()}))
        .collect();
    let running: Vec<&str> =
        world.tasks.newest().filter(|t| t.end.is_none()).map(|t| t.upid.as_str()).collect();
    json!({
        "cluster": world.name, "quorate": world.quorate(now), "clock": clock(world), "nodes": nodes,
        "guests": guests, "storages": storages, "running_tasks": running,
    })
}
