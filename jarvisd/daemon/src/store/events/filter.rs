//! Which events are wanted, and the same as SQL.

use diesel::{prelude::*, sqlite::Sqlite};
use jarvis_core::{
    cluster::{NodeName, Vmid},
    protocol::{EventKind, EventSource, Severity, event::word},
};

use super::row::{SEVERITIES, rank};
use crate::store::schema::events;

/// Longest text to look for.
const SEARCH_CHARS_MAX: usize = 200;

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

pub(super) fn matching(filter: &EventFilter) -> events::BoxedQuery<'static, Sqlite> {
    let mut query = events::table.into_boxed();
    if let Some(since_ms) = filter.since_ms {
        query = query.filter(events::ts_ms.ge(since_ms));
    }
    if let Some(until_ms) = filter.until_ms {
        query = query.filter(events::ts_ms.lt(until_ms));
    }
    if !filter.kinds.is_empty() {
        query = query.filter(events::kind.eq_any(filter.kinds.iter().map(word).collect::<Vec<_>>()));
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
        query = query.filter(events::source.eq_any(filter.sources.iter().map(word).collect::<Vec<_>>()));
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
