//! What can go wrong with the store, in words for the person who has to repair it.
//!
//! No value of a row is ever part of an error: rows hold hashes of secrets.

use std::{io, path::PathBuf};

use diesel::result::{DatabaseErrorKind, Error as DbError};
use jarvis_core::audit::Broken;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum StoreError {
    #[error(
        "the data directory {dir} cannot be used: {source}; make it a directory which the daemon may write to, \
         or set another one under [data] dir"
    )]
    Directory { dir: PathBuf, source: io::Error },
    #[error(
        "the data directory {dir} is in use by another jarvisd ({holder}); stop that one first, \
         or give this one a directory of its own under [data] dir"
    )]
    InUse { dir: PathBuf, holder: String },
    #[error("{file} is not a database of jarvisd ({what}); nothing was changed; {REPAIR}")]
    Foreign { file: PathBuf, what: String },
    #[error("the database {file} is damaged ({what}); nothing was changed; {REPAIR}")]
    Corrupt { file: PathBuf, what: String },
    #[error(
        "the database {file} was written by a newer jarvisd (schema {found}, this one knows up to {known}); \
         nothing was changed; install that version or a later one, or restore a backup made by this one"
    )]
    Newer { file: PathBuf, found: String, known: String },
    #[error(
        "{file} is missing but its log {log} is there, so a database was removed or moved by halves; \
         put the file back beside its log, or move the log away and run `jarvisd restore FILE`"
    )]
    Halved { file: PathBuf, log: PathBuf },
    #[error(
        "the file system of {file} cannot hold the database (journal mode is `{mode}`, needed is `wal`); \
         use a local file system, not a network share"
    )]
    NoWal { file: PathBuf, mode: String },
    #[error("{file} exists already; nothing was changed; {what}")]
    Exists { file: PathBuf, what: &'static str },
    #[error("could not {doing} {path}: {source}")]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "the database {file} was written by an older jarvisd (schema {found}, this one needs {needed}); \
         start the daemon of this version once, which brings it up to date"
    )]
    Older { file: PathBuf, found: String, needed: String },
    #[error(
        "the audit does not stand: {0}; somebody changed the database from outside; nothing above \
         reading is done until it is looked into: keep a copy of the data directory, then restore a backup"
    )]
    Audit(Broken),
    #[error(
        "{file} is not the database any more that was opened: it or its log ({file}-wal) was moved, removed or replaced \
         while the daemon ran; nothing above reading is done; stop the daemon in order, which saves what it has, put the \
         file back where it was moved, and start again"
    )]
    Displaced { file: PathBuf },
    #[error(
        "could not bring the database {file} to this version's tables: {what}; the step that failed was undone; \
         free space on its disk and start again, or restore a backup"
    )]
    Migrate { file: PathBuf, what: String },
    #[error("could not {doing} in {file}: {trouble}")]
    Database { doing: &'static str, file: PathBuf, trouble: Trouble, source: DbError },
    #[error("the store is overloaded: could not {doing} within {waited_s} s; try again")]
    Busy { doing: &'static str, waited_s: u64 },
    #[error("the store is closed: could not {doing}; the daemon is stopping")]
    Closed { doing: &'static str },
    #[error("{0}")]
    Refused(String),
}

const REPAIR: &str = "keep a copy of the data directory, then move the file away and run \
    `jarvisd restore FILE` with a backup, or start with an empty directory";

/// Why the database could not do what was asked, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Trouble {
    #[error(
        "the disk is full or the database has reached its size limit; free space, or raise [data] \
         history_bytes_max; nothing stored is lost and writing resumes by itself"
    )]
    Full,
    #[error("the file is damaged; stop the daemon, keep a copy of the data directory and restore a backup")]
    Corrupt,
    #[error("the disk answers with errors; check it (kernel log, SMART) and its free space")]
    Disk,
    #[error("it may only be read; check the owner and the mount options of the data directory")]
    ReadOnly,
    #[error("another process holds it locked; end that process")]
    Locked,
    #[error("the request was refused by the database; please report this with the log")]
    Other,
}

/// What a closure that runs on a connection answers with; the boundary adds file and purpose.
#[derive(Debug)]
pub(super) enum Fault {
    Db(DbError),
    Said(StoreError),
}

impl From<DbError> for Fault {
    fn from(e: DbError) -> Self {
        Self::Db(e)
    }
}

impl From<StoreError> for Fault {
    fn from(e: StoreError) -> Self {
        Self::Said(e)
    }
}

impl Fault {
    /// The transaction around the failed command is still whole, and the other commands in it are good.
    pub(super) fn leaves_transaction_whole(&self) -> bool {
        match self {
            Self::Said(_) | Self::Db(DbError::NotFound) => true,
            Self::Db(DbError::DatabaseError(kind, _)) => matches!(
                kind,
                DatabaseErrorKind::UniqueViolation
                    | DatabaseErrorKind::ForeignKeyViolation
                    | DatabaseErrorKind::NotNullViolation
                    | DatabaseErrorKind::CheckViolation
            ),
            Self::Db(_) => false,
        }
    }

    pub(super) fn into_error(self, doing: &'static str, file: &std::path::Path) -> StoreError {
        match self {
            Self::Said(e) => e,
            Self::Db(source) => {
                StoreError::Database { doing, file: file.to_owned(), trouble: Trouble::of(&source), source }
            }
        }
    }
}

impl Trouble {
    /// SQLite's own texts are the only thing diesel passes on for these; they have not changed in twenty years.
    pub(super) fn of(e: &DbError) -> Self {
        const TEXTS: [(&str, Trouble); 9] = [
            ("disk is full", Trouble::Full),
            ("disk image is malformed", Trouble::Corrupt),
            ("file is not a database", Trouble::Corrupt),
            ("malformed database schema", Trouble::Corrupt),
            ("disk I/O error", Trouble::Disk),
            ("unable to open database file", Trouble::Disk),
            ("readonly database", Trouble::ReadOnly),
            ("database is locked", Trouble::Locked),
            ("database table is locked", Trouble::Locked),
        ];
        let text = e.to_string();
        TEXTS.iter().find(|(part, _)| text.contains(part)).map_or(Self::Other, |(_, trouble)| *trouble)
    }
}
