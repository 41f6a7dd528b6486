//! The kill switch: one line in a file of its own, so that it can be thrown and read with the daemon down.
//!
//! `on 1763848800000 cli/anna` or `off …`, ended by a line feed. It is replaced whole: written beside, synced,
//! renamed, the directory synced. Anything else in its place, or nothing at all, is an error, and whoever asks
//! counts an error as on. It is made `off` in one case only: together with a new database. Not here: what follows
//! from it (the executor), and its rows in the audit (`standing.rs`).

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, fchown},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rustix::fs::{Mode, OFlags};
use thiserror::Error;

use super::{
    StoreError,
    directory::{self, Files},
};

/// A line is shorter; whatever is longer is not ours.
const BYTES_MAX: u64 = 256;
const WHO_CHARS_MAX: usize = 64;
/// A disk that answers later than this has not answered.
const LOOK_WAIT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillState {
    pub on: bool,
    /// Since when, UTC.
    pub at_ms: i64,
    /// Who set it: `cli/uid-0`, `human/…`.
    pub who: String,
    /// Set on a disk that took no new file, by removing the old one, since a missing switch counts as on.
    pub by_removal: bool,
}

/// Why the switch cannot be read, which counts as on, or set.
#[derive(Debug, Error)]
pub enum KillSwitchError {
    #[error(
        "the kill switch {file} is missing, which counts as on; set it with `jarvisd kill-switch on` or `off`"
    )]
    Missing { file: PathBuf },
    #[error(
        "the kill switch {file} cannot be read, which counts as on: {source}; check its owner and the disk, then \
         set it with `jarvisd kill-switch on` or `off`"
    )]
    Unreadable { file: PathBuf, source: io::Error },
    #[error(
        "the kill switch {file} does not hold what jarvisd writes, which counts as on; set it with \
         `jarvisd kill-switch on` or `off`"
    )]
    Corrupt { file: PathBuf },
    #[error(
        "the kill switch {file} could not be set: {source}; it is as it was; check the owner and the disk"
    )]
    NotSet { file: PathBuf, source: io::Error },
    #[error(
        "a directory stands where the kill switch {file} should be, which counts as on and cannot be set; remove \
         that directory, then run `jarvisd kill-switch on` or `off` again"
    )]
    InTheWay { file: PathBuf },
    #[error("there is no data directory to keep the kill switch in: {0}")]
    Directory(#[source] Box<StoreError>),
}

#[derive(Debug, Clone)]
pub struct KillSwitch {
    dir: PathBuf,
    file: PathBuf,
}

impl KillSwitch {
    /// Of this data directory, which is made if it is missing. Takes no lock.
    pub fn of(dir: &Path) -> Result<Self, KillSwitchError> {
        let files = Files::prepare(dir).map_err(|e| KillSwitchError::Directory(Box::new(e)))?;
        Ok(Self::in_dir(&files.dir))
    }

    /// As [`KillSwitch::of`], without making anything.
    pub fn existing(dir: &Path) -> Result<Self, KillSwitchError> {
        let files = Files::existing(dir).map_err(|e| KillSwitchError::Directory(Box::new(e)))?;
        Ok(Self::in_dir(&files.dir))
    }

