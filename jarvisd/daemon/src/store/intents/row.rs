//! An intent as SQLite holds it.

use diesel::prelude::*;
use jarvis_core::{
    policy::{Identity, Moment},
    redact,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{End, Intent, NewIntent, Outcome, Verified};
use crate::store::{
    StoreError,
    audit::digest,
    error::Fault,
    ledger::{bits, boot_of},
    schema::intents,
};

const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

#[derive(Queryable, Selectable)]
#[diesel(table_name = intents)]
pub struct Stored {
    pub number: i64,
    id: String,
    hash: Vec<u8>,
    operation: String,
    caller: String,
    target: String,
    meant: String,
    wall_ms: i64,
    boot_ms: i64,
    boot: i64,
    upid: Option<String>,
    ended: Option<String>,
    verified: Option<String>,
    ended_ms: Option<i64>,
    outcome: Option<String>,
}

impl End {
    const ALL: [Self; 5] = [Self::Ok, Self::Warnings, Self::Failed, Self::Unknown, Self::NotSent];

    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warnings => "warnings",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::NotSent => "not_sent",
        }
    }
}

impl Verified {
    const ALL: [Self; 3] = [Self::Yes, Self::No, Self::Inconclusive];

    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What goes into the column `meant`.
#[derive(Serialize, Deserialize)]
struct Meant {
    approval: Option<String>,
    runbook: Option<String>,
    by_human: bool,
    wake: bool,
    identity: Option<Identity>,
    exact: Value,
    predicted: Value,
}

/// What goes into the column `outcome`.
#[derive(Serialize, Deserialize)]
struct OutcomeBody {
    reconciled: bool,
    detail: Value,
}

pub fn insert(conn: &mut SqliteConnection, new: &NewIntent) -> Result<(), Fault> {
    let meant = Meant {
        approval: new.approval.clone(),
        runbook: new.runbook.clone(),
        by_human: new.by_human,
        wake: new.wake,
        identity: new.identity.clone(),
        exact: new.exact.clone(),
        predicted: new.predicted.clone(),
    };
    diesel::insert_into(intents::table)
        .values((
            intents::id.eq(&new.id),
            intents::hash.eq(new.hash.as_bytes().as_slice()),
            intents::operation.eq(&new.operation),
            intents::caller.eq(&new.caller),
            intents::target.eq(text("target", &new.target)?),
            intents::meant.eq(text("intent", &meant)?),
            intents::wall_ms.eq(new.at.wall_ms),
            intents::boot_ms.eq(new.at.boot_ms),
            intents::boot.eq(bits(new.at.boot)),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn settle(conn: &mut SqliteConnection, number: i64, outcome: &Outcome) -> Result<(), Fault> {
    // A task's log is somebody else's text.
    let body = OutcomeBody { reconciled: outcome.reconciled, detail: redact::value(&outcome.detail) };
    diesel::update(intents::table.find(number))
        .set((
            intents::ended.eq(outcome.end.word()),
            intents::verified.eq(outcome.verified.word()),
            intents::ended_ms.eq(outcome.at_ms),
            intents::outcome.eq(text("outcome", &body)?),
        ))
        .execute(conn)?;
    Ok(())
}

impl TryFrom<Stored> for Intent {
    type Error = StoreError;
    fn try_from(row: Stored) -> Result<Self, StoreError> {
        let id = row.id.clone();
        let unreadable =
            || StoreError::Refused(format!("the stored intent {id} has a shape this version does not know"));
        let outcome = match (&row.ended, &row.verified, row.ended_ms, &row.outcome) {
            (Some(end), Some(verified), Some(at_ms), Some(body)) => {
                let OutcomeBody { reconciled, detail } = parsed(body).ok_or_else(unreadable)?;
                let end = End::ALL.into_iter().find(|e| e.word() == end).ok_or_else(unreadable)?;
                let verified =
                    Verified::ALL.into_iter().find(|v| v.word() == verified).ok_or_else(unreadable)?;
                Some(Outcome { end, verified, detail, at_ms, reconciled })
            }
            _ => None,
        };
        let Meant { approval, runbook, by_human, wake, identity, exact, predicted } =
            parsed(&row.meant).ok_or_else(unreadable)?;
        let new = NewIntent {
            hash: digest(&row.hash).ok_or_else(unreadable)?,
            target: parsed(&row.target).ok_or_else(unreadable)?,
            id: row.id,
            operation: row.operation,
            caller: row.caller,
            approval,
            runbook,
            by_human,
            wake,
            identity,
            exact,
            predicted,
            at: Moment { wall_ms: row.wall_ms, boot_ms: row.boot_ms, boot: boot_of(row.boot) },
        };
        Ok(Self { number: row.number, new, upid: row.upid, outcome })
    }
}

fn text<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    let text = serde_json::to_string(value)
        .map_err(|_| StoreError::Refused(format!("the {what} of an action cannot be written as JSON")))?;
    if text.len() > PAYLOAD_BYTES_MAX {
        return Err(StoreError::Refused(format!(
            "the {what} of an action is over {PAYLOAD_BYTES_MAX} bytes"
        )));
    }
    Ok(text)
}

fn parsed<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}
