//! What was about to be done, and what became of it.
//!
//! An intent and its row of the audit are one transaction, durable before `begin` answers; so are an outcome and
//! its row. Nothing here is rewritten or removed: the database itself refuses it. What was begun and has no outcome
//! is settled by reading, by the executor, and never sent again.

mod row;

use diesel::prelude::*;
use jarvis_core::{
    audit::{self, Draft, Kind},
    policy::{Identity, Moment},
    tools::{Digest, Target, canonical::canonical},
};
use serde_json::{Value, json};

use super::{Store, StoreError, audit::Pen, error::Fault, ledger, schema::intents};
pub(super) use row::Stored;

/// Intents listed at once.
const LIST_MAX: i64 = 500;

/// An action that is about to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct NewIntent {
    pub id: String,
    /// Of the permit it rests on.
    pub hash: Digest,
    /// Canonical form.
    pub operation: String,
    /// `human/…`, `runbook/…`.
    pub caller: String,
    /// The approval it rests on.
    pub approval: Option<String>,
    pub target: Target,
    pub runbook: Option<String>,
    pub by_human: bool,
    pub wake: bool,
    pub identity: Option<Identity>,
    /// The request as it will be sent.
    pub exact: Value,
    /// What is said to go down.
    pub predicted: Value,
    pub at: Moment,
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Ok,
    Warnings,
    Failed,
    /// Nobody can tell; a person must look.
    Unknown,
    /// It surely never left, so it counts in no window.
    NotSent,
}

/// Whether a fresh, independent read showed what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    Yes,
    No,
    Inconclusive,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub end: End,
    pub verified: Verified,
    /// Exit text, tail of the log, what was seen.
    pub detail: Value,
    pub at_ms: i64,
    /// Settled by reading after an interruption, not by following the action to its end.
    pub reconciled: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// From 1, in the order of beginning.
    pub number: i64,
    pub new: NewIntent,
    pub upid: Option<String>,
    pub outcome: Option<Outcome>,
}

#[derive(Debug, Clone, Copy)]
pub struct Intents<'a>(&'a Store);

impl Store {
    pub fn intents(&self) -> Intents<'_> {
        Intents(self)
    }
}

impl Intents<'_> {
    /// Records what is about to be sent, with its row of the audit. Both are on the disk when this returns; on
    /// any error nothing is recorded and nothing may be sent. An id that was used before is refused.
    pub async fn begin(self, new: NewIntent) -> Result<audit::Row, StoreError> {
        self.0.trusted()?;
        let at_ms = self.0.inner.clock.now_ms();
        let in_place = self.0.in_place();
        self.0
            .write_recorded("record an intent", move |conn, pen| {
                in_place()?;
                row::insert(conn, &new)?;
                ledger::seen(conn, &new.at)?;
                pen.append(conn, intent_draft(&new, at_ms))
            })
            .await
    }

    /// Notes the task that the action became. Known after the send, so that a restart can follow it.
    pub async fn sent(self, id: &str, upid: &str) -> Result<(), StoreError> {
        let (id, upid) = (id.to_owned(), upid.to_owned());
        self.0
            .write("note a task", move |conn| {
                let open = intents::table
                    .filter(intents::id.eq(&id).and(intents::ended.is_null()).and(intents::upid.is_null()));
                match diesel::update(open).set(intents::upid.eq(&upid)).execute(conn)? {
                    1 => Ok(()),
                    _ => Err(not_open(&id).into()),
                }
            })
            .await
    }

    /// Records how it ended, with its row of the audit, durable when this returns. Only once: an outcome stands.
    pub async fn outcome(self, id: &str, outcome: Outcome) -> Result<audit::Row, StoreError> {
        let id = id.to_owned();
        self.0
            .write_recorded("record an outcome", move |conn, pen| {
                let open: Option<Stored> = intents::table
                    .filter(intents::id.eq(&id).and(intents::ended.is_null()))
                    .select(Stored::as_select())
                    .first(conn)
                    .optional()?;
                let Some(open) = open else { return Err(not_open(&id).into()) };
                settle(conn, pen, &Intent::try_from(open)?, &outcome)
            })
            .await
    }

    /// Gives an action that ended as unknown the task that has turned up, and how that ended once it has, with a row
    /// of the audit. Any other outcome stands.
    pub async fn late(
        self,
        id: &str,
        upid: &str,
        outcome: Option<Outcome>,
    ) -> Result<audit::Row, StoreError> {
        let (id, upid, at_ms) = (id.to_owned(), upid.to_owned(), self.0.inner.clock.now_ms());
        self.0
            .write_recorded("record a late task", move |conn, pen| {
                let unknown: Option<Stored> = intents::table
                    .filter(intents::id.eq(&id).and(intents::ended.eq(End::Unknown.word())))
                    .select(Stored::as_select())
                    .first(conn)
                    .optional()?;
                let unknown = unknown.map(Intent::try_from).transpose()?;
                let fits = |intent: &Intent| intent.upid.as_ref().is_none_or(|known| *known == upid);
                let Some(intent) = unknown.filter(fits) else { return Err(not_late(&id).into()) };
                diesel::update(intents::table.find(intent.number))
                    .set(intents::upid.eq(&upid))
                    .execute(conn)?;
                if let Some(outcome) = &outcome {
                    row::settle(conn, intent.number, outcome)?;
                }
                let intent = Intent { upid: Some(upid.clone()), ..intent };
                pen.append(conn, late_draft(&intent, outcome.as_ref(), at_ms))
            })
            .await
    }

    /// Those without an outcome, oldest first.
    pub async fn open(self) -> Result<Vec<Intent>, StoreError> {
        self.0
            .read("read the intents", |conn| {
                let rows: Vec<Stored> = intents::table
                    .filter(intents::ended.is_null())
                    .order(intents::number)
                    .select(Stored::as_select())
                    .load(conn)?;
                read_back(rows)
            })
            .await
    }

    /// Newest first.
    pub async fn recent(self, limit: i64) -> Result<Vec<Intent>, StoreError> {
        let limit = limit.clamp(1, LIST_MAX);
        self.0
            .read("read the intents", move |conn| {
                let rows: Vec<Stored> = intents::table
                    .order(intents::number.desc())
                    .limit(limit)
                    .select(Stored::as_select())
                    .load(conn)?;
                read_back(rows)
            })
            .await
    }

    pub async fn get(self, id: &str) -> Result<Option<Intent>, StoreError> {
        let id = id.to_owned();
        self.0
            .read("read an intent", move |conn| {
                let row: Option<Stored> = intents::table
                    .filter(intents::id.eq(id))
                    .select(Stored::as_select())
                    .first(conn)
                    .optional()?;
                Ok(read_back(row.into_iter().collect())?.pop())
            })
            .await
    }

    /// Whether the log takes a durable write now: notes that the machine is up at this moment.
    pub async fn writable(self, now: Moment) -> Result<(), StoreError> {
        self.0.trusted()?;
        self.0.ledger().seen(now).await
    }
}

