//! Liveness and readiness, the OpenAPI document, and the small flat summary for other dashboards.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::{HttpResponse, http::StatusCode};
use jarvis_core::cluster::{ClusterState, GuestStatus, Health, SourceId, SourceState, TaskStatus};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    call::{Call, json, json_with},
    error::ApiError,
    guard,
    query::NoQuery,
    site::Site,
    when::When,
};
use crate::clients::proxmox::Proxmox;

/// Reasons other rooms have for not being ready; each keeps its own line.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    reasons: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Readiness {
    /// Sets or, with `None`, takes back the reason of one room.
    pub fn set(&self, room: &'static str, reason: Option<String>) {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        match reason {
            Some(reason) => reasons.insert(room, reason),
            None => reasons.remove(room),
        };
    }

    fn list(&self) -> Vec<String> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Alive {
    status: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Ready {
    ready: bool,
    /// Why not: what is wrong, with what, what to do.
    reasons: Vec<String>,
}

pub fn alive(call: &Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    json(&Alive { status: "ok" })
}

pub fn ready(call: &Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let reasons = reasons(&call.site);
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json_with(status, &Ready { ready: reasons.is_empty(), reasons })
}

fn reasons(site: &Site) -> Vec<String> {
    let mut reasons = site.ready.list();
    if site.shutdown.is_cancelled() {
        reasons.push("jarvisd is stopping".to_owned());
    }
    reasons.extend(site.store.healthy().err());
    if site.proxmox.is_none() && site.config.proxmox.is_none() {
        reasons.push("no cluster is configured; add a [proxmox] section to the configuration".to_owned());
    } else {
        reasons.extend(blind_spots(&site.state.current().1));
        reasons.extend(site.proxmox.iter().flat_map(Proxmox::clock_faults));
    }
    reasons
}

/// Which of the two sources that make the picture do not answer.
fn blind_spots(state: &ClusterState) -> Vec<String> {
    let mut spots = Vec::new();
    for id in [SourceId::resources(), SourceId::membership()] {
        let source = state.sources.get(&id);
        let error = source.and_then(|s| s.error.clone());
        match source.map_or(SourceState::Waiting, |s| s.state) {
            SourceState::Fresh | SourceState::Late => {}
            SourceState::Waiting => {
                let why = error.unwrap_or_else(|| "no answer yet".to_owned());
                spots.push(format!("the cluster was not read yet ({id}): {why}"));
            }
            SourceState::Lost => {
                let why = error.unwrap_or_else(|| "no answer".to_owned());
                spots.push(format!("sight of the cluster is lost ({id}): {why}"));
            }
        }
    }
    spots
}

/// Costs as much as this many requests: the one large answer that anybody may have. Asked for on many connections that
/// are never read, it would take the memory.
const OPENAPI_COST: u32 = 50;

pub fn openapi(call: &Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    guard::charge(&call.site, &call.req, OPENAPI_COST)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(call.site.openapi.to_string()))
}

/// One flat object, for widgets that cannot walk a tree.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Widget {
    health: Health,
    headline: String,
    /// The figures are older than they should be.
    stale: bool,
    nodes_online: u32,
    nodes_total: u32,
    guests_running: u32,
    guests_total: u32,
    /// Missing values are `null`: not known.
    quorate: Option<bool>,
    /// Share of all cores of the nodes that answer, 0..=1.
    cpu: Option<f64>,
    mem_used_bytes: u64,
    mem_total_bytes: u64,
    tasks_running: usize,
    /// When the figures were read.
    updated_at: Option<When>,
}

pub fn widget(call: &Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let (_, state) = call.site.state.current();
    json(&summary(&state))
}

fn summary(state: &ClusterState) -> Widget {
    let cluster = state.cluster.as_deref();
    let live = || state.nodes.values().filter(|n| n.as_of_ms.is_none());
    let cores: f64 = live().filter(|n| n.cpu.is_some()).filter_map(|n| n.cpu_cores).map(f64::from).sum();
    let busy: f64 = live().filter_map(|n| Some(n.cpu? * f64::from(n.cpu_cores?))).sum();
    let running = state.guests.values().filter(|g| g.status == GuestStatus::Running && !g.template).count();
    let guests = state.guests.values().filter(|g| !g.template).count();
    let seen_ms = state.sources.get(&SourceId::resources()).and_then(|s| s.seen_ms);
    Widget {
        health: cluster.map_or(Health::Unknown, |c| c.health),
        headline: cluster.map_or_else(|| "No cluster was read yet".to_owned(), |c| c.headline.clone()),
        stale: cluster.is_none_or(|c| c.sight != SourceState::Fresh),
        nodes_online: cluster.map_or(0, |c| c.nodes_online),
        nodes_total: cluster.map_or(0, |c| c.nodes_total),
        guests_running: cluster.map_or(u32::try_from(running).unwrap_or(u32::MAX), |c| c.guests_running),
        guests_total: cluster.map_or(u32::try_from(guests).unwrap_or(u32::MAX), |c| c.guests_total),
        quorate: cluster.and_then(|c| c.quorate),
        cpu: (cores > 0.0).then(|| (busy / cores * 1_000.0).round() / 1_000.0),
        mem_used_bytes: live().filter_map(|n| n.mem_used_bytes).sum(),
        mem_total_bytes: live().filter_map(|n| n.mem_total_bytes).sum(),
        tasks_running: state.tasks.values().filter(|t| t.status == TaskStatus::Running).count(),
        updated_at: seen_ms.map(When),
    }
}
