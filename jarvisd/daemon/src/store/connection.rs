//! Connections: how each is set up, and the checks a database must pass before it is used.

use std::{fmt::Write, os::unix::ffi::OsStrExt, path::Path, time::Duration};

use diesel::{
    connection::SimpleConnection,
    prelude::*,
    r2d2::{ConnectionManager, CustomizeConnection, Pool},
    sql_types::{BigInt, Text},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::{Fault, StoreError};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// `JRVS`: tells our database from another program's.
const APPLICATION_ID: i64 = 0x4A52_5653;

pub(super) const PAGE_BYTES: i64 = 4_096;
/// The poll, the screens' first reads and a person paging: more readers only wait for the same two cores.
pub(super) const READERS_MAX: u32 = 4;
/// A backup or a check holds no write lock for longer than this; only another process could.
const BUSY_MS: u32 = 5_000;
/// A reader waits this long for a connection before it says so.
pub(super) const READER_WAIT: Duration = Duration::from_secs(5);

/// `busy_timeout` first: the statements after it may already meet a lock.
/// FULL: a commit is on the disk when it returns; batches make that one sync for many commands.
const WRITER_PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
    PRAGMA journal_size_limit = 16777216; PRAGMA wal_autocheckpoint = 1000; PRAGMA cache_size = -2048; \
    PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";

/// A reader that tried to write would meet the writer; `query_only` makes it an error at once.
const READER_PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA cache_size = -1024; \
    PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";

pub(super) type Readers = Pool<ConnectionManager<SqliteConnection>>;

/// Opens an existing file for writing. `bytes_max` is the size SQLite never lets it exceed.
pub(super) fn writer(file: &Path, bytes_max: i64) -> Result<SqliteConnection, StoreError> {
    let mut conn = plain(file)?;
    let pages_max = (bytes_max / PAGE_BYTES).max(1);
    let mode = conn
        .batch_execute(WRITER_PRAGMAS)
        .and_then(|()| conn.batch_execute(&format!("PRAGMA max_page_count = {pages_max}")))
        .and_then(|()| diesel::dsl::sql::<Text>("PRAGMA journal_mode = WAL").get_result::<String>(&mut conn))
        .map_err(|e| unfit(file, e))?;
    if mode != "wal" {
        return Err(StoreError::NoWal { file: file.to_owned(), mode });
    }
    // SQLite opens a file it may only read without a word; taking the write lock tells.
    conn.batch_execute("BEGIN IMMEDIATE; ROLLBACK").map_err(|e| unfit(file, e))?;
    Ok(conn)
}

/// A few connections that can only read. Opened when first needed.
pub(super) fn readers(file: &Path) -> Result<Readers, StoreError> {
    Pool::builder()
        .max_size(READERS_MAX)
        .min_idle(Some(0))
        .connection_timeout(READER_WAIT)
        .test_on_check_out(false)
        .connection_customizer(Box::new(ReaderSetup))
        .build(ConnectionManager::new(uri(file)))
        .map_err(|_| StoreError::Busy { doing: "open the readers", waited_s: READER_WAIT.as_secs() })
}

#[derive(Debug)]
struct ReaderSetup;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for ReaderSetup {
    fn on_acquire(&self, conn: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        conn.batch_execute(READER_PRAGMAS).map_err(diesel::r2d2::Error::QueryError)
    }
}

/// A connection that reads a file nobody promised anything about, such as a backup.
pub(super) fn inspector(file: &Path) -> Result<SqliteConnection, StoreError> {
    let mut conn = plain(file)?;
    conn.batch_execute(READER_PRAGMAS).map_err(|e| unfit(file, e))?;
    Ok(conn)
}

/// Turns the empty draft into a database with this version's tables.
pub(super) fn found(draft: &Path) -> Result<(), StoreError> {
    let mut conn = plain(draft)?;
    // Both must come before the first table. Incremental: retention can give pages back to the file system.
    conn.batch_execute(&format!(
        "PRAGMA busy_timeout = {BUSY_MS}; PRAGMA page_size = {PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; \
         PRAGMA application_id = {APPLICATION_ID};"
    ))
    .map_err(|e| unfit(draft, e))?;
    migrate(&mut conn, draft)
}

pub(super) fn migrate(conn: &mut SqliteConnection, file: &Path) -> Result<(), StoreError> {
    conn.run_pending_migrations(MIGRATIONS)
        .map(drop)
        .map_err(|e| StoreError::Migrate { file: file.to_owned(), what: e.to_string() })
}

/// As [`check_identity`], and refuses one that lacks tables this version knows.
pub(super) fn check_current(conn: &mut SqliteConnection, file: &Path) -> Result<(), StoreError> {
    let applied = check_identity(conn, file)?;
    match known_versions(file)?.into_iter().next_back() {
        Some(needed) if !applied.contains(&needed) => Err(StoreError::Older {
            file: file.to_owned(),
            found: applied.last().cloned().unwrap_or_default(),
            needed,
        }),
        _ => Ok(()),
    }
}

/// Refuses another program's database and one with tables this version does not know; answers the versions it has.
pub(super) fn check_identity(conn: &mut SqliteConnection, file: &Path) -> Result<Vec<String>, StoreError> {
    let id: i64 =
        diesel::dsl::sql::<BigInt>("PRAGMA application_id").get_result(conn).map_err(|e| unfit(file, e))?;
    if id != APPLICATION_ID {
        return Err(StoreError::Foreign { file: file.to_owned(), what: "another program made it".into() });
    }
    let known = known_versions(file)?;
    // Read by hand: asking diesel_migrations would create its table, and a check must not write.
    let applied: Vec<String> =
        diesel::dsl::sql::<Text>("SELECT version FROM __diesel_schema_migrations ORDER BY 1")
            .get_results(conn)
            .map_err(|e| unfit(file, e))?;
    match applied.iter().rev().find(|v| !known.contains(v)) {
        None => Ok(applied),
        Some(found) => Err(StoreError::Newer {
            file: file.to_owned(),
            found: found.clone(),
            known: known.last().cloned().unwrap_or_default(),
        }),
    }
}

fn known_versions(file: &Path) -> Result<Vec<String>, StoreError> {
    use diesel::{migration::MigrationSource, sqlite::Sqlite};
    let all = MigrationSource::<Sqlite>::migrations(&MIGRATIONS)
        .map_err(|e| StoreError::Migrate { file: file.to_owned(), what: e.to_string() })?;
    let mut versions: Vec<String> = all.iter().map(|m| m.name().version().to_string()).collect();
    versions.sort();
    Ok(versions)
}

/// How thoroughly the pages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Structure of every page; not whether indexes agree with their tables.
    Quick,
    /// Everything SQLite can check.
    Full,
}

