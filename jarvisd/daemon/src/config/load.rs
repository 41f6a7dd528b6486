//! Reads and checks the settings. Every fault is one line: which key or file, what is wrong, what to do.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use secrecy::SecretString;
use thiserror::Error;

use super::{Config, Proxmox, Ssh, Terminal};

/// A secret is a line, a CA a few certificates; more than this is the wrong file.
const TEXT_BYTES_MAX: u64 = 128 * 1024;

#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("configuration: {0}")]
    Invalid(String),
    #[error("configuration file {path} cannot be read: {source}; check the path and its permissions")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(
        "configuration: `{key}` names {path}, which cannot be read: {source}; check the path and its permissions"
    )]
    File { key: &'static str, path: PathBuf, source: std::io::Error },
    #[error("configuration: `{key}` is {value}; {todo}")]
    Value { key: &'static str, value: String, todo: &'static str },
}

/// Reads `file` (or only the defaults) and lays the environment's `JARVIS_SECTION__KEY` over it.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    let mut figment = Figment::new();
    if let Some(path) = file {
        // Read here, because figment takes a missing file for an empty one.
        let text =
            settings(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        figment = figment.merge(Toml::string(&text));
    }
    let mut config: Config = figment
        .merge(Env::prefixed("JARVIS_").split("__"))
        .extract()
        .map_err(|e| ConfigError::Invalid(explain(&e, file)))?;
    check(&config)?;
    config.file = file.map(Path::to_owned);
    Ok(config)
}

/// Reads the same file and environment as for `config` once more.
pub fn again(config: &Config) -> Result<Config, ConfigError> {
    load(config.file.as_deref())
}

fn explain(error: &figment::Error, file: Option<&Path>) -> String {
    let place = file.map_or_else(|| "the environment".to_owned(), |p| p.display().to_string());
    let faults: Vec<String> = error
        .clone()
        .into_iter()
        .map(|e| {
            let key = e.path.join(".");
            let at = if key.is_empty() { String::new() } else { format!("`{key}`: ") };
            format!("{at}{}", one_line(&e.kind.to_string()))
        })
        .collect();
    format!("{} (in {place}); deploy/jarvisd.example.toml lists every key", faults.join("; "))
}

/// The parser of TOML draws the place over several lines; the log and the journal take one.
fn one_line(text: &str) -> String {
    let drawn =
        |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    let words: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty() && !drawn(l)).collect();
    words.join(": ")
}

fn check(config: &Config) -> Result<(), ConfigError> {
    super::bounds::check(config)?;
    config.ssh.as_ref().map_or(Ok(()), check_ssh)?;
    check_docker(config)?;
    check_terminal(&config.terminal)?;
    check_acting(config)?;
    config.proxmox.as_ref().map_or(Ok(()), check_proxmox)
}

fn check_acting(config: &Config) -> Result<(), ConfigError> {
    let own = &config.own;
    let named = usize::from(own.vmid.is_some()) + usize::from(own.node.is_some()) + usize::from(own.outside);
    if named > 1 {
        let value = "more than one of vmid, node and outside".into();
        return Err(ConfigError::Value { key: "own", value, todo: "give exactly one of them" });
    }
    if own.identity.is_some() && own.vmid.is_none() {
        let value = "given without own.vmid".into();
        return Err(ConfigError::Value { key: "own.identity", value, todo: "give both, or neither" });
    }
    if let Some(window) = config.policy.windows.iter().find(|window| window.bounds_ms().is_none()) {
        let value = format!("{} to {}", window.from, window.until);
        let todo = "give two times like 2026-11-22T22:00:00Z, the earlier one first";
        return Err(ConfigError::Value { key: "policy.windows", value, todo });
    }
    let limits = &config.policy.limits;
    let times = [
        limits.hands_off_ms,
        limits.flap_window_ms,
        limits.backoff_first_ms,
        limits.approval_ms,
        limits.permit_ms,
    ];
    if times.iter().any(|ms| *ms <= 0) || limits.looks_min == 0 {
        let value = "zero or less in one of its times or in looks_min".into();
        return Err(ConfigError::Value { key: "policy.limits", value, todo: "give figures above zero" });
    }
    Ok(())
}

