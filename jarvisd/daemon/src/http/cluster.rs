//! The current state: whole, or its nodes, guests and storages as filtered, sorted, paged lists.

use actix_web::HttpResponse;
use jarvis_core::cluster::{GuestKind, GuestStatus, Health, NodeName, NodeStatus, StorageStatus, Tags, Vmid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, json},
    error::ApiError,
    paging::{Cursor, Key, Page, Place, page},
    query::{Limit, NoQuery, OneOf, Search, holds},
    views::{ClusterView, GuestView, Lens, NodeView, SourceView, StorageView, TaskView},
    when::When,
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct Whole {
    /// Names this life of the daemon; `seq` counts only within it.
    epoch: String,
    seq: i64,
    server_time: When,
    server_time_ms: i64,
    /// `null` before the first reading.
    cluster: Option<ClusterView>,
    nodes: Vec<NodeView>,
    guests: Vec<GuestView>,
    storages: Vec<StorageView>,
    tasks: Vec<TaskView>,
    sources: Vec<SourceView>,
}

/// A page of a list over the current state.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ListOf{T}")]
pub struct List<T> {
    items: Vec<T>,
    /// Give it as `cursor` for the next page; `null` on the last one.
    next_cursor: Option<String>,
    /// Rows of all pages together, at this moment.
    total: usize,
    epoch: String,
    seq: i64,
    server_time: When,
    server_time_ms: i64,
}

impl<T> List<T> {
    pub fn new(call: &Call, seq: i64, page: Page<T>) -> Self {
        Self {
            items: page.rows,
            next_cursor: page.next_cursor,
            total: page.total,
            epoch: call.site.state.epoch().to_owned(),
            seq,
            server_time: call.when(),
            server_time_ms: call.now_ms,
        }
    }
}

pub fn whole(call: &Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let (seq, state) = call.site.state.current();
    let lens = Lens { state: &state, now_ms: call.now_ms };
    json(&Whole {
        epoch: call.site.state.epoch().to_owned(),
        seq,
        server_time: call.when(),
        server_time_ms: call.now_ms,
        cluster: state.cluster.as_ref().map(|c| lens.cluster(c)),
        nodes: state.nodes.values().map(|n| lens.node(n)).collect(),
        guests: state.guests.values().map(|g| lens.guest(g)).collect(),
        storages: state.storages.iter().map(|(id, s)| lens.storage(id.as_str(), s)).collect(),
        tasks: state.tasks.values().map(|t| lens.task(t)).collect(),
        sources: state.sources.values().map(|s| lens.source(s)).collect(),
    })
}