    pub(super) fn in_dir(dir: &Path) -> Self {
        Self { file: dir.join("kill-switch"), dir: dir.to_owned() }
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Reads it from the disk, now. Blocks for one small read.
    pub fn read(&self) -> Result<KillState, KillSwitchError> {
        let text = self.text().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => KillSwitchError::Missing { file: self.file.clone() },
            _ if self.is_directory() => KillSwitchError::InTheWay { file: self.file.clone() },
            _ => KillSwitchError::Unreadable { file: self.file.clone(), source },
        })?;
        parse(&text).ok_or_else(|| KillSwitchError::Corrupt { file: self.file.clone() })
    }

    /// As [`KillSwitch::read`], off the async threads, and an error when the disk does not answer in time.
    pub async fn look(&self) -> Result<KillState, KillSwitchError> {
        let switch = self.clone();
        let reading = tokio::task::spawn_blocking(move || switch.read());
        let unreadable = |why: &str| KillSwitchError::Unreadable {
            file: self.file.clone(),
            source: io::Error::new(io::ErrorKind::TimedOut, why),
        };
        match tokio::time::timeout(LOOK_WAIT, reading).await {
            Ok(Ok(read)) => read,
            Ok(Err(_)) => Err(unreadable("the read was interrupted")),
            Err(_) => Err(unreadable("the disk does not answer")),
        }
    }

    /// Sets it, durably, and reads it back. On a full disk it is still set to on.
    pub fn set(&self, on: bool, who: &str, now_ms: i64) -> Result<KillState, KillSwitchError> {
        let state = KillState { on, at_ms: now_ms.max(0), who: clean(who), by_removal: false };
        match self.replace(&state) {
            Ok(()) => self.read(),
            Err(_) if on && self.remove().is_ok() => Ok(KillState { by_removal: true, ..state }),
            Err(_) if self.is_directory() => Err(KillSwitchError::InTheWay { file: self.file.clone() }),
            Err(source) => Err(KillSwitchError::NotSet { file: self.file.clone(), source }),
        }
    }

    /// With a new database: off, unless somebody has set it already, whatever it says.
    pub(super) fn found(&self, now_ms: i64) -> Result<(), StoreError> {
        let failed = |source| StoreError::Io { doing: "create", path: self.file.clone(), source };
        match fs::symlink_metadata(&self.file) {
            Ok(_) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => self
                .replace(&KillState {
                    on: false,
                    at_ms: now_ms.max(0),
                    who: "first-start".into(),
                    by_removal: false,
                })
                .map_err(failed),
            Err(e) => Err(failed(e)),
        }
    }

    /// Nothing is put in place of a directory, and none is removed: somebody may have put something there.
    fn is_directory(&self) -> bool {
        fs::symlink_metadata(&self.file).is_ok_and(|found| found.is_dir())
    }

    fn text(&self) -> io::Result<String> {
        // Neither a link nor a pipe in its place may lead elsewhere or hold us up.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(&self.file, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut text = String::new();
        Read::by_ref(&mut file).take(BYTES_MAX).read_to_string(&mut text)?;
        Ok(text)
    }

    fn replace(&self, state: &KillState) -> io::Result<()> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let draft = self.dir.join(format!("kill-switch.{}.{number}.new", std::process::id()));
        let written = self.write(&draft, state).and_then(|()| fs::rename(&draft, &self.file));
        if written.is_err() {
            // Only our own draft goes.
            let _ = fs::remove_file(&draft);
        }
        written?;
        File::open(&self.dir)?.sync_all()
    }

    fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        File::open(&self.dir)?.sync_all()
    }

    fn write(&self, draft: &Path, state: &KillState) -> io::Result<()> {
        // Set by root, who may write anywhere: whatever lies under this name is removed and never followed.
        match fs::remove_file(draft) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = directory::private_new_file(draft)?;
        let (ours, dir) = (file.metadata()?, fs::metadata(&self.dir)?);
        if ours.uid() != dir.uid() {
            // Set by root on the command line, it must still be readable for the daemon's own user.
            fchown(&file, Some(dir.uid()), Some(dir.gid()))?;
        }
        let word = if state.on { "on" } else { "off" };
        writeln!(file, "{word} {} {}", state.at_ms, state.who)?;
        file.sync_all()
    }
}

/// Exactly what is written, the line feed included: a line cut short is no line.
fn parse(text: &str) -> Option<KillState> {
    let mut words = text.strip_suffix('\n')?.split(' ');
    let on = match words.next()? {
        "on" => true,
        "off" => false,
        _ => return None,
    };
    let at = words.next()?;
    let digits = !at.is_empty() && at.bytes().all(|b| b.is_ascii_digit());
    let at_ms = at.parse().ok().filter(|_| digits)?;
    let who = words.next()?;
    let whole = words.next().is_none() && clean(who) == who;
    whole.then(|| KillState { on, at_ms, who: who.to_owned(), by_removal: false })
}

/// One word of plain characters, never empty.
fn clean(who: &str) -> String {
    let word: String = who
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "/._@:+-".contains(c) { c } else { '_' })
        .take(WHO_CHARS_MAX)
        .collect();
    if word.is_empty() { "unknown".into() } else { word }
}
