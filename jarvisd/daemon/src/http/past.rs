//! What was: the activity feed and the history of figures, from the store.

use actix_web::HttpResponse;
use jarvis_core::{
    cluster::{NodeName, Vmid},
    protocol::{EventKind, EventSource, Severity},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, json},
    error::ApiError,
    guard::store_error,
    paging::{self, Cursor},
    query::{Limit, OneOf, Search, parsed},
    views::EventView,
    when::When,
};
use crate::store::EventFilter;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// From this moment on.
    since: Option<When>,
    /// Before this moment.
    until: Option<When>,
    #[serde(rename = "type")]
    kind: Option<OneOf<EventKind>>,
    severity: Option<OneOf<Severity>>,
    source: Option<OneOf<EventSource>>,
    node: Option<NodeName>,
    #[serde(default, deserialize_with = "parsed")]
    vmid: Option<Vmid>,
    /// In the title or the detail, whatever the case.
    q: Option<Search>,
    cursor: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct EventList {
    /// Newest first.
    items: Vec<EventView>,
    /// Give it as `cursor` for older ones; `null` at the end.
    next_cursor: Option<String>,
}

pub async fn events(call: Call) -> Result<HttpResponse, ApiError> {
    let q: EventsQuery = call.query()?;
    let cursor = q.cursor.as_ref().map(|c| event_cursor(c.as_str())).transpose()?;
    let filter = EventFilter {
        since_ms: q.since.map(|w| w.0),
        until_ms: q.until.map(|w| w.0),
        kinds: q.kind.map(|k| k.0).unwrap_or_default(),
        severities: q.severity.map(|s| s.0).unwrap_or_default(),
        severity_min: None,
        sources: q.source.map(|s| s.0).unwrap_or_default(),
        node: q.node,
        vmid: q.vmid,
        text: q.q.map(|s| s.as_str().to_owned()),
    };
    let page = call.site.store.events().page(filter, cursor, q.limit.rows()).await;
    let page = page.map_err(|e| store_error("reading the activity feed", e))?;
    json(&EventList {
        items: page.events.into_iter().map(EventView::from).collect(),
        next_cursor: page.next_cursor.map(|id| format!("e{id}")),
    })
}

/// The id of the last event seen; the letter keeps people from counting on it.
fn event_cursor(text: &str) -> Result<i64, ApiError> {
    text.strip_prefix('e')
        .and_then(|n| n.parse().ok())
        .filter(|n: &i64| *n > 0)
        .ok_or_else(paging::unknown_cursor)
}

/// Most buckets of one answer: more than a wide screen has columns.
const POINTS_MAX: u16 = 1_000;
const POINTS_DEFAULT: u16 = 200;
const HOUR_MS: i64 = 3_600_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    Cpu,
    MemUsedBytes,
    MemTotalBytes,
    DiskUsedBytes,
    NetInBps,
    NetOutBps,
    DiskReadBps,
    DiskWriteBps,
    Load1,
    Iowait,
    TempC,
}

impl Metric {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::MemUsedBytes => "mem_used_bytes",
            Self::MemTotalBytes => "mem_total_bytes",
            Self::DiskUsedBytes => "disk_used_bytes",
            Self::NetInBps => "net_in_bps",
            Self::NetOutBps => "net_out_bps",
            Self::DiskReadBps => "disk_read_bps",
            Self::DiskWriteBps => "disk_write_bps",
            Self::Load1 => "load1",
            Self::Iowait => "iowait",
            Self::TempC => "temp_c",
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// `node/Home`, `qemu/100`, `lxc/102`, `storage/Home/local` or `cluster`.
    #[schemars(regex(
        pattern = r"^(cluster|(node|qemu|lxc)/[A-Za-z0-9-]{1,63}|storage/[A-Za-z0-9-]{1,63}/[A-Za-z0-9._-]{1,100})$"
    ))]
    entity: String,
    metric: Metric,
    /// One hour before `to` when not given.
    from: Option<When>,
    /// Now when not given.
    to: Option<When>,
    /// Buckets wanted; 200 when not given.
    #[schemars(range(min = 1, max = 1000))]
    points: Option<u16>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct BucketView {
    t_ms: i64,
    at: When,
    min: f64,
    mean: f64,
    max: f64,
    /// Samples in it.
    n: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct HistoryView {
    entity: String,
    metric: Metric,
    from: When,
    to: When,
    /// Width of a bucket.
    step_ms: i64,
    /// Oldest first. Where nothing was read there is no bucket: a gap is a gap.
    buckets: Vec<BucketView>,
}

pub async fn history(call: Call) -> Result<HttpResponse, ApiError> {
    let q: HistoryQuery = call.query()?;
    let points = q.points.unwrap_or(POINTS_DEFAULT);
    if !(1..=POINTS_MAX).contains(&points) {
        return Err(ApiError::bad_request(format!("points is {points}; give 1 to {POINTS_MAX}")));
    }
    if !is_entity(&q.entity) {
        let message = "entity is written as node/NAME, qemu/VMID, lxc/VMID, storage/NODE/STORAGE or cluster";
        return Err(ApiError::bad_request(message));
    }
    let to = q.to.unwrap_or(call.when());
    let from = q.from.unwrap_or(When(to.0.saturating_sub(HOUR_MS)));
    if from >= to {
        return Err(ApiError::bad_request("from must lie before to"));
    }
    let range =
        call.site.store.history().query(&q.entity, q.metric.as_str(), from.0, to.0, points.into()).await;
    let range = range.map_err(|e| store_error("reading the history", e))?;
    let buckets = range
        .buckets
        .into_iter()
        .map(|b| BucketView { t_ms: b.t_ms, at: When(b.t_ms), min: b.min, mean: b.mean, max: b.max, n: b.n })
        .collect();
    json(&HistoryView { entity: q.entity, metric: q.metric, from, to, step_ms: range.step_ms, buckets })
}

fn is_entity(text: &str) -> bool {
    match text.split_once('/') {
        None => text == "cluster",
        Some(("node", name)) => name.parse::<NodeName>().is_ok(),
        Some(("qemu" | "lxc", vmid)) => vmid.parse::<Vmid>().is_ok(),
        Some(("storage", id)) => id.parse::<jarvis_core::cluster::StorageId>().is_ok(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_and_cursors_are_checked() {
        for good in ["cluster", "node/Home", "qemu/100", "lxc/102", "storage/Home/local"] {
            assert!(is_entity(good), "{good}");
        }
        for bad in
            ["", "node", "node/", "qemu/99", "qemu/+100", "lxc/1e3", "storage/Home", "disk/1", "cluster/"]
        {
            assert!(!is_entity(bad), "{bad}");
        }
        assert_eq!(event_cursor("e7").unwrap(), 7);
        for bad in ["", "7", "e", "e0", "e-1", "ex"] {
            assert!(event_cursor(bad).is_err(), "{bad}");
        }
    }
}
