//! The audit as a chain: each row carries the hash of the one before it.
//!
//! Any edit, deletion, reordering, insertion, and any truncation before a checkpoint kept elsewhere, is found by
//! `verify`. What is cut off after the last checkpoint cannot be seen from the rows alone; hence checkpoints go into
//! every digest mail and log. Not here: where rows are stored, and secrets, which are redacted before they come here.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::tools::Digest;

macro_rules! kinds {
    ($( $(#[$meta:meta])* $kind:ident => $word:literal ),* $(,)?) => {
        /// What a row is about; a closed set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind { $( $(#[$meta])* $kind ),* }

        impl Kind {
            pub const ALL: &[Self] = &[ $( Self::$kind ),* ];

            /// As stored and hashed.
            pub fn word(self) -> &'static str {
                match self { $( Self::$kind => $word ),* }
            }
        }
    };
}

kinds! {
    Permitted => "permitted",
    Asked => "asked",
    Refused => "refused",
    ApprovalDecided => "approval_decided",
    ApprovalVoided => "approval_voided",
    /// Taken out of the line before its turn; nothing was sent.
    TakenBack => "taken_back",
    /// Before the first byte is sent.
    Intent => "intent",
    /// After it, with the task's own end.
    Outcome => "outcome",
    /// An intent without an outcome, settled by reading.
    Reconciled => "reconciled",
    /// The task of an action that had ended as unknown has turned up.
    LateTask => "late_task",
    KillSwitch => "kill_switch",
    LevelChanged => "level_changed",
    PolicyReloaded => "policy_reloaded",
    LoggedIn => "logged_in",
    LogInFailed => "log_in_failed",
    AccessChanged => "access_changed",
    TerminalOpened => "terminal_opened",
    TerminalClosed => "terminal_closed",
    Started => "started",
    Stopped => "stopped",
}

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub at_ms: i64,
    pub kind: Kind,
    /// `human/…`, `model/…`, `system`.
    pub who: String,
    /// What it is about: `guest/100`.
    pub subject: String,
    /// Canonical JSON with the rest.
    pub detail: String,
}

/// One row as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// From 1, without gaps.
    pub seq: u64,
    pub at_ms: i64,
    pub kind: Kind,
    pub who: String,
    pub subject: String,
    pub detail: String,
    #[schemars(with = "String")]
    pub prev: Digest,
    #[schemars(with = "String")]
    pub hash: Digest,
}

/// A place in the chain that is kept outside of it: `123:9f…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    pub seq: u64,
    pub hash: Digest,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl std::str::FromStr for Checkpoint {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (seq, hash) = s.split_once(':').ok_or("a checkpoint reads number:hash")?;
        let seq = seq.parse().map_err(|_| "the number of a checkpoint has digits only")?;
        Ok(Self { seq, hash: hash.parse()? })
    }
}

/// The end of the chain, to which rows are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head(Checkpoint);

impl Head {
    /// Of a chain without rows.
    pub const EMPTY: Self = Self(Checkpoint { seq: 0, hash: Digest::ZERO });

    /// After this row, as read from the store when the daemon starts.
    pub fn after(row: &Row) -> Self {
        Self(Checkpoint { seq: row.seq, hash: row.hash })
    }

    /// Where the chain ends, as read from the store in the same transaction.
    pub fn at(end: Checkpoint) -> Self {
        Self(end)
    }

    pub fn checkpoint(self) -> Checkpoint {
        self.0
    }

    /// The row for this draft. The head moves only by what this returns, once the row is stored.
    pub fn next(self, draft: Draft) -> (Row, Self) {
        let Draft { at_ms, kind, who, subject, detail } = draft;
        let seq = self.0.seq.saturating_add(1);
        let mut row = Row { seq, at_ms, kind, who, subject, detail, prev: self.0.hash, hash: Digest::ZERO };
        row.hash = row.reckoned();
        let head = Self::after(&row);
        (row, head)
    }
}

impl Row {
    /// The hash its contents give.
    fn reckoned(&self) -> Digest {
        Digest::of(
            "audit-row-1",
            [
                &self.seq.to_be_bytes(),
                &self.at_ms.to_be_bytes(),
                self.kind.word().as_bytes(),
                self.who.as_bytes(),
                self.subject.as_bytes(),
                self.detail.as_bytes(),
                self.prev.as_bytes().as_slice(),
            ],
        )
    }
}

/// Where and how a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Broken {
    #[error("row {found} stands where row {expected} should: rows were deleted, added or reordered")]
    Gap { expected: u64, found: u64 },
    #[error("row {0} was changed: its contents do not give its hash")]
    Changed(u64),
    #[error("row {0} does not continue the row before it: rows were exchanged")]
    Unlinked(u64),
    #[error("row {0} is not the one the checkpoint names: the chain was rewritten")]
    Rewritten(u64),
    #[error(
        "the chain ends at row {last}, the checkpoint names row {checkpoint}: rows at the end were cut off"
    )]
    Truncated { last: u64, checkpoint: u64 },
}

/// Walks a whole chain from its first row and holds it against the checkpoints that are known. Answers its end.
pub fn verify<'r>(
    rows: impl IntoIterator<Item = &'r Row>,
    checkpoints: &[Checkpoint],
) -> Result<Checkpoint, Broken> {
    let mut walk = Walk::from_start(checkpoints);
    for row in rows {
        walk.step(row)?;
    }
    walk.finish()
}

/// The same a row at a time, for chains too long to be held in memory.
#[derive(Debug, Clone)]
pub struct Walk<'c> {
    at: Checkpoint,
    checkpoints: &'c [Checkpoint],
}

impl<'c> Walk<'c> {
    pub fn from_start(checkpoints: &'c [Checkpoint]) -> Self {
        Self { at: Head::EMPTY.checkpoint(), checkpoints }
    }

    /// From a checkpoint that is trusted, so that only the rows after it are read.
    pub fn from_checkpoint(trusted: Checkpoint, checkpoints: &'c [Checkpoint]) -> Self {
        Self { at: trusted, checkpoints }
    }

    pub fn step(&mut self, row: &Row) -> Result<(), Broken> {
        let expected = self.at.seq.saturating_add(1);
        if row.seq != expected {
            return Err(Broken::Gap { expected, found: row.seq });
        }
        if row.hash != row.reckoned() {
            return Err(Broken::Changed(row.seq));
        }
        if row.prev != self.at.hash {
            return Err(Broken::Unlinked(row.seq));
        }
        let known = self.checkpoints.iter().find(|checkpoint| checkpoint.seq == row.seq);
        if known.is_some_and(|checkpoint| checkpoint.hash != row.hash) {
            return Err(Broken::Rewritten(row.seq));
        }
        self.at = Checkpoint { seq: row.seq, hash: row.hash };
        Ok(())
    }

    pub fn finish(self) -> Result<Checkpoint, Broken> {
        match self.checkpoints.iter().map(|checkpoint| checkpoint.seq).max() {
            Some(checkpoint) if checkpoint > self.at.seq => {
                Err(Broken::Truncated { last: self.at.seq, checkpoint })
            }
            _ => Ok(self.at),
        }
    }
}

#[cfg(test)]
mod tests;
