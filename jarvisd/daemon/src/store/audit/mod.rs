//! The audit on disk: core's chain of rows, continued inside the transaction of what it records.
//!
//! The end of the chain is read from the table in the same transaction, so a command that is undone moves nothing.
//! The store also remembers the last row it wrote: a chain that was cut off or rewritten under a running daemon is
//! noticed at the next row, and nothing is recorded, or done, after that. Not here: what a row means.

mod access;
pub(super) mod checkpoint;
mod offline;
mod pen;
mod row;

use diesel::prelude::*;
use jarvis_core::audit::{Broken, Checkpoint, Draft, Head, Row, Walk};
use serde::Serialize;

pub use access::By;
pub(super) use access::Failed;
pub use offline::{audit_export, audit_export_to, audit_verify};
use pen::stands;
pub(super) use pen::{Memory, Pen};
pub(super) use row::digest;

use super::{Store, StoreError, error::Fault, schema::audit};
use row::{Stored, head, rows_from};

/// Rows of one page.
pub const AUDIT_PAGE_MAX: i64 = 500;
/// Rows read at a time by a walk: some hundred kilobytes.
const WALK_ROWS: i64 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditPage {
    /// Newest first.
    pub rows: Vec<Row>,
    /// Give it with the next request; `None` on the last page.
    pub next_cursor: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub struct Audit<'a>(&'a Store);

impl Store {
    pub fn audit(&self) -> Audit<'_> {
        Audit(self)
    }

    /// Runs `work` in the writer's next transaction with a pen for the audit: rows and their record are durable
    /// together when this returns, or neither is there.
    pub(super) async fn write_recorded<T, F>(&self, doing: &'static str, mut work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut SqliteConnection, &mut Pen) -> Result<T, Fault> + Send + 'static,
    {
        let memory = self.inner.audit.clone();
        let kept = memory.clone();
        let (value, _) = self
            .write_then(
                doing,
                move |conn| {
                    let mut pen = memory.pen();
                    let value = work(conn, &mut pen)?;
                    Ok((value, pen.end()))
                },
                move |(_, end)| kept.keep(*end),
            )
            .await?;
        Ok(value)
    }
}

impl Audit<'_> {
    /// Adds a row. It is on the disk when this returns.
    pub async fn append(self, draft: Draft) -> Result<Row, StoreError> {
        self.0.write_recorded("write the audit", move |conn, pen| pen.append(conn, draft.clone())).await
    }

    /// A page of the chain, newest first. `cursor` is the `next_cursor` of the page before.
    pub async fn page(self, cursor: Option<u64>, limit: i64) -> Result<AuditPage, StoreError> {
        let limit = limit.clamp(1, AUDIT_PAGE_MAX);
        self.0
            .read("read the audit", move |conn| {
                let before = cursor.map_or(i64::MAX, |seq| i64::try_from(seq).unwrap_or(i64::MAX));
                let stored: Vec<Stored> = audit::table
                    .filter(audit::seq.lt(before))
                    .order(audit::seq.desc())
                    .limit(limit + 1)
                    .select(Stored::as_select())
                    .load(conn)?;
                let mut rows = stored.into_iter().map(Row::try_from).collect::<Result<Vec<_>, _>>()?;
                let more = i64::try_from(rows.len()).is_ok_and(|n| n > limit);
                if more {
                    rows.pop();
                }
                let next_cursor = if more { rows.last().map(|row| row.seq) } else { None };
                Ok(AuditPage { rows, next_cursor })
            })
            .await
    }

    /// The end of the chain as stored; number 0 before the first row.
    pub async fn head(self) -> Result<Checkpoint, StoreError> {
        self.0.read("read the audit", head).await
    }

    /// Keeps this place of the chain beside the database, for the next walk from the first row.
    pub async fn keep(self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let files = self.0.inner.files.clone();
        self.0.read("keep a checkpoint", move |_| Ok(checkpoint::keep(&files, checkpoint)?)).await
    }

    /// Walks the whole chain and holds it against what is known of it. Answers its end.
    pub async fn verify(self, known: Vec<Checkpoint>) -> Result<Checkpoint, StoreError> {
        self.walk(Head::EMPTY.checkpoint(), known).await
    }

    /// Walks what follows a checkpoint that is trusted, and looks whether that one still stands. Answers the end.
    pub async fn verify_after(self, trusted: Checkpoint) -> Result<Checkpoint, StoreError> {
        self.walk(trusted, vec![trusted]).await
    }

    /// In steps, so that no reader is held for long; rows that are added meanwhile may or may not be walked.
    async fn walk(self, from: Checkpoint, mut known: Vec<Checkpoint>) -> Result<Checkpoint, StoreError> {
        let files = self.0.inner.files.clone();
        let kept = self
            .0
            .read("verify the audit", move |conn| {
                stands(conn, from)?;
                Ok(checkpoint::kept(&files)?)
            })
            .await?;
        // A later walk begins behind it.
        known.extend(kept.filter(|kept| kept.seq > from.seq));
        let mut walked = Walked { at: from, known };
        loop {
            let step = self
                .0
                .read("verify the audit", move |conn| {
                    let more = walked.step(conn)?;
                    Ok((walked, more))
                })
                .await?;
            walked = step.0;
            if !step.1 {
                return walked.end().map_err(|broken| self.0.noted(StoreError::Audit(broken)));
            }
        }
    }
}

/// A walk that can be put down and taken up again.
#[derive(Debug, Clone)]
pub(super) struct Walked {
    at: Checkpoint,
    known: Vec<Checkpoint>,
}

impl Walked {
    pub fn from_start(known: Vec<Checkpoint>) -> Self {
        Self { at: Head::EMPTY.checkpoint(), known }
    }

    /// Walks the next rows; `false` when there are none.
    pub fn step(&mut self, conn: &mut SqliteConnection) -> Result<bool, Fault> {
        let rows = rows_from(conn, self.at.seq.saturating_add(1), WALK_ROWS)?;
        let Some(last) = rows.last().map(|row| Head::after(row).checkpoint()) else { return Ok(false) };
        let mut walk = Walk::from_checkpoint(self.at, &self.known);
        for row in &rows {
            walk.step(row).map_err(StoreError::Audit)?;
        }
        self.at = last;
        Ok(true)
    }

    pub fn end(self) -> Result<Checkpoint, Broken> {
        Walk::from_checkpoint(self.at, &self.known).finish()
    }
}
