//! What rows are added with, inside a transaction.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::SqliteConnection;
use jarvis_core::{
    audit::{Broken, Checkpoint, Draft, Head, Row},
    redact,
};

use super::row::{head, insert, rows_from};
use crate::store::{StoreError, error::Fault};

/// Longest texts of a row. A row says what was decided; logs are kept elsewhere.
const WHO_CHARS_MAX: usize = 200;
const SUBJECT_CHARS_MAX: usize = 200;
const DETAIL_BYTES_MAX: usize = 16 * 1024;

/// The last row this process has committed.
#[derive(Debug, Clone)]
pub struct Memory(Arc<Mutex<Checkpoint>>);

impl Memory {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Head::EMPTY.checkpoint())))
    }

    pub fn last(&self) -> Checkpoint {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn pen(&self) -> Pen {
        Pen { seen: self.last(), end: None }
    }

    /// Only after the commit.
    pub fn keep(&self, end: Option<Checkpoint>) {
        if let Some(end) = end {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
        }
    }
}

/// Adds rows within one command.
#[derive(Debug)]
pub struct Pen {
    seen: Checkpoint,
    end: Option<Checkpoint>,
}

impl Pen {
    pub fn append(&mut self, conn: &mut SqliteConnection, draft: Draft) -> Result<Row, Fault> {
        let at = head(conn)?;
        if self.seen != at {
            stands(conn, self.seen)?;
        }
        let (row, next) = Head::at(at).next(fitted(draft));
        insert(conn, &row)?;
        self.seen = next.checkpoint();
        self.end = Some(next.checkpoint());
        Ok(row)
    }

    /// The last row added; `None` if there was none.
    pub fn end(&self) -> Option<Checkpoint> {
        self.end
    }
}

/// Whether the row of this checkpoint is still there as it was.
pub fn stands(conn: &mut SqliteConnection, seen: Checkpoint) -> Result<(), Fault> {
    if seen.seq == 0 {
        return Ok(());
    }
    let broken = match rows_from(conn, seen.seq, 1)?.first() {
        Some(row) if Head::after(row).checkpoint() == seen => return Ok(()),
        Some(row) if row.seq == seen.seq => Broken::Rewritten(seen.seq),
        Some(row) => Broken::Gap { expected: seen.seq, found: row.seq },
        None => Broken::Truncated { last: head(conn)?.seq, checkpoint: seen.seq },
    };
    Err(StoreError::Audit(broken).into())
}

/// Without secrets, and not too long.
fn fitted(draft: Draft) -> Draft {
    let Draft { at_ms, kind, who, subject, detail } = draft;
    let (who, subject) = (redact::text(&who).into_owned(), redact::text(&subject).into_owned());
    let mut draft = Draft { at_ms, kind, who, subject, detail: redact::json_or_text(&detail) };
    cut(&mut draft.who, WHO_CHARS_MAX);
    cut(&mut draft.subject, SUBJECT_CHARS_MAX);
    if draft.detail.len() > DETAIL_BYTES_MAX {
        let start: String = draft.detail.chars().take(DETAIL_BYTES_MAX / 8).collect();
        draft.detail =
            serde_json::json!({ "cut_from_bytes": draft.detail.len(), "start": start }).to_string();
    }
    draft
}

fn cut(text: &mut String, chars_max: usize) {
    if let Some((at, _)) = text.char_indices().nth(chars_max) {
        text.truncate(at);
    }
}