fn check_docker(config: &Config) -> Result<(), ConfigError> {
    let bad = |key, value: String, todo| Err(ConfigError::Value { key, value, todo });
    for (n, host) in config.docker.hosts.iter().enumerate() {
        if let Some(todo) = host.fault() {
            return bad("docker.hosts", format!("unclear for host {}", host.name), todo);
        }
        if host.ssh_host.is_some() && config.ssh.is_none() {
            let value = format!("by SSH for host {}", host.name);
            return bad("docker.hosts", value, "add [ssh], whose key and host keys are used");
        }
        if host.ssh_host.is_some() && host.name.as_str().parse::<jarvis_core::cluster::NodeName>().is_err() {
            let value = format!("`{}`", host.name);
            return bad("docker.hosts.name", value, "over SSH give letters, digits and hyphens only");
        }
        if config.docker.hosts.iter().take(n).any(|other| other.name == host.name) {
            return bad("docker.hosts.name", format!("`{}` twice", host.name), "give each host its own name");
        }
    }
    for node in &config.wake.nodes {
        if node.mac.as_deref().is_some_and(|mac| mac.parse::<crate::clients::wake::Mac>().is_err()) {
            let value = format!("no hardware address (node {})", node.name);
            return bad("wake.nodes.mac", value, "give it as AA:BB:CC:DD:EE:FF");
        }
    }
    Ok(())
}

fn check_proxmox(proxmox: &Proxmox) -> Result<(), ConfigError> {
    let bad = |key, value: String, todo| Err(ConfigError::Value { key, value, todo });
    if proxmox.nodes.is_empty() {
        return bad("proxmox.nodes", "empty".into(), "give at least one node's name and url");
    }
    for (i, node) in proxmox.nodes.iter().enumerate() {
        if proxmox.nodes.iter().take(i).any(|other| other.name == node.name) {
            let value = format!("`{}` twice", node.name);
            return bad("proxmox.nodes.name", value, "give each node one entry, with its own name");
        }
        let host = node.url.strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
        if host.is_none_or(|h| h.is_empty() || h.contains(['/', '?', '#', '@'])) {
            return bad("proxmox.nodes.url", node.url.clone(), "give https://ADDRESS:8006");
        }
        if node.fingerprint.as_deref().is_some_and(|f| !is_fingerprint(f)) {
            return bad(
                "proxmox.nodes.fingerprint",
                format!("not a SHA-256 fingerprint (node {})", node.name),
                "give 32 bytes in hex, as `AA:BB:…`",
            );
        }
        if node.fingerprint.is_none() && proxmox.ca_file.is_none() {
            return bad(
                "proxmox.ca_file",
                format!("missing, and node {} has no fingerprint", node.name),
                "copy /etc/pve/pve-root-ca.pem from a node and name it here",
            );
        }
    }
    let poll = &proxmox.poll;
    if !(500..=10_000).contains(&poll.watched_ms) {
        return bad("proxmox.poll.watched_ms", poll.watched_ms.to_string(), "give 500 to 10000");
    }
    if !(5_000..=60_000).contains(&poll.idle_ms) {
        return bad("proxmox.poll.idle_ms", poll.idle_ms.to_string(), "give 5000 to 60000");
    }
    if !(6..=600).contains(&poll.idle_requests_per_minute) {
        let value = poll.idle_requests_per_minute.to_string();
        return bad("proxmox.poll.idle_requests_per_minute", value, "give 6 to 600");
    }
    Ok(())
}