pub(super) fn check_pages(conn: &mut SqliteConnection, file: &Path, depth: Depth) -> Result<(), StoreError> {
    let pragma = match depth {
        Depth::Quick => "PRAGMA quick_check(1)",
        Depth::Full => "PRAGMA integrity_check(1)",
    };
    let said: String = diesel::dsl::sql::<Text>(pragma).get_result(conn).map_err(|e| unfit(file, e))?;
    if said == "ok" {
        return Ok(());
    }
    let what = said.lines().next().unwrap_or_default().to_owned();
    Err(StoreError::Corrupt { file: file.to_owned(), what })
}

/// Bytes in use, and bytes of the file that are free inside it.
pub(super) fn sizes(conn: &mut SqliteConnection) -> Result<(i64, i64), Fault> {
    let pages: i64 = diesel::dsl::sql::<BigInt>("PRAGMA page_count").get_result(conn)?;
    let free: i64 = diesel::dsl::sql::<BigInt>("PRAGMA freelist_count").get_result(conn)?;
    Ok(((pages - free) * PAGE_BYTES, free * PAGE_BYTES))
}

fn plain(file: &Path) -> Result<SqliteConnection, StoreError> {
    SqliteConnection::establish(&uri(file)).map_err(|e| StoreError::Io {
        doing: "open",
        path: file.to_owned(),
        source: std::io::Error::other(e.to_string()),
    })
}

/// A URI with `mode=rw`: opening never creates a file, so a database that vanished is noticed and not replaced.
fn uri(file: &Path) -> String {
    let mut uri = String::from("file:");
    for &byte in file.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(uri, "%{byte:02x}")),
        }
    }
    uri + "?mode=rw"
}

/// Names what SQLite said of a file while it was opened.
fn unfit(file: &Path, e: diesel::result::Error) -> StoreError {
    use super::error::Trouble;
    match Trouble::of(&e) {
        Trouble::Corrupt => StoreError::Corrupt { file: file.to_owned(), what: e.to_string() },
        Trouble::Other if e.to_string().contains("no such table") => {
            StoreError::Foreign { file: file.to_owned(), what: "its tables are not ours".into() }
        }
        trouble => {
            StoreError::Database { doing: "open the database", file: file.to_owned(), trouble, source: e }
        }
    }
}
