//! An event as a row, and a row as an event.

use std::str::FromStr;

use diesel::prelude::*;
use jarvis_core::{
    cluster::{NodeName, Upid, Vmid},
    protocol::{
        Event, EventKind, EventSource, Severity,
        event::{NewEvent, word},
    },
};
use serde::{Deserialize, de::IntoDeserializer};

use crate::store::{error::Fault, schema::events};

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
pub(super) struct Row {
    pub id: i64,
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

pub(super) fn insert(conn: &mut SqliteConnection, event: &NewEvent) -> Result<Event, Fault> {
    let row: Row = diesel::insert_into(events::table)
        .values((
            events::ts_ms.eq(event.ts_ms),
            events::kind.eq(word(&event.kind)),
            events::severity.eq(rank(event.severity)),
            events::source.eq(word(&event.source)),
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

pub(super) const SEVERITIES: [Severity; 4] =
    [Severity::Info, Severity::Notice, Severity::Warning, Severity::Critical];

pub(super) fn rank(severity: Severity) -> i32 {
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

fn parsed<'de, T: Deserialize<'de>>(name: &'de str) -> Option<T> {
    let plain: serde::de::value::StrDeserializer<'de, serde::de::value::Error> = name.into_deserializer();
    T::deserialize(plain).ok()
}
