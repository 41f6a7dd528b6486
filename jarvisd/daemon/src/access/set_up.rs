//! The one-time set-up token: printed at the first start, kept in a file only its owner can read, gone once used.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::secret::Plain;

const FILE: &str = "setup-token";

/// What the operator needs for the first log-in.
#[derive(Debug)]
pub struct Offer {
    pub token: Plain,
    /// Where it can be read again while it holds.
    pub file: PathBuf,
}

/// The token of this start, while there is no operator.
#[derive(Debug, Default)]
pub struct SetUp {
    open: Mutex<Option<Offer>>,
}

impl SetUp {
    /// Replaces the token of an earlier start: only the newest one printed is good.
    pub fn open(&self, dir: &Path, token: Plain) -> Result<PathBuf, (PathBuf, io::Error)> {
        let file = dir.join(FILE);
        write_private(&file, token.reveal()).map_err(|e| (file.clone(), e))?;
        *self.lock() = Some(Offer { token, file: file.clone() });
        Ok(file)
    }

    pub fn is(&self, token: &Plain) -> bool {
        self.lock().as_ref().is_some_and(|offer| offer.token.same(token))
    }

    /// The operator exists: the token is void from here on, whether or not its file can be removed.
    pub fn close(&self) {
        let Some(offer) = self.lock().take() else { return };
        if let Err(error) = fs::remove_file(&offer.file) {
            let file = offer.file.display();
            tracing::warn!(%file, %error, "the used set-up token could not be removed; it is void, remove it by hand");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Offer>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Never follows what lies there: an old file or a link is removed, then the name is taken anew.
fn write_private(file: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(out, "{text}")?;
    out.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_file_is_private_and_goes_with_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let (set_up, first, second) = (SetUp::default(), Plain::random().unwrap(), Plain::random().unwrap());
        set_up.open(dir.path(), first.clone()).unwrap();
        let file = set_up.open(dir.path(), second.clone()).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&file).unwrap().trim(), second.reveal());
        assert!(set_up.is(&second) && !set_up.is(&first));
        set_up.close();
        assert!(!set_up.is(&second) && !file.exists());
    }
}
