//! The activity feed: numbered without gaps, durable before anybody is told, paged newest first.
//!
//! The number of an event is its sequence on the stream and its cursor here, so a page never shifts under a
//! reader when new events arrive. What an event means is told by whoever makes it.

mod filter;
mod row;

use diesel::{dsl::max, dsl::min, prelude::*};
use jarvis_core::{
    protocol::{Event, event::NewEvent},
    redact,
};
use tokio::sync::broadcast;

pub use filter::EventFilter;

use super::{
    Store, StoreError,
    error::Fault,
    limits::{DETAIL_CHARS_MAX, Limits, TITLE_CHARS_MAX},
    schema::events,
};
use filter::matching;
use row::{Row, insert};

/// Rows of one page.
pub const EVENTS_PAGE_MAX: i64 = 500;
/// Rows removed in one command, so that retention never holds the writer for long.
const REMOVE_ROWS_MAX: i64 = 2_000;

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
        let new: Vec<NewEvent> = new.into_iter().map(fitted).collect();
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

/// The newest event there is.
pub(super) fn newest(conn: &mut SqliteConnection) -> Result<Option<Event>, Fault> {
    let row: Option<Row> =
        events::table.order(events::id.desc()).select(Row::as_select()).first(conn).optional()?;
    Ok(row.map(Event::from))
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

/// Without secrets, of which a failed command may name some, and not too long.
fn fitted(mut event: NewEvent) -> NewEvent {
    event.title = redact::text(&event.title).into_owned();
    cut(&mut event.title, TITLE_CHARS_MAX);
    if let Some(detail) = &mut event.detail {
        *detail = redact::text(detail).into_owned();
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
