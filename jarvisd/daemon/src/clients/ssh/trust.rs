//! Pinned host keys, in OpenSSH's known_hosts format. A host without an entry is not trusted; there is no switch.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use sha2::{Digest, Sha256};
use ssh2::{CheckResult, KnownHostFileKind, Session};

use super::{Target, error::SshError};

/// Key types we speak, strongest first.
const KEY_TYPES: [&str; 4] = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"];

/// The text of a known_hosts file.
#[derive(Debug, Clone, Default)]
pub struct HostKeys {
    lines: Vec<String>,
}

/// A key a server offered: for the operator to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// `SHA256:…`, as `ssh-keygen -lf` prints it.
    pub fingerprint: String,
    /// The line that pins it.
    pub line: String,
    pub standing: Standing,
}

/// How an offered key stands to what is pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Pinned,
    /// Another key is pinned for this host.
    Changed,
    Unknown,
}

impl HostKeys {
    pub fn parse(text: &str) -> Self {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
            .map(str::to_owned)
            .collect();
        Self { lines }
    }

    /// The key exchange must offer a pinned type first, or another key of the same host would be "unknown".
    pub(super) fn preference(&self, target: &Target) -> String {
        let name = host_name(target);
        let pinned: Vec<&str> = self
            .lines
            .iter()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let hosts = words.next()?;
                let kind = words.next()?;
                // A hashed entry tells nothing here; libssh2 checks it all the same.
                hosts.split(',').any(|h| h == name).then_some(kind)
            })
            .collect();
        let known =
            |kind: &str| pinned.contains(&kind) || (kind.starts_with("rsa-") && pinned.contains(&"ssh-rsa"));
        let mut order: Vec<&str> = KEY_TYPES.into_iter().filter(|k| known(k)).collect();
        order.extend(KEY_TYPES.into_iter().filter(|k| !known(k)));
        order.join(",")
    }

    /// The key that a server has shown, and how it stands.
    pub(super) fn offered(&self, session: &Session, target: &Target) -> Result<Offered, SshError> {
        let standing = match self.check(session, target) {
            Ok(()) => Standing::Pinned,
            Err(SshError::HostKeyChanged { .. }) => Standing::Changed,
            Err(SshError::HostKeyUnknown { .. }) => Standing::Unknown,
            Err(other) => return Err(other),
        };
        let odd =
            || SshError::KnownHosts { place: target.host.clone(), reason: "the key has no type".into() };
        let (key, _) = session.host_key().ok_or_else(odd)?;
        let line =
            format!("{} {} {}", host_name(target), key_type(key).ok_or_else(odd)?, STANDARD.encode(key));
        Ok(Offered { fingerprint: fingerprint(key), line, standing })
    }

    /// The text with this key as the only one of its host; lines of others and remarks stay as they are.
    pub fn pinned(text: &str, target: &Target, offered: &Offered) -> String {
        let name = host_name(target);
        let of_host = |line: &str| {
            line.split_whitespace().next().is_some_and(|hosts| hosts.split(',').any(|host| host == name))
        };
        let kept = text.lines().filter(|line| line.trim_start().starts_with('#') || !of_host(line));
        let lines: Vec<&str> = kept.chain([offered.line.as_str()]).collect();
        lines.join("\n") + "\n"
    }

    pub(super) fn check(&self, session: &Session, target: &Target) -> Result<(), SshError> {
        let address = format!("{}:{}", target.host, target.port);
        let broken = |reason: String| SshError::Handshake {
            node: target.node.clone(),
            address: address.clone(),
            step: "checking the host key",
            reason,
        };
        let (key, _) = session.host_key().ok_or_else(|| broken("the server showed none".into()))?;
        let mut known = session.known_hosts().map_err(|e| broken(e.message().into()))?;
        for line in &self.lines {
            // One odd line must not make the others unknown: the check below fails closed.
            if let Err(error) = known.read_str(line, KnownHostFileKind::OpenSSH) {
                tracing::warn!(%error, "a line of the known-hosts file cannot be read and is left out");
            }
        }
        let node = target.node.clone();
        match known.check_port(&target.host, target.port, key) {
            CheckResult::Match => Ok(()),
            CheckResult::Mismatch => {
                Err(SshError::HostKeyChanged { node, address, fingerprint: fingerprint(key) })
            }
            CheckResult::NotFound => {
                Err(SshError::HostKeyUnknown { node, address, fingerprint: fingerprint(key) })
            }
            CheckResult::Failure => Err(broken("libssh2 could not compare it".into())),
        }
    }
}

/// As OpenSSH names a host in its file.
fn host_name(target: &Target) -> String {
    if target.port == 22 { target.host.clone() } else { format!("[{}]:{}", target.host, target.port) }
}

/// A key begins with the name of its type, preceded by its length.
fn key_type(key: &[u8]) -> Option<&str> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let name = std::str::from_utf8(rest.get(..length)?).ok()?;
    name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'@' | b'.')).then_some(name)
}

/// As `ssh-keygen -l` prints it.
pub(super) fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(port: u16) -> Target {
        Target { node: "pve".parse().unwrap(), host: "10.0.0.1".into(), port, user: "jarvis".into() }
    }

    #[test]
    fn a_pinned_type_is_asked_for_first() {
        let keys =
            HostKeys::parse("# mine\n[10.0.0.1]:2222 ecdsa-sha2-nistp256 AAAA\n10.0.0.1 ssh-rsa BBBB\n");
        assert!(keys.preference(&target(2222)).starts_with("ecdsa-sha2-nistp256,ssh-ed25519"));
        assert!(keys.preference(&target(22)).starts_with("rsa-sha2-512,rsa-sha2-256,ssh-ed25519"));
    }

    #[test]
    fn a_pinned_key_replaces_its_hosts_own_line_only() {
        let offered = Offered {
            fingerprint: "SHA256:x".into(),
            line: "[10.0.0.1]:2222 ssh-ed25519 NEW".into(),
            standing: Standing::Changed,
        };
        let text = "# mine\n[10.0.0.1]:2222 ssh-ed25519 OLD\n10.0.0.1 ssh-ed25519 STAYS\n";
        let pinned = HostKeys::pinned(text, &target(2222), &offered);
        assert_eq!(pinned, "# mine\n10.0.0.1 ssh-ed25519 STAYS\n[10.0.0.1]:2222 ssh-ed25519 NEW\n");
        assert_eq!(HostKeys::pinned("", &target(2222), &offered), "[10.0.0.1]:2222 ssh-ed25519 NEW\n");
        assert_eq!(key_type(b"\0\0\0\x0bssh-ed25519rest"), Some("ssh-ed25519"));
        assert_eq!(key_type(b"\0\0\0\xffssh"), None);
    }

    #[test]
    fn a_host_that_is_not_listed_keeps_the_strongest_first() {
        assert!(HostKeys::default().preference(&target(22)).starts_with("ssh-ed25519"));
    }
}