fn check_ssh(ssh: &Ssh) -> Result<(), ConfigError> {
    let bad = |key, value: &str, todo| Err(ConfigError::Value { key, value: value.to_owned(), todo });
    if !is_user(&ssh.user) {
        return bad("ssh.user", &ssh.user, "give the name of a user on the nodes");
    }
    for (at, node) in ssh.nodes.iter().enumerate() {
        if !is_host(&node.host) {
            return bad("ssh.nodes.host", &node.host, "give an address or a name, without a port");
        }
        if ssh.nodes.iter().skip(at + 1).any(|other| other.name == node.name) {
            return bad("ssh.nodes.name", node.name.as_str(), "list each node once");
        }
    }
    if !(10..=3_600).contains(&ssh.sensors_s) {
        return bad("ssh.sensors_s", &ssh.sensors_s.to_string(), "give 10 to 3600");
    }
    Ok(())
}

fn check_terminal(terminal: &Terminal) -> Result<(), ConfigError> {
    let bad = |key, value: String, todo| Err(ConfigError::Value { key, value, todo });
    if let Some(user) = terminal.user.as_ref().filter(|user| !is_user(user)) {
        return bad("terminal.user", user.clone(), "give the name of a user on the nodes");
    }
    if !(1..=86_400).contains(&terminal.idle_s) {
        return bad("terminal.idle_s", terminal.idle_s.to_string(), "give 1 to 86400");
    }
    if terminal.resume_s > 600 {
        return bad("terminal.resume_s", terminal.resume_s.to_string(), "give 0 to 600");
    }
    if !(1..=64).contains(&terminal.sessions_max) {
        return bad("terminal.sessions_max", terminal.sessions_max.to_string(), "give 1 to 64");
    }
    Ok(())
}

/// What `useradd` takes and nothing a program could read as an option.
fn is_user(s: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=32).contains(&s.len()) && s.bytes().all(plain) && !s.starts_with(['-', '.'])
}

/// A name or an IPv4 or IPv6 address.
fn is_host(s: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'_');
    let ported = s.matches(':').count() == 1;
    !s.is_empty() && s.bytes().all(plain) && !s.starts_with('-') && !ported
}

