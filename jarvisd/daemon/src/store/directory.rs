//! The data directory: who holds it, which files are in it, and whether what is there may be opened.
//!
//! Nothing here removes or replaces a database.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};

use super::error::StoreError;

/// First bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// SQLite's header, and where in it the size and the number of pages are.
const HEADER_BYTES: usize = 100;
const PAGE_SIZE_AT: usize = 16;
const PAGE_COUNT_AT: usize = 28;
/// The file holds hashes of secrets: the daemon's own user only.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// The names inside a data directory.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub dir: PathBuf,
    pub database: PathBuf,
    pub wal: PathBuf,
    lock: PathBuf,
    /// Where a new database is made before it gets its name, so that a half-made one never carries it.
    pub draft: PathBuf,
}

/// Held while the store is open; the lock ends with the process, however that ends.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
    /// The file alone may be tidied away under its holder, and the next opener would make another.
    _dir: Option<File>,
}

impl Files {
    /// Makes the directory if it is missing.
    pub fn prepare(dir: &Path) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Directory { dir: dir.to_owned(), source };
        if !dir.try_exists().map_err(unusable)? {
            DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(dir).map_err(unusable)?;
        }
        Self::existing(dir)
    }

    pub fn existing(dir: &Path) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Directory { dir: dir.to_owned(), source };
        let dir = fs::canonicalize(dir).map_err(unusable)?;
        if !dir.is_dir() {
            return Err(unusable(io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self {
            database: dir.join("jarvis.db"),
            wal: dir.join("jarvis.db-wal"),
            lock: dir.join("jarvis.lock"),
            draft: dir.join("jarvis.db.new"),
            dir,
        })
    }

    /// Takes the directory for this process. The lock file stays behind: removing it would race with a second opener.
    pub fn lock(&self) -> Result<DirectoryLock, StoreError> {
        let unusable = |source| StoreError::Directory { dir: self.dir.clone(), source };
        // It is emptied below, perhaps by root: a link in its place must not lead to another file.
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&self.lock, flags, Mode::from(FILE_MODE));
        let mut file = File::from(opened.map_err(|e| unusable(e.into()))?);
        let in_use = |file: &mut File| {
            let mut holder = String::new();
            // Only to name the holder; an unreadable file still means somebody has it.
            let _ = Read::by_ref(file).take(64).read_to_string(&mut holder);
            let holder = holder.trim();
            let holder = if holder.is_empty() { "process unknown" } else { holder }.to_owned();
            StoreError::InUse { dir: self.dir.clone(), holder }
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(in_use(&mut file)),
            Err(e) => return Err(unusable(e.into())),
        }
        // Not every file system locks directories, and not every directory can be opened; the file is locked.
        let dir = File::open(&self.dir).ok();
        if let Some(dir) = &dir
            && flock(dir, FlockOperation::NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK)
        {
            return Err(in_use(&mut file));
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "process {}", std::process::id()))
            .map_err(unusable)?;
        Ok(DirectoryLock { _file: file, _dir: dir })
    }

    /// Whether there is a database; an error if there is only a part of one.
    pub fn has_database(&self) -> Result<bool, StoreError> {
        let unusable = |source| StoreError::Directory { dir: self.dir.clone(), source };
        if self.database.try_exists().map_err(unusable)? {
            return Ok(true);
        }
        if self.wal.try_exists().map_err(unusable)? {
            return Err(StoreError::Halved { file: self.database.clone(), log: self.wal.clone() });
        }
        Ok(false)
    }

    pub fn needs_database(&self) -> Result<(), StoreError> {
        if self.has_database()? {
            return Ok(());
        }
        let missing = io::Error::new(io::ErrorKind::NotFound, "there is no database in it");
        Err(StoreError::Directory { dir: self.dir.clone(), source: missing })
    }

    /// The last process did not end in order: it left a log with something in it.
    pub fn stopped_uncleanly(&self) -> bool {
        fs::metadata(&self.wal).is_ok_and(|m| m.len() > 0)
    }

    /// An empty private file to build a database in. A draft left by an interrupted start held nothing promised.
    pub fn new_draft(&self) -> Result<(), StoreError> {
        let failed = |source| StoreError::Io { doing: "create", path: self.draft.clone(), source };
        for leftover in
            [self.draft.clone(), with_suffix(&self.draft, "-wal"), with_suffix(&self.draft, "-shm")]
        {
            match fs::remove_file(&leftover) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
                _ => {}
            }
        }
        private_new_file(&self.draft).map(drop).map_err(failed)
    }

    /// Gives the finished draft its name, durably.
    pub fn adopt_draft(&self) -> Result<(), StoreError> {
        settle(&self.draft, &self.database)
    }
}

