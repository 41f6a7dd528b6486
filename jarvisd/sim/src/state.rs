//! Files of the state directory: the authority's certificate and key, the tokens.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

/// Writes a file only its owner can read.
pub fn write_secret(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut handle = options.open(file).with_context(|| format!("cannot write {}", file.display()))?;
    handle.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))
}

/// The kept secret of a token or the root password, or a fresh one.
pub fn kept_secret(dir: &Path, name: &str) -> anyhow::Result<String> {
    let file = dir.join(name);
    if let Ok(text) = std::fs::read_to_string(&file) {
        let text = text.trim();
        let secret = text.rsplit('=').next().unwrap_or(text);
        if !secret.is_empty() {
            return Ok(secret.to_owned());
        }
    }
    fresh_uuid()
}

/// A random UUID.
pub fn fresh_uuid() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32)))
}
