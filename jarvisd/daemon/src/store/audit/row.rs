//! A row of the chain as SQLite holds it.

use diesel::prelude::*;
use jarvis_core::{
    audit::{Broken, Checkpoint, Head, Kind, Row},
    tools::Digest,
};

use crate::store::{StoreError, error::Fault, schema::audit};

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit)]
pub struct Stored {
    seq: i64,
    at_ms: i64,
    kind: String,
    who: String,
    subject: String,
    detail: String,
    prev: Vec<u8>,
    hash: Vec<u8>,
}

/// A row whose very form is not ours was changed by somebody else.
impl TryFrom<Stored> for Row {
    type Error = StoreError;
    fn try_from(stored: Stored) -> Result<Self, StoreError> {
        let seq = u64::try_from(stored.seq).unwrap_or(0);
        let changed = || StoreError::Audit(Broken::Changed(seq));
        let kind = Kind::ALL.iter().copied().find(|kind| kind.word() == stored.kind).ok_or_else(changed)?;
        Ok(Self {
            seq,
            at_ms: stored.at_ms,
            kind,
            who: stored.who,
            subject: stored.subject,
            detail: stored.detail,
            prev: digest(&stored.prev).ok_or_else(changed)?,
            hash: digest(&stored.hash).ok_or_else(changed)?,
        })
    }
}

/// Up to `limit` rows from this number on, oldest first.
pub fn rows_from(conn: &mut SqliteConnection, seq: u64, limit: i64) -> Result<Vec<Row>, Fault> {
    let from = i64::try_from(seq).unwrap_or(i64::MAX);
    let stored: Vec<Stored> = audit::table
        .filter(audit::seq.ge(from))
        .order(audit::seq)
        .limit(limit)
        .select(Stored::as_select())
        .load(conn)?;
    Ok(stored.into_iter().map(Row::try_from).collect::<Result<_, _>>()?)
}

/// The end of the chain.
pub fn head(conn: &mut SqliteConnection) -> Result<Checkpoint, Fault> {
    let last: Option<Stored> =
        audit::table.order(audit::seq.desc()).select(Stored::as_select()).first(conn).optional()?;
    Ok(match last {
        Some(stored) => Head::after(&Row::try_from(stored)?).checkpoint(),
        None => Head::EMPTY.checkpoint(),
    })
}

pub fn insert(conn: &mut SqliteConnection, row: &Row) -> Result<(), Fault> {
    let seq = i64::try_from(row.seq)
        .map_err(|_| StoreError::Refused("the audit has reached its last number".into()))?;
    diesel::insert_into(audit::table)
        .values((
            audit::seq.eq(seq),
            audit::at_ms.eq(row.at_ms),
            audit::kind.eq(row.kind.word()),
            audit::who.eq(&row.who),
            audit::subject.eq(&row.subject),
            audit::detail.eq(&row.detail),
            audit::prev.eq(row.prev.as_bytes().as_slice()),
            audit::hash.eq(row.hash.as_bytes().as_slice()),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn digest(bytes: &[u8]) -> Option<Digest> {
    let mut hex = String::with_capacity(64);
    for byte in bytes {
        // Two digits a byte, as a digest is written.
        hex.extend([byte >> 4, byte & 15].map(|half| char::from_digit(u32::from(half), 16).unwrap_or('0')));
    }
    hex.parse().ok()
}
