//! Questions put to people, so that a pending one outlives a restart and a decided one can be looked up.
//!
//! The executor holds the live ones; here is what is left of them. Read back, an approval that was given and not
//! used is void: core does that, since a grant must not come from a row. What hangs on an approval besides (the
//! operation, the target's identity, the card's data) is kept beside it as JSON that only the executor reads.

use diesel::prelude::*;
use jarvis_core::{approval::Approval, audit::Draft};
use serde_json::Value;

use super::{Store, StoreError, error::Fault, schema::approvals};

/// Questions listed at once.
const LIST_MAX: i64 = 500;
/// Settled ones kept; the audit has what was decided for good.
const ROWS_MAX: i64 = 5_000;
const CARD_BYTES_MAX: usize = 256 * 1024;

#[derive(Debug, Clone, PartialEq)]
pub struct StoredApproval {
    pub approval: Approval,
    /// As it was put.
    pub card: Value,
    /// Of the last put: `pending`, `approved`, `denied`, `used`, `expired`, `voided`.
    pub state: String,
    pub changed_ms: i64,
}

#[derive(Debug, Clone, Copy)]
pub struct Approvals<'a>(&'a Store);

impl Store {
    pub fn approvals(&self) -> Approvals<'_> {
        Approvals(self)
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = approvals)]
struct Stored {
    id: String,
    state: String,
    changed_ms: i64,
    body: String,
    card: String,
}

impl Approvals<'_> {
    /// Stores the approval as it is now, new or known, together with its rows of the audit.
    pub async fn put(self, approval: &Approval, card: &Value, record: Vec<Draft>) -> Result<(), StoreError> {
        let unfit = |what: &str| StoreError::Refused(format!("the approval {} {what}", approval.id()));
        let body = serde_json::to_value(approval).map_err(|_| unfit("cannot be written as JSON"))?;
        let state = state_of(&body).ok_or_else(|| unfit("has no state"))?;
        let (body, card) = (body.to_string(), card.to_string());
        if card.len() > CARD_BYTES_MAX {
            return Err(unfit("has a card that is too long to be stored"));
        }
        let (id, opened_ms) = (approval.id().to_owned(), approval.opened().wall_ms);
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write_recorded("store an approval", move |conn, pen| {
                diesel::replace_into(approvals::table)
                    .values((
                        approvals::id.eq(&id),
                        approvals::state.eq(&state),
                        approvals::opened_ms.eq(opened_ms),
                        approvals::changed_ms.eq(now_ms),
                        approvals::body.eq(&body),
                        approvals::card.eq(&card),
                    ))
                    .execute(conn)?;
                for draft in &record {
                    pen.append(conn, draft.clone())?;
                }
                Ok(())
            })
            .await
    }

    /// Those that were pending, or approved and not used, when last put; oldest first. After a start: what a
    /// restart came in between of.
    pub async fn unsettled(self) -> Result<Vec<StoredApproval>, StoreError> {
        self.0
            .read("read the approvals", |conn| {
                let rows: Vec<Stored> = approvals::table
                    .filter(approvals::state.eq("pending").or(approvals::state.eq("approved")))
                    .order(approvals::opened_ms)
                    .limit(LIST_MAX)
                    .select(Stored::as_select())
                    .load(conn)?;
                read_back(rows)
            })
            .await
    }

    /// Newest first, whatever became of them.
    pub async fn recent(self, limit: i64) -> Result<Vec<StoredApproval>, StoreError> {
        let limit = limit.clamp(1, LIST_MAX);
        self.0
            .read("read the approvals", move |conn| {
                let rows: Vec<Stored> = approvals::table
                    .order(approvals::opened_ms.desc())
                    .limit(limit)
                    .select(Stored::as_select())
                    .load(conn)?;
                read_back(rows)
            })
            .await
    }

    pub async fn get(self, id: &str) -> Result<Option<StoredApproval>, StoreError> {
        let id = id.to_owned();
        self.0
            .read("read an approval", move |conn| {
                let row: Option<Stored> =
                    approvals::table.find(id).select(Stored::as_select()).first(conn).optional()?;
                Ok(read_back(row.into_iter().collect())?.pop())
            })
            .await
    }

    /// Removes settled ones beyond what is kept; returns how many.
    pub async fn prune(self) -> Result<usize, StoreError> {
        self.0
            .write("remove old approvals", |conn| {
                let oldest_kept: Option<i64> = approvals::table
                    .order(approvals::opened_ms.desc())
                    .select(approvals::opened_ms)
                    .offset(ROWS_MAX)
                    .first(conn)
                    .optional()?;
                let Some(before_ms) = oldest_kept else { return Ok(0) };
                let settled = approvals::table
                    .filter(approvals::opened_ms.le(before_ms))
                    .filter(approvals::state.ne("pending").and(approvals::state.ne("approved")));
                Ok(diesel::delete(settled).execute(conn)?)
            })
            .await
    }
}

fn state_of(body: &Value) -> Option<String> {
    match body.get("state")? {
        Value::String(word) => Some(word.clone()),
        Value::Object(tagged) => tagged.keys().next().cloned(),
        _ => None,
    }
}

fn read_back(rows: Vec<Stored>) -> Result<Vec<StoredApproval>, Fault> {
    let unreadable = |id: &str| {
        StoreError::Refused(format!("the stored approval {id} has a shape this version does not know"))
    };
    rows.into_iter()
        .map(|Stored { id, state, changed_ms, body, card }| {
            let approval = serde_json::from_str(&body).map_err(|_| unreadable(&id))?;
            let card = serde_json::from_str(&card).map_err(|_| unreadable(&id))?;
            Ok(StoredApproval { approval, card, state, changed_ms })
        })
        .collect()
}
