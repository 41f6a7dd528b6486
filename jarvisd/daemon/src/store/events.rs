//! The activity feed: numbered without gaps, durable before anybody is told, paged newest first.
//!
//! The number of an event is its sequence on the stream and its cursor here, so a page never shifts under a
//! reader when new events arrive. What an event means is told by whoever makes it.

use std::str::FromStr;

use diesel::{dsl::max, dsl::min, prelude::*, sqlite::Sqlite};
use jarvis_core::{
    cluster::{NodeName, Upid, Vmid},
    protocol::{Event, EventKind, EventSource, Severity, event::NewEvent},
};
use serde::{Deserialize, Serialize, de::IntoDeserializer};
use tokio::sync::broadcast;

use super::{
    Store, StoreError,
    error::Fault,
    limits::{DETAIL_CHARS_MAX, Limits, TITLE_CHARS_MAX},
    schema::events,
};

/// Rows of one page.
pub const EVENTS_PAGE_MAX: i64 = 500;
/// Longest text to look for.
const SEARCH_CHARS_MAX: usize = 200;
/// Rows removed in one command, so that retention never holds the writer for long.
const REMOVE_ROWS_MAX: i64 = 2_000;

/// What a page shall hold; an empty list or `None` asks for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// First moment wanted.
    pub since_ms: Option<i64>,
    /// First moment no longer wanted.
    pub until_ms: Option<i64>,
    pub kinds: Vec<EventKind>,
    pub severities: Vec<Severity>,
    /// Only this severity or worse.
    pub severity_min: Option<Severity>,
    pub sources: Vec<EventSource>,
    pub node: Option<NodeName>,
    pub vmid: Option<Vmid>,
    /// Part of title or detail; letters A to Z match either case.
    pub text: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// Newest first.
    pub events: Vec<Event>,
    /// Give it with the next request; `None` on the last page.
    pub next_cursor: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
pub struct Events<'a>(&'a Store);

impl Store {
    pub fn events(&self) -> Events<'_> {
        Events(self)
    }
}

impl Events<'_> {
    /// Numbers the events and stores them. They are on the disk when this returns; listeners hear of them then.
    pub async fn append(self, new: Vec<NewEvent>) -> Result<Vec<Event>, StoreError> {
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let new: Vec<NewEvent> = new.into_iter().map(shortened).collect();
        let listeners = self.0.inner.fresh_events.clone();
        let work = move |conn: &mut SqliteConnection| {
            new.iter().map(|event| insert(conn, event)).collect::<Result<Vec<_>, Fault>>()
        };
        let tell = move |stored: &Vec<Event>| {
            for event in stored {
                // Nobody listening is no error.
                let _ = listeners.send(event.clone());
            }
        };
        self.0.write_then("store events", work, tell).await
    }

    /// Every event stored from now on, in order. A listener that lags reads what it missed with [`Events::after`].
    pub fn stream(self) -> broadcast::Receiver<Event> {
        self.0.inner.fresh_events.subscribe()
    }

    /// A page of what matches, newest first. `cursor` is the `next_cursor` of the page before.
    pub async fn page(
        self,
        filter: EventFilter,
        cursor: Option<i64>,
        limit: i64,
    ) -> Result<EventPage, StoreError> {
        let limit = limit.clamp(1, EVENTS_PAGE_MAX);
        self.0
            .read("read events", move |conn| {
                let mut query = matching(&filter).order(events::id.desc()).limit(limit + 1);
                if let Some(cursor) = cursor {
                    query = query.filter(events::id.lt(cursor));
                }
                let mut rows: Vec<Row> = query.select(Row::as_select()).load(conn)?;
                let more = i64::try_from(rows.len()).is_ok_and(|n| n > limit);
                if more {
                    rows.pop();
                }
                let next_cursor = if more { rows.last().map(|row| row.id) } else { None };
                Ok(EventPage { events: rows.into_iter().map(Event::from).collect(), next_cursor })
            })
            .await
    }

    /// Up to `limit` events after this number, oldest first: for a listener that was away. If the first one is
    /// not `id + 1`, retention has removed what lay between.
    pub async fn after(self, id: i64, limit: i64) -> Result<Vec<Event>, StoreError> {
        let limit = limit.clamp(1, EVENTS_PAGE_MAX);
        self.0
            .read("read events", move |conn| {
                let rows: Vec<Row> = events::table
                    .filter(events::id.gt(id))
                    .order(events::id)
                    .limit(limit)
                    .select(Row::as_select())
                    .load(conn)?;
                Ok(rows.into_iter().map(Event::from).collect())
            })
            .await
    }

    /// Number of the newest event; 0 before the first.
    pub async fn last_id(self) -> Result<i64, StoreError> {
        self.0
            .read("read events", |conn| {
                let last: Option<i64> = events::table.select(max(events::id)).first(conn)?;
                Ok(last.unwrap_or(0))
            })
            .await
    }

    /// Removes events beyond their age and number; returns how many. The newest event always stays, so that
    /// numbering and resuming never start over.
    pub async fn retain(self) -> Result<usize, StoreError> {
        let limits = self.0.inner.limits;
        let now_ms = self.0.inner.clock.now_ms();
        let mut removed = 0;
        loop {
            let step =
                self.0.write("remove old events", move |conn| remove_old(conn, &limits, now_ms)).await?;
            removed += step;
            if step == 0 {
                return Ok(removed);
            }
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct Row {
    id: i64,
    ts_ms: i64,
    kind: String,
    severity: i32,
    source: String,
    title: String,
    detail: Option<String>,
    node: Option<String>,
    vmid: Option<i64>,
    upid: Option<String>,
}

impl From<Row> for Event {
    /// Values a later version may have written read as the nearest thing known: a feed with a hole is worse.
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            ts_ms: row.ts_ms,
            kind: parsed(&row.kind).unwrap_or(EventKind::System),
            severity: severity(row.severity),
            source: parsed(&row.source).unwrap_or(EventSource::Sys),
            title: row.title,
            detail: row.detail,
            node: row.node.and_then(|s| NodeName::from_str(&s).ok()),
            vmid: row.vmid.and_then(|n| Vmid::try_from(u32::try_from(n).ok()?).ok()),
            upid: row.upid.and_then(|s| Upid::from_str(&s).ok()),
        }
    }
}

