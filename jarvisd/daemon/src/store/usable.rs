//! Whether a data directory can serve, without opening, making or changing anything: for `jarvisd check`, which may
//! run beside the daemon.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::{
    StoreError,
    directory::{self, Files},
};

/// One line on what is there; or why it cannot serve.
pub fn usable(dir: &Path) -> Result<String, StoreError> {
    let unusable = |source| StoreError::Directory { dir: dir.to_owned(), source };
    if !dir.try_exists().map_err(unusable)? {
        let above = nearest(dir);
        if !above.is_dir() {
            return Err(unusable(io::ErrorKind::NotADirectory.into()));
        }
        writable(&above).map_err(unusable)?;
        return Ok(format!("the data directory {} is not there yet and can be made", dir.display()));
    }
    let files = Files::existing(dir)?;
    writable(&files.dir).map_err(unusable)?;
    if !files.has_database()? {
        return Ok(format!("the data directory {} can be written to and has no database yet", dir.display()));
    }
    directory::check_header(&files.database)?;
    writable(&files.database).map_err(unusable)?;
    Ok(format!("the data directory {} can be written to and holds a database", dir.display()))
}

fn writable(path: &Path) -> io::Result<()> {
    let mode = if path.is_dir() { Access::WRITE_OK | Access::EXEC_OK } else { Access::WRITE_OK };
    Ok(access(path, Access::READ_OK | mode)?)
}

/// The directory in which the missing ones would be made.
fn nearest(dir: &Path) -> PathBuf {
    let above = dir.ancestors().skip(1).map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
    above.into_iter().find(|p| p.exists()).unwrap_or(Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_serve_is_told_from_what_could_not_and_nothing_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        assert!(usable(path).unwrap().contains("no database yet"));
        let deep = path.join("a/b");
        assert!(usable(&deep).unwrap().contains("can be made") && !deep.exists());
        std::fs::write(path.join("file"), "x").unwrap();
        for bad in ["file", "file/below"] {
            let error = usable(&path.join(bad)).unwrap_err().to_string();
            assert!(error.contains("data directory") && error.contains("[data] dir"), "{error}");
        }
        std::fs::write(path.join("jarvis.db"), "no database at all").unwrap();
        assert!(usable(path).unwrap_err().to_string().contains("not a database of jarvisd"));
    }
}
