//! Tasks of the cluster as it knows them, and the log of one.

use actix_web::HttpResponse;
use jarvis_core::{
    cluster::{NodeName, TaskStatus, Upid, Vmid},
    redact,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, json},
    cluster::List,
    error::{ApiError, Kind},
    paging::{Cursor, Key, Place, page},
    query::holds,
    query::{Limit, NoQuery, OneOf, parsed},
    views::Lens,
};

/// Lines of a log nobody reads beyond; Proxmox counts lines as 32 bits do.
const LINE_MAX: u32 = 1_000_000_000;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
pub enum TaskSort {
    #[default]
    #[serde(rename = "-start")]
    StartDown,
    #[serde(rename = "start")]
    Start,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TasksQuery {
    node: Option<NodeName>,
    #[serde(default, deserialize_with = "parsed")]
    vmid: Option<Vmid>,
    status: Option<OneOf<TaskStatus>>,
    /// Proxmox's task type: `qmstart`, `vzdump` …
    kind: Option<String>,
    /// `user@realm`, with `!tokenid` when a token was used.
    user: Option<String>,
    #[serde(default)]
    sort: TaskSort,
    cursor: Option<Cursor>,
    #[serde(default)]
    limit: Limit,
}

pub fn list(call: &Call) -> Result<HttpResponse, ApiError> {
    let q: TasksQuery = call.query()?;
    let (seq, state) = call.site.state.current();
    let lens = Lens { state: &state, now_ms: call.now_ms };
    let sort = match q.sort {
        TaskSort::Start => "start",
        TaskSort::StartDown => "-start",
    };
    let rows = state
        .tasks
        .iter()
        .filter(|(_, t)| {
            holds(q.node.as_ref(), |f| *f == t.node) && holds(q.status.as_ref(), |f| f.has(&t.status))
        })
        .filter(|(_, t)| holds(q.vmid.as_ref(), |f| t.vmid.as_ref() == Some(f)))
        .filter(|(_, t)| holds(q.kind.as_ref(), |f| *f == t.kind) && holds(q.user.as_ref(), |f| *f == t.user))
        .map(|(upid, t)| (Place(moment(t.start_ms), Key::text(upid.as_str())), lens.task(t)))
        .collect();
    json(&List::new(call, seq, page(rows, sort, q.cursor.as_ref(), q.limit.get())?))
}

#[expect(
    clippy::as_conversions,
    reason = "milliseconds stay far below 2^53, where f64 is exact; there is no From"
)]
fn moment(ms: i64) -> Key {
    Key::Number(ms as f64)
}

pub fn one(call: &Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let upid: Upid = call.param("upid")?;
    let (_, state) = call.site.state.current();
    let lens = Lens { state: &state, now_ms: call.now_ms };
    state.tasks.get(&upid).map_or_else(|| Err(unknown(&upid)), |task| json(&lens.task(task)))
}

fn unknown(upid: &Upid) -> ApiError {
    ApiError::not_found(format!("there is no task `{upid}` among the recent ones; list /api/v1/tasks"))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// Lines to skip.
    #[serde(default)]
    #[schemars(range(max = 1_000_000_000))]
    start: u32,
    #[serde(default)]
    limit: Limit,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct LogLine {
    /// Counts from 1.
    n: u64,
    text: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct TaskLog {
    upid: Upid,
    start: u32,
    /// Lines written so far; a running task writes more.
    total: Option<u64>,
    lines: Vec<LogLine>,
    /// Give it as `start` for the next page; `null` when there is no more yet.
    next_start: Option<u32>,
}

pub async fn log(call: Call) -> Result<HttpResponse, ApiError> {
    let q: LogQuery = call.query()?;
    if q.start > LINE_MAX {
        return Err(ApiError::bad_request(format!("start is {}; give 0 to {LINE_MAX}", q.start)));
    }
    let upid: Upid = call.param("upid")?;
    // Only tasks we know of: the id goes into a URL of Proxmox.
    if !call.site.state.current().1.tasks.contains_key(&upid) {
        return Err(unknown(&upid));
    }
    let Some(proxmox) = &call.site.proxmox else {
        return Err(ApiError::new(Kind::Unavailable, "no cluster is configured, so no log can be read"));
    };
    let limit = u32::try_from(q.limit.get()).unwrap_or(u32::MAX);
    let answer = proxmox.task_log(&upid, q.start, limit).await;
    let answer = answer
        .map_err(|e| ApiError::new(Kind::Upstream, format!("the log of the task cannot be read: {e}")))?;
    // Careless scripts write what they were given.
    let shown = |text: String| redact::text(&text).into_owned();
    let lines = answer.value.lines.into_iter();
    let lines: Vec<LogLine> = lines.map(|l| LogLine { n: l.number, text: shown(l.text) }).collect();
    let read = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let next = q.start.saturating_add(read);
    let total = answer.value.total;
    let more = read > 0 && total.map_or(read == limit, |t| u64::from(next) < t);
    json(&TaskLog { upid, start: q.start, total, lines, next_start: more.then_some(next) })
}