/// Syncs `from`, names it `to` — which must not exist — and syncs the directory.
pub(super) fn settle(from: &Path, to: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Io { doing: "put in place", path: to.to_owned(), source };
    File::open(from).and_then(|f| f.sync_all()).map_err(failed)?;
    // Rename would replace. Nobody else makes this name meanwhile: the caller holds the directory or a partial file.
    if to.try_exists().map_err(failed)? {
        return Err(StoreError::Exists { file: to.to_owned(), what: "choose another name or move it away" });
    }
    fs::rename(from, to).map_err(failed)?;
    let dir = to.parent().unwrap_or(Path::new("."));
    File::open(dir).and_then(|d| d.sync_all()).map_err(failed)
}

/// A file that must stay the one it was when it was opened, whatever happens to its name.
#[derive(Debug, Clone)]
pub(super) struct Pinned {
    path: PathBuf,
    number: (u64, u64),
}

impl Pinned {
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), number: number(path)? })
    }

    /// Blocks for one look at the directory.
    pub fn stands(&self) -> bool {
        number(&self.path).is_ok_and(|now| now == self.number)
    }
}

fn number(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|m| (m.dev(), m.ino()))
}

pub(super) fn private_new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Refuses a file which is no SQLite database, before SQLite gets to see it.
pub(super) fn check_header(file: &Path) -> Result<(), StoreError> {
    let unreadable = |source| StoreError::Io { doing: "read", path: file.to_owned(), source };
    let mut head = Vec::with_capacity(MAGIC.len());
    let length_max = u64::try_from(MAGIC.len()).unwrap_or(u64::MAX);
    File::open(file).and_then(|f| f.take(length_max).read_to_end(&mut head)).map_err(unreadable)?;
    if head.is_empty() {
        return Err(StoreError::Corrupt { file: file.to_owned(), what: "it is empty".into() });
    }
    if head != MAGIC {
        return Err(StoreError::Foreign {
            file: file.to_owned(),
            what: "it does not begin like an SQLite file".into(),
        });
    }
    Ok(())
}

/// Refuses a file shorter or longer than its header says. Only true of a file whose log is empty.
pub(super) fn check_length(file: &Path) -> Result<(), StoreError> {
    let unreadable = |source| StoreError::Io { doing: "read", path: file.to_owned(), source };
    let mut head = Vec::with_capacity(HEADER_BYTES);
    let mut from = File::open(file).map_err(unreadable)?;
    let length = from.metadata().map_err(unreadable)?.len();
    Read::by_ref(&mut from).take(100).read_to_end(&mut head).map_err(unreadable)?;
    let bytes = |at: usize, n: usize| {
        head.get(at..at + n)?.iter().try_fold(0u64, |sum, b| Some(sum << 8 | u64::from(*b)))
    };
    let said = bytes(PAGE_SIZE_AT, 2).zip(bytes(PAGE_COUNT_AT, 4)).map(|(size, count)| size * count);
    match said {
        Some(said) if said == length => Ok(()),
        _ => Err(StoreError::Corrupt {
            file: file.to_owned(),
            what: format!("it has {length} bytes and should have {}", said.unwrap_or(0)),
        }),
    }
}