/// 32 bytes in hex, colons or not.
fn is_fingerprint(s: &str) -> bool {
    let hex: String = s.chars().filter(|c| *c != ':').collect();
    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Reads a secret from the file a `*_file` key names; white space at its end does not count.
pub fn secret(key: &'static str, path: &Path) -> Result<SecretString, ConfigError> {
    let text = text(key, path)?;
    let secret = text.trim_end();
    if secret.is_empty() {
        let value = format!("{}, which is empty", path.display());
        return Err(ConfigError::Value { key, value, todo: "write the secret into it" });
    }
    Ok(SecretString::from(secret.to_owned()))
}

/// The text of the settings, which may come through a pipe, but not without end.
fn settings(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > TEXT_BYTES_MAX {
        let what = format!("it has more than {TEXT_BYTES_MAX} bytes, which no settings have");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
    }
    Ok(text)
}

/// Reads a small text file that a key names. Never more of it than such a file can have, and no pipe or device, on
/// which reading might never end.
pub fn text(key: &'static str, path: &Path) -> Result<String, ConfigError> {
    let fault = |source| ConfigError::File { key, path: path.to_owned(), source };
    let about = std::fs::metadata(path).map_err(fault)?;
    if !about.is_file() {
        let value = format!("{}, which is no regular file", path.display());
        return Err(ConfigError::Value { key, value, todo: "name the right file" });
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(fault)?;
    let read = file.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text).map_err(fault)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > TEXT_BYTES_MAX {
        let value = format!("{}, which has more than {TEXT_BYTES_MAX} bytes", path.display());
        return Err(ConfigError::Value { key, value, todo: "name the right file" });
    }
    // Some editors put an invisible mark in front.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        load(Some(file.path()))
    }

    const NODE: &str = "[proxmox]\ntoken_file = \"t\"\nca_file = \"c\"\n[[proxmox.nodes]]\nname = \"pve\"\n";

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:7878");
        assert!(config.proxmox.is_none());
    }

    const SSH: &str = "[ssh]\nuser = \"jarvis\"\nkey_file = \"k\"\nknown_hosts_file = \"h\"\n[[ssh.nodes]]\nname = \"pve\"\n";

    #[test]
    fn a_node_has_the_usual_port_and_terminals_their_limits() {
        let config = parse(&format!("{SSH}host = \"10.0.0.1\"\n")).unwrap();
        assert_eq!(config.ssh.unwrap().nodes[0].port, 22);
        let terminal = config.terminal;
        assert_eq!((terminal.idle_s, terminal.resume_s, terminal.sessions_max), (900, 120, 8));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = parse("[server]\nlissten = \"127.0.0.1:1\"\n").unwrap_err().to_string();
        assert!(error.contains("lissten") && error.contains("example"), "{error}");
    }

    #[test]
    fn a_missing_file_is_an_error_not_an_empty_one() {
        let error = load(Some(Path::new("/nonexistent/jarvisd.toml"))).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/jarvisd.toml"), "{error}");
    }

    #[test]
    fn every_bad_value_is_refused_with_its_key() {
        for (text, key) in [
            ("[server]\nworkers = 0\n".to_owned(), "server.workers"),
            ("[server]\norigins = [\"https://a/b\"]\n".to_owned(), "server.origins"),
            ("[access]\npassword_length_min = 3\n".to_owned(), "access.password_length_min"),
            (format!("{NODE}url = \"http://10.0.0.1:8006\"\n"), "proxmox.nodes.url"),
            (format!("{NODE}url = \"https://u@h\"\n"), "proxmox.nodes.url"),
            (format!("{NODE}url = \"https://h\"\nfingerprint = \"AA\"\n"), "fingerprint"),
            (NODE.replace("ca_file = \"c\"\n", "") + "url = \"https://h\"\n", "proxmox.ca_file"),
            (format!("{NODE}url = \"https://h\"\n[proxmox.poll]\nidle_ms = 1\n"), "proxmox.poll.idle_ms"),
            (format!("{SSH}host = \"10.0.0.1:22\"\n"), "ssh.nodes.host"),
            (format!("{SSH}host = \"-oProxyCommand=x\"\n"), "ssh.nodes.host"),
            (format!("{SSH}host = \"a\"\n[[ssh.nodes]]\nname = \"pve\"\nhost = \"b\"\n"), "ssh.nodes.name"),
            (SSH.replace("jarvis", "-l") + "host = \"a\"\n", "ssh.user"),
            ("[terminal]\nuser = \"a b\"\n".into(), "terminal.user"),
            ("[terminal]\nidle_s = 0\n".into(), "terminal.idle_s"),
            ("[terminal]\nresume_s = 601\n".into(), "terminal.resume_s"),
            ("[terminal]\nsessions_max = 0\n".into(), "terminal.sessions_max"),
            ("[own]\nvmid = 103\noutside = true\n".to_owned(), "own"),
            ("[own]\nidentity = \"x\"\n".to_owned(), "own.identity"),
            ("[own]\nvmid = 99\n".to_owned(), "own.vmid"),
            ("[policy.limits]\nlooks_min = 0\n".to_owned(), "policy.limits"),
            ("[policy.limits]\nprotected = [{ gest = 100 }]\n".to_owned(), "policy.limits.protected"),
            (
                "[[policy.windows]]\nfrom = \"2026-01-02T00:00:00Z\"\nuntil = \"2026-01-01T00:00:00Z\"\n"
                    .to_owned(),
                "policy.windows",
            ),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(key), "{key}: {error}");
        }
    }

    #[test]
    fn things_are_named_in_the_settings_of_acting() {
        let config = parse(concat!(
            "[own]\nvmid = 103\nmodel_hosts = [{ guest = 110 }]\nneeds = [{ storage = \"pve/local\" }, { docker = \"mgmt\" }]\n",
            "[policy.limits]\nprotected = [{ guest = 100 }, { node = \"pve\" }]\nactions_per_hour_max = 3\n",
            "[[policy.windows]]\non = { node = \"pve\" }\nfrom = \"2026-01-01T00:00:00Z\"\nuntil = \"2026-01-01T01:00:00Z\"\n",
            "[[policy.links]]\ndependent = { guest = 101 }\non = { named = \"dns\" }\nneed = \"soft\"\n",
            "[services]\nrestart = [{ node = \"pve\", unit = \"nfs-server\" }]\n",
        ));
        let config = config.unwrap();
        assert_eq!(config.own.needs.len(), 2);
        assert_eq!(config.policy.limits.protected.len(), 2);
        assert_eq!(config.policy.limits.target_per_hour_max, 3, "left out: as before");
        assert_eq!(config.policy.windows[0].bounds_ms(), Some((1_767_225_600_000, 1_767_229_200_000)));
        assert_eq!(config.services.restart[0].unit.as_str(), "nfs-server.service");
    }

    #[test]
    fn a_fault_of_the_file_is_one_line() {
        for text in ["<xml>", "[server]\nworkers = 1\nworkers = 2\n", "{\"server\":{}}", "a = [1,\n2"] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.lines().count() == 1 && error.contains("line "), "{error}");
        }
    }

    #[test]
    fn a_node_named_twice_is_refused() {
        let twice =
            format!("{NODE}url = \"https://a\"\n[[proxmox.nodes]]\nname = \"pve\"\nurl = \"https://b\"\n");
        let error = parse(&twice).unwrap_err().to_string();
        assert!(error.contains("proxmox.nodes.name") && error.contains("pve"), "{error}");
    }

    #[test]
    fn a_secret_is_read_without_what_editors_add_and_never_from_something_endless() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "\u{feff}a@b!c=d\r\n").unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&secret("k", &file).unwrap()), "a@b!c=d");
        std::fs::write(&file, vec![b'x'; 200_000]).unwrap();
        assert!(text("k", &file).unwrap_err().to_string().contains("more than"));
        for endless in ["/dev/zero", "/dev/stdin", "/"] {
            assert!(text("k", Path::new(endless)).unwrap_err().to_string().contains(endless), "{endless}");
        }
        let settings = load(Some(Path::new("/dev/zero"))).unwrap_err().to_string();
        assert!(settings.contains("/dev/zero") && settings.contains("more than"), "{settings}");
    }

    #[test]
    fn the_example_names_every_key_with_its_default() {
        let text = include_str!("../../../../deploy/jarvisd.example.toml");
        let example = parse(text).unwrap();
        let none = parse("").unwrap();
        assert_eq!(format!("{:?}", example.server), format!("{:?}", none.server));
        assert_eq!(format!("{:?}", example.data), format!("{:?}", none.data));
        assert_eq!(format!("{:?}", example.access), format!("{:?}", none.access));
        assert_eq!(format!("{:?}", example.log), format!("{:?}", none.log));
        assert_eq!(format!("{:?}", example.metrics), format!("{:?}", none.metrics));
        assert_eq!(format!("{:?}", example.terminal), format!("{:?}", none.terminal));
        assert_eq!(format!("{:?}", example.docker), format!("{:?}", none.docker));
        assert_eq!(format!("{:?}", example.wake), format!("{:?}", none.wake));
        assert_eq!(example.ssh.unwrap().nodes[0].port, 22);
        assert_eq!(format!("{:?}", example.policy.limits), format!("{:?}", none.policy.limits));
        let poll = example.proxmox.unwrap().poll;
        assert_eq!(format!("{poll:?}"), format!("{:?}", crate::config::Poll::default()));
    }
}
