//! The chain checked and exported from the file, beside a running daemon or without one.

use std::{
    fs,
    io::{BufWriter, Write},
    path::Path,
};

use diesel::SqliteConnection;
use jarvis_core::audit::Checkpoint;

use super::{WALK_ROWS, Walked, checkpoint, rows_from};
use crate::store::{
    StoreError, connection,
    directory::{self, Files},
};

/// Walks the whole chain of `dir` and holds it against what is known of it and what was kept beside it. Answers its
/// end.
pub fn audit_verify(dir: &Path, mut known: Vec<Checkpoint>) -> Result<Checkpoint, StoreError> {
    let (files, mut conn) = open(dir)?;
    known.extend(checkpoint::kept(&files)?);
    let mut walked = Walked::from_start(known);
    let doing = "verify the audit";
    while walked.step(&mut conn).map_err(|fault| fault.into_error(doing, &files.database))? {}
    walked.end().map_err(StoreError::Audit)
}

/// Writes every row as a line of JSON, oldest first; returns how many.
pub fn audit_export(dir: &Path, out: &mut dyn Write) -> Result<u64, StoreError> {
    let (files, mut conn) = open(dir)?;
    let failed =
        |source| StoreError::Io { doing: "write the export of", path: files.database.clone(), source };
    let mut count = 0_u64;
    loop {
        let rows = rows_from(&mut conn, count.saturating_add(1), WALK_ROWS)
            .map_err(|fault| fault.into_error("export the audit", &files.database))?;
        let Some(last) = rows.last().map(|row| row.seq) else { break };
        for row in &rows {
            let line = serde_json::to_string(row).map_err(|e| failed(e.into()))?;
            writeln!(out, "{line}").map_err(failed)?;
        }
        count = last;
    }
    out.flush().map_err(failed)?;
    Ok(count)
}

/// As [`audit_export`], into a new file that only its owner can read.
pub fn audit_export_to(dir: &Path, file: &Path) -> Result<u64, StoreError> {
    let failed = |source| StoreError::Io { doing: "write", path: file.to_owned(), source };
    let exists = file.try_exists().map_err(failed)?;
    if exists {
        return Err(StoreError::Exists { file: file.to_owned(), what: "choose another name for the export" });
    }
    let partial = directory::with_suffix(file, ".partial");
    let mut out = BufWriter::new(directory::private_new_file(&partial).map_err(failed)?);
    let written = audit_export(dir, &mut out).and_then(|rows| {
        drop(out);
        directory::settle(&partial, file)?;
        Ok(rows)
    });
    if written.is_err() {
        // Only our own unfinished file goes.
        let _ = fs::remove_file(&partial);
    }
    written
}

fn open(dir: &Path) -> Result<(Files, SqliteConnection), StoreError> {
    let files = Files::existing(dir)?;
    files.needs_database()?;
    directory::check_header(&files.database)?;
    let mut conn = connection::inspector(&files.database)?;
    connection::check_current(&mut conn, &files.database)?;
    Ok((files, conn))
}