/// Text of a sort word: the serde name of its variant.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
pub enum NodeSort {
    #[default]
    #[serde(rename = "name")]
    Name,
    #[serde(rename = "-name")]
    NameDown,
    #[serde(rename = "cpu")]
    Cpu,
    #[serde(rename = "-cpu")]
    CpuDown,
    #[serde(rename = "mem")]
    Mem,
    #[serde(rename = "-mem")]
    MemDown,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodesQuery {
    status: Option<OneOf<NodeStatus>>,
    health: Option<OneOf<Health>>,
    #[serde(default)]
    sort: NodeSort,
    cursor: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
}

pub fn nodes(call: &Call) -> Result<HttpResponse, ApiError> {
    let q: NodesQuery = call.query()?;
    let (seq, state) = call.site.state.current();
    let lens = Lens { state: &state, now_ms: call.now_ms };
    let rows = state
        .nodes
        .values()
        .filter(|n| {
            holds(q.status.as_ref(), |f| f.has(&n.status)) && holds(q.health.as_ref(), |f| f.has(&n.health))
        })
        .map(|n| {
            let key = match q.sort {
                NodeSort::Name | NodeSort::NameDown => Key::None,
                NodeSort::Cpu | NodeSort::CpuDown => n.cpu.into(),
                NodeSort::Mem | NodeSort::MemDown => share(n.mem_used_bytes, n.mem_total_bytes),
            };
            (Place(key, Key::text(n.name.as_str())), lens.node(n))
        })
        .collect();
    let page = page(rows, &word(&q.sort), q.cursor.as_ref(), q.limit.get())?;
    json(&List::new(call, seq, page))
}

pub fn node(call: &Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let name: NodeName = call.param("node")?;
    let (_, state) = call.site.state.current();
    let lens = Lens { state: &state, now_ms: call.now_ms };
    match state.nodes.get(&name) {
        Some(node) => json(&lens.node(node)),
        None => Err(ApiError::not_found(format!(
            "there is no node `{name}` in the cluster; names are case-sensitive"
        ))),
    }
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
pub enum GuestSort {
    #[default]
    #[serde(rename = "vmid")]
    Vmid,
    #[serde(rename = "-vmid")]
    VmidDown,
    #[serde(rename = "name")]
    Name,
    #[serde(rename = "-name")]
    NameDown,
    #[serde(rename = "node")]
    Node,
    #[serde(rename = "-node")]
    NodeDown,
    #[serde(rename = "cpu")]
    Cpu,
    #[serde(rename = "-cpu")]
    CpuDown,
    #[serde(rename = "mem")]
    Mem,
    #[serde(rename = "-mem")]
    MemDown,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuestsQuery {
    node: Option<NodeName>,
    kind: Option<GuestKind>,
    status: Option<OneOf<GuestStatus>>,
    health: Option<OneOf<Health>>,
    /// Has this tag.
    tag: Option<String>,
    template: Option<bool>,
    /// In the name, the VMID or a tag, whatever the case.
    q: Option<Search>,
    #[serde(default)]
    sort: GuestSort,
    cursor: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
}

pub fn guests(call: &Call) -> Result<HttpResponse, ApiError> {
    let q: GuestsQuery = call.query()?;
    let (seq, state) = call.site.state.current();
    let lens = Lens { state: &state, now_ms: call.now_ms };
    let found = |vmid: &Vmid, name: Option<&str>, tags: &Tags| {
        holds(q.q.as_ref(), |search| {
            let vmid = vmid.to_string();
            search.found_in(name.into_iter().chain([vmid.as_str()]).chain(tags.iter()))
        })
    };
    let rows = state
        .guests
        .values()
        .filter(|g| holds(q.node.as_ref(), |f| *f == g.node) && holds(q.kind.as_ref(), |f| *f == g.kind))
        .filter(|g| {
            holds(q.status.as_ref(), |f| f.has(&g.status)) && holds(q.health.as_ref(), |f| f.has(&g.health))
        })
        .filter(|g| {
            holds(q.tag.as_ref(), |f| g.tags.contains(f)) && holds(q.template.as_ref(), |f| *f == g.template)
        })
        .filter(|g| found(&g.vmid, g.name.as_deref(), &g.tags))
        .map(|g| {
            let key = match q.sort {
                GuestSort::Vmid | GuestSort::VmidDown => Key::None,
                GuestSort::Name | GuestSort::NameDown => {
                    g.name.clone().map_or(Key::None, |n| Key::Text(n.into()))
                }
                GuestSort::Node | GuestSort::NodeDown => Key::text(g.node.as_str()),
                GuestSort::Cpu | GuestSort::CpuDown => g.cpu.into(),
                GuestSort::Mem | GuestSort::MemDown => share(g.mem_used_bytes, g.mem_total_bytes),
            };
            (Place(key, Key::Number(f64::from(g.vmid.get()))), lens.guest(g))
        })
        .collect();
    let page = page(rows, &word(&q.sort), q.cursor.as_ref(), q.limit.get())?;
    json(&List::new(call, seq, page))
}

pub fn guest(call: &Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let vmid: Vmid = call.param("vmid")?;
    let (_, state) = call.site.state.current();
    let lens = Lens { state: &state, now_ms: call.now_ms };
    match state.guests.get(&vmid) {
        Some(guest) => json(&lens.guest(guest)),
        None => {
            Err(ApiError::not_found(format!("there is no guest {vmid} in the cluster; list /api/v1/guests")))
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
pub enum StorageSort {
    #[default]
    #[serde(rename = "id")]
    Id,
    #[serde(rename = "-id")]
    IdDown,
    #[serde(rename = "used")]
    Used,
    #[serde(rename = "-used")]
    UsedDown,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoragesQuery {
    node: Option<NodeName>,
    status: Option<OneOf<StorageStatus>>,
    health: Option<OneOf<Health>>,
    shared: Option<bool>,
    #[serde(default)]
    sort: StorageSort,
    cursor: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
}

pub fn storages(call: &Call) -> Result<HttpResponse, ApiError> {
    let q: StoragesQuery = call.query()?;
    let (seq, state) = call.site.state.current();
    let lens = Lens { state: &state, now_ms: call.now_ms };
    let rows = state
        .storages
        .iter()
        .filter(|(_, s)| {
            holds(q.node.as_ref(), |f| *f == s.node) && holds(q.shared.as_ref(), |f| *f == s.shared)
        })
        .filter(|(_, s)| holds(q.status.as_ref(), |f| f.has(&s.status)))
        .filter(|(_, s)| holds(q.health.as_ref(), |f| f.has(&s.health)))
        .map(|(id, s)| {
            let key = match q.sort {
                StorageSort::Id | StorageSort::IdDown => Key::None,
                StorageSort::Used | StorageSort::UsedDown => share(s.used_bytes, s.total_bytes),
            };
            (Place(key, Key::text(id.as_str())), lens.storage(id.as_str(), s))
        })
        .collect();
    let page = page(rows, &word(&q.sort), q.cursor.as_ref(), q.limit.get())?;
    json(&List::new(call, seq, page))
}

/// How full, 0..=1; unknown when either side is.
fn share(used: Option<u64>, total: Option<u64>) -> Key {
    match (used, total) {
        (Some(used), Some(total)) if total > 0 => Key::Number(exact(used) / exact(total)),
        _ => Key::None,
    }
}

#[expect(clippy::as_conversions, reason = "sizes stay far below 2^53, where f64 is exact; there is no From")]
fn exact(bytes: u64) -> f64 {
    bytes as f64
}
