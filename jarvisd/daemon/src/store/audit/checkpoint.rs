//! The newest checkpoint, in a file beside the database: whoever cuts rows off the end of the database alone is found
//! out although nobody kept a log.
//!
//! Not here: protection from somebody who rewrites both files; for that a checkpoint is kept on another machine.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use jarvis_core::audit::Checkpoint;

use crate::store::{
    StoreError,
    directory::{self, Files},
};

/// What it is called in the data directory.
const NAME: &str = "audit-checkpoint";

fn path(files: &Files) -> PathBuf {
    files.dir.join(NAME)
}

/// The checkpoint kept last; `None` where none was kept yet.
pub(in crate::store) fn kept(files: &Files) -> Result<Option<Checkpoint>, StoreError> {
    let path = path(files);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::Io { doing: "read", path, source }),
    };
    match text.trim_end().parse() {
        Ok(checkpoint) => Ok(Some(checkpoint)),
        Err(why) => {
            let source = io::Error::new(io::ErrorKind::InvalidData, why);
            Err(StoreError::Io { doing: "read (look at the audit, then move this file away)", path, source })
        }
    }
}

/// Keeps this one in place of the last one, durably.
pub(in crate::store) fn keep(files: &Files, checkpoint: Checkpoint) -> Result<(), StoreError> {
    let path = path(files);
    let draft = directory::with_suffix(&path, ".new");
    write(&draft, &path, &files.dir, checkpoint).map_err(|source| StoreError::Io {
        doing: "write",
        path,
        source,
    })
}

fn write(draft: &Path, path: &Path, dir: &Path, checkpoint: Checkpoint) -> io::Result<()> {
    // Left over from a write that was interrupted.
    match fs::remove_file(draft) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = directory::private_new_file(draft)?;
    writeln!(file, "{checkpoint}")?;
    file.sync_all()?;
    fs::rename(draft, path)?;
    File::open(dir)?.sync_all()
}

/// A restored database ends where its backup was made: what was kept belongs to another one.
pub(in crate::store) fn forget(files: &Files) -> Result<(), StoreError> {
    let path = path(files);
    match fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::Io { doing: "remove", path, source: e })
        }
        _ => Ok(()),
    }
}