fn insert(conn: &mut SqliteConnection, event: &NewEvent) -> Result<Event, Fault> {
    let row: Row = diesel::insert_into(events::table)
        .values((
            events::ts_ms.eq(event.ts_ms),
            events::kind.eq(name(&event.kind)),
            events::severity.eq(rank(event.severity)),
            events::source.eq(name(&event.source)),
            events::title.eq(&event.title),
            events::detail.eq(&event.detail),
            events::node.eq(event.node.as_ref().map(NodeName::as_str)),
            events::vmid.eq(event.vmid.map(|v| i64::from(v.get()))),
            events::upid.eq(event.upid.as_ref().map(Upid::as_str)),
        ))
        .returning(Row::as_returning())
        .get_result(conn)?;
    Ok(row.into())
}

fn matching(filter: &EventFilter) -> events::BoxedQuery<'static, Sqlite> {
    let mut query = events::table.into_boxed();
    if let Some(since_ms) = filter.since_ms {
        query = query.filter(events::ts_ms.ge(since_ms));
    }
    if let Some(until_ms) = filter.until_ms {
        query = query.filter(events::ts_ms.lt(until_ms));
    }
    if !filter.kinds.is_empty() {
        query = query.filter(events::kind.eq_any(filter.kinds.iter().map(name).collect::<Vec<_>>()));
    }
    if !filter.severities.is_empty() {
        let ranks: Vec<i32> = filter.severities.iter().copied().map(rank).collect();
        query = query.filter(events::severity.eq_any(ranks));
    }
    if let Some(least) = filter.severity_min.filter(|s| *s > Severity::Info) {
        let ranks: Vec<i32> = SEVERITIES.into_iter().filter(|s| *s >= least).map(rank).collect();
        query = query.filter(events::severity.eq_any(ranks));
    }
    if !filter.sources.is_empty() {
        query = query.filter(events::source.eq_any(filter.sources.iter().map(name).collect::<Vec<_>>()));
    }
    if let Some(node) = &filter.node {
        query = query.filter(events::node.eq(node.as_str().to_owned()));
    }
    if let Some(vmid) = filter.vmid {
        query = query.filter(events::vmid.eq(i64::from(vmid.get())));
    }
    if let Some(text) = filter.text.as_deref().filter(|t| !t.is_empty()) {
        let pattern = like_pattern(text);
        query = query.filter(events::title.like(pattern.clone()).escape('\\').or(
            events::detail.is_not_null().and(events::detail.assume_not_null().like(pattern).escape('\\')),
        ));
    }
    query
}

fn remove_old(conn: &mut SqliteConnection, limits: &Limits, now_ms: i64) -> Result<usize, Fault> {
    let (first, last): (Option<i64>, Option<i64>) =
        events::table.select((min(events::id), max(events::id))).first(conn)?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(0) };
    // The oldest event that is young enough stays, and all behind it: removal is only ever from the front.
    let young: Option<i64> = events::table
        .filter(events::id.lt(first.saturating_add(REMOVE_ROWS_MAX)))
        .filter(events::ts_ms.ge(now_ms.saturating_sub(limits.events_keep_ms)))
        .select(min(events::id))
        .first(conn)?;
    let by_age = young.unwrap_or(first.saturating_add(REMOVE_ROWS_MAX));
    let by_count = last.saturating_add(1).saturating_sub(limits.events_max);
    let keep_from = by_age.max(by_count).min(first.saturating_add(REMOVE_ROWS_MAX)).min(last);
    Ok(diesel::delete(events::table.filter(events::id.lt(keep_from))).execute(conn)?)
}

fn shortened(mut event: NewEvent) -> NewEvent {
    cut(&mut event.title, TITLE_CHARS_MAX);
    if let Some(detail) = &mut event.detail {
        cut(detail, DETAIL_CHARS_MAX);
    }
    event
}

fn cut(text: &mut String, chars_max: usize) {
    if let Some((at, _)) = text.char_indices().nth(chars_max) {
        text.truncate(at);
        text.push('…');
    }
}

fn like_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars().take(SEARCH_CHARS_MAX) {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

const SEVERITIES: [Severity; 4] = [Severity::Info, Severity::Notice, Severity::Warning, Severity::Critical];

fn rank(severity: Severity) -> i32 {
    match severity {
        Severity::Info => 0,
        Severity::Notice => 1,
        Severity::Warning => 2,
        Severity::Critical => 3,
    }
}

fn severity(rank: i32) -> Severity {
    match rank {
        ..=0 => Severity::Info,
        1 => Severity::Notice,
        2 => Severity::Warning,
        _ => Severity::Critical,
    }
}

/// The name a value has on the wire, so that the table reads like the API.
fn name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

fn parsed<'de, T: Deserialize<'de>>(name: &'de str) -> Option<T> {
    let plain: serde::de::value::StrDeserializer<'de, serde::de::value::Error> = name.into_deserializer();
    T::deserialize(plain).ok()
}
