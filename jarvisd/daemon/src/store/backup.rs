//! Copies of the database: made while it is in use, checked before they get their name, and put back only into
//! an empty directory.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use diesel::{SqliteConnection, connection::SimpleConnection, prelude::*, sql_types::Text};

use super::{
    KillSwitch, Store, StoreError, audit,
    connection::{self, Depth},
    directory::{self, Files},
    error::{Fault, Trouble},
};
use crate::clock::Clock;

impl Store {
    /// Writes a consistent, checked copy to `file`, which must not exist. Writing goes on meanwhile.
    pub async fn backup_to(&self, file: PathBuf) -> Result<(), StoreError> {
        let source = self.inner.files.database.clone();
        self.read("back up the database", move |conn| Ok(copy_checked(conn, &source, &file)?)).await
    }
}

/// Copies the database of `dir` to `file`, which must not exist. Works beside a running daemon and without one.
pub fn backup(dir: &Path, file: &Path) -> Result<(), StoreError> {
    let files = Files::existing(dir)?;
    files.needs_database()?;
    directory::check_header(&files.database)?;
    let mut conn = connection::inspector(&files.database)?;
    connection::check_identity(&mut conn, &files.database)?;
    copy_checked(&mut conn, &files.database, file)
}

/// Puts the backup `file` into `dir`, which must hold no database. The backup is checked first and not changed.
pub fn restore(dir: &Path, file: &Path) -> Result<(), StoreError> {
    let files = Files::prepare(dir)?;
    let _lock = files.lock()?;
    if files.has_database()? {
        let what = "a restore goes only into an empty data directory: move the database away first";
        return Err(StoreError::Exists { file: files.database, what });
    }
    files.new_draft()?;
    let failed = |source| StoreError::Io { doing: "copy the backup to", path: files.draft.clone(), source };
    let unread = |source| StoreError::Io { doing: "read", path: file.to_owned(), source };
    let mut from = File::open(file).map_err(unread)?;
    // A device might never end, and fill the disk.
    if !from.metadata().map_err(unread)?.is_file() {
        return Err(unread(io::Error::other("it is no regular file")));
    }
    let mut to = fs::OpenOptions::new().write(true).truncate(true).open(&files.draft).map_err(failed)?;
    io::copy(&mut from, &mut to).map_err(failed)?;
    drop(to);
    // The copy is what gets checked: the backup may lie on a read-only or failing medium.
    check_copy(&files.draft).map_err(|e| named(e, file))?;
    // What was decided and done since the backup is not in it: a person looks before anything acts on it.
    let switch = KillSwitch::in_dir(&files.dir);
    switch.set(true, "restore", Clock.now_ms()).map_err(|e| StoreError::Io {
        doing: "throw",
        path: switch.file().to_owned(),
        source: io::Error::other(e),
    })?;
    audit::checkpoint::forget(&files)?;
    files.adopt_draft()
}

/// `VACUUM INTO` reads one snapshot, so the copy is consistent, compact, and no writer waits for it.
fn copy_checked(conn: &mut SqliteConnection, source: &Path, file: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Io { doing: "write the backup", path: file.to_owned(), source };
    if file.try_exists().map_err(failed)? {
        return Err(StoreError::Exists { file: file.to_owned(), what: "choose another name for the backup" });
    }
    let partial = directory::with_suffix(file, ".partial");
    let name = partial.to_str().ok_or_else(|| failed(io::Error::other("its name is not UTF-8")))?;
    // An empty file is what VACUUM INTO accepts, and making it first gives it its mode.
    directory::private_new_file(&partial).map_err(|source| StoreError::Io {
        doing: "create (remove it if no backup is running)",
        path: partial.clone(),
        source,
    })?;
    let copied = vacuum_into(conn, name)
        .map_err(|fault| match fault {
            Fault::Db(e) if Trouble::of(&e) == Trouble::Corrupt => {
                StoreError::Corrupt { file: source.to_owned(), what: e.to_string() }
            }
            fault => fault.into_error("write a backup", file),
        })
        .and_then(|()| check_copy(&partial))
        .and_then(|()| directory::settle(&partial, file));
    if copied.is_err() {
        // Only our own unfinished copy goes.
        let _ = fs::remove_file(&partial);
    }
    copied
}

fn vacuum_into(conn: &mut SqliteConnection, name: &str) -> Result<(), Fault> {
    // Reading connections are `query_only`, which also forbids writing another file.
    conn.batch_execute("PRAGMA query_only = OFF")?;
    let done = diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(name).execute(conn);
    conn.batch_execute("PRAGMA query_only = ON")?;
    done?;
    Ok(())
}

fn check_copy(copy: &Path) -> Result<(), StoreError> {
    directory::check_header(copy)?;
    let mut conn = connection::inspector(copy)?;
    connection::check_identity(&mut conn, copy)?;
    connection::check_pages(&mut conn, copy, Depth::Full)
}

/// The same error about the file the person knows.
fn named(error: StoreError, file: &Path) -> StoreError {
    let file = file.to_owned();
    match error {
        StoreError::Foreign { what, .. } => StoreError::Foreign { file, what },
        StoreError::Corrupt { what, .. } => StoreError::Corrupt { file, what },
        StoreError::Newer { found, known, .. } => StoreError::Newer { file, found, known },
        other => other,
    }
}
