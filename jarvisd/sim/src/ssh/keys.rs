//! Keys, the server's settings, and what the system must have for it.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// A program where distributions put it, besides the search path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from);
    // sshd wants to be called by its absolute path.
    std::env::split_paths(&path)
        .chain(usual)
        .map(|d| d.join(program))
        .find(|p| p.is_absolute() && p.is_file())
}

/// A directory only its owner can enter.
pub fn make_dir(dir: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot create {}", dir.display()))
}

/// As root sshd wants this directory, which the system's service would have made.
pub fn prepare_sshd() -> anyhow::Result<()> {
    let dir = Path::new("/run/sshd");
    if !rustix::process::getuid().is_root() || dir.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(dir).context("sshd wants /run/sshd, which cannot be created")?;
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o755))
        .context("cannot set the mode of /run/sshd")
}

/// The longest path a unix socket takes, with its end.
const SOCKET_PATH_MAX: usize = 100;

/// A path for a socket: in the directory, or in a short one of its own where that is too long.
pub fn short_path(dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let wanted = std::path::absolute(dir).context("the run directory has no absolute path")?.join(name);
    if wanted.as_os_str().len() <= SOCKET_PATH_MAX {
        return Ok(wanted);
    }
    let id = crate::state::fresh_uuid()?;
    let short = std::env::temp_dir().join(format!("jsim-{}", id.get(..8).unwrap_or(&id)));
    make_dir(&short)?;
    Ok(short.join(name))
}

/// Makes a key pair unless it is there from an earlier run.
pub fn make(file: &Path, comment: &str) -> anyhow::Result<()> {
    if file.is_file() {
        return Ok(());
    }
    let program = find("ssh-keygen").context("there is no ssh-keygen on this machine")?;
    let done = Command::new(program)
        .args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("ssh-keygen cannot be run")?;
    ensure!(done.success(), "ssh-keygen made no key {}", file.display());
    Ok(())
}

/// `ssh-ed25519 AAAA…`, without the comment.
pub fn public(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file.with_extension("pub"))
        .with_context(|| format!("cannot read the public key of {}", file.display()))?;
    Ok(text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// `SHA256:…`
pub fn fingerprint(file: &Path) -> anyhow::Result<String> {
    let program = find("ssh-keygen").context("there is no ssh-keygen on this machine")?;
    let out = Command::new(program).arg("-l").arg("-f").arg(file.with_extension("pub")).output();
    let out = out.context("ssh-keygen cannot be run")?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.split_whitespace().nth(1).map(str::to_owned).context("ssh-keygen showed no fingerprint")
}

/// Settings of every server; the host's key and the forced command come with each connection.
pub fn write_config(dir: &Path) -> anyhow::Result<PathBuf> {
    let file = dir.join("sshd_config");
    let keys = std::path::absolute(dir.join("authorized_keys")).context("no absolute path")?;
    let text = format!(
        "AuthorizedKeysFile {}\nPidFile none\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         StrictModes no\nPermitRootLogin prohibit-password\nPermitUserRC no\nPermitUserEnvironment no\nAcceptEnv LANG LC_*\n\
         AllowAgentForwarding no\nAllowTcpForwarding no\nX11Forwarding no\nPermitTunnel no\nPrintMotd no\n\
         PrintLastLog no\nUseDNS no\nLogLevel ERROR\n",
        keys.display()
    );
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Whom sshd lets in: the user it runs as.
pub fn user() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let row = passwd.lines().find(|l| l.split(':').nth(2) == Some(uid.as_str()));
    let name = row.and_then(|l| l.split(':').next()).map(str::to_owned);
    name.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "root".into())
}