fn settle(
    conn: &mut SqliteConnection,
    pen: &mut Pen,
    intent: &Intent,
    outcome: &Outcome,
) -> Result<audit::Row, Fault> {
    row::settle(conn, intent.number, outcome)?;
    pen.append(conn, outcome_draft(intent, outcome))
}

fn not_open(id: &str) -> StoreError {
    StoreError::Refused(format!("there is no open intent {id}: it was never begun, or it has its outcome"))
}

fn not_late(id: &str) -> StoreError {
    StoreError::Refused(format!("there is no action {id} that ended as unknown and may be of this task"))
}

fn read_back(rows: Vec<Stored>) -> Result<Vec<Intent>, Fault> {
    Ok(rows.into_iter().map(Intent::try_from).collect::<Result<_, _>>()?)
}

fn intent_draft(new: &NewIntent, at_ms: i64) -> Draft {
    let detail = json!({
        "intent": new.id, "hash": new.hash, "operation": new.operation, "approval": new.approval,
        "identity": new.identity, "exact": new.exact, "predicted": new.predicted,
    });
    Draft {
        at_ms,
        kind: Kind::Intent,
        who: new.caller.clone(),
        subject: new.target.to_string(),
        detail: canonical(&detail),
    }
}

fn outcome_draft(intent: &Intent, outcome: &Outcome) -> Draft {
    let detail = json!({
        "intent": intent.new.id, "end": outcome.end.word(), "verified": outcome.verified.word(),
        "upid": intent.upid, "detail": outcome.detail,
    });
    Draft {
        at_ms: outcome.at_ms,
        kind: if outcome.reconciled { Kind::Reconciled } else { Kind::Outcome },
        who: intent.new.caller.clone(),
        subject: intent.new.target.to_string(),
        detail: canonical(&detail),
    }
}

fn late_draft(intent: &Intent, outcome: Option<&Outcome>, at_ms: i64) -> Draft {
    let detail = json!({
        "intent": intent.new.id, "upid": intent.upid, "told_before": End::Unknown.word(),
        "end": outcome.map(|outcome| outcome.end.word()),
        "verified": outcome.map(|outcome| outcome.verified.word()),
        "detail": outcome.map(|outcome| &outcome.detail),
    });
    Draft {
        at_ms,
        kind: Kind::LateTask,
        who: intent.new.caller.clone(),
        subject: intent.new.target.to_string(),
        detail: canonical(&detail),
    }
}
