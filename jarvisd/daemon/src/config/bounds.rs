//! Values that can be read and still make no sense: a lock-out over no time, a session of no length, a host with a
//! scheme. Each is refused with its key and what to give.
//!
//! Not here: the sections of the cluster, SSH and the terminal, which `load.rs` checks beside their own meaning.

use super::{Access, Config, ConfigError, Data, Server};

/// Less would be gone before anybody saw it.
const EVENTS_MIN: u64 = 100;
/// Below this not even an hour of a small cluster fits.
const HISTORY_BYTES_MIN: u64 = 1024 * 1024;
/// Far beyond any disk, and still a number SQLite can count with.
const HISTORY_BYTES_MAX: u64 = 1 << 50;

struct Bound {
    key: &'static str,
    value: u64,
    min: u64,
    max: u64,
    todo: &'static str,
}

/// Whether every value lies where it makes sense.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let bounds = server(&config.server).into_iter().chain(data(&config.data)).chain(access(&config.access));
    for bound in bounds {
        if !(bound.min..=bound.max).contains(&bound.value) {
            return Err(bad(bound.key, bound.value, bound.todo));
        }
    }
    if config.data.dir.as_os_str().is_empty() {
        return Err(bad("data.dir", "empty", "name the directory of the database"));
    }
    for origin in &config.server.origins {
        if !is_origin(origin) {
            return Err(bad("server.origins", origin, "give scheme://host[:port] without a path"));
        }
    }
    for host in &config.server.hosts {
        if !is_host(host) {
            return Err(bad(
                "server.hosts",
                host,
                "give host[:port] as a browser sends it, without a scheme",
            ));
        }
    }
    Ok(())
}

fn server(server: &Server) -> Vec<Bound> {
    let bound = |key, value, min, max, todo| Bound { key, value, min, max, todo };
    vec![
        bound("server.workers", server.workers.into(), 1, 8, "give 1 to 8"),
        bound("server.stop_grace_s", server.stop_grace_s.into(), 0, 300, "give 0 to 300"),
        bound("server.sockets_max", server.sockets_max.into(), 1, 65_535, "give 1 or more"),
    ]
}

fn data(data: &Data) -> Vec<Bound> {
    let bound = |key, value, min, max, todo| Bound { key, value, min, max, todo };
    vec![
        bound("data.events_days", data.events_days.into(), 1, 65_535, "give 1 or more"),
        bound("data.events_max", data.events_max.into(), EVENTS_MIN, u64::MAX, "give 100 or more"),
        bound(
            "data.history_bytes_max",
            data.history_bytes_max,
            HISTORY_BYTES_MIN,
            HISTORY_BYTES_MAX,
            "give 1048576 (1 MiB) or more",
        ),
    ]
}

fn access(access: &Access) -> Vec<Bound> {
    let bound = |key, value, min, max, todo| Bound { key, value, min, max, todo };
    vec![
        bound("access.session_idle_hours", access.session_idle_hours.into(), 1, 8_784, "give 1 to 8784"),
        bound("access.session_days", access.session_days.into(), 1, 366, "give 1 to 366"),
        bound("access.fresh_minutes", access.fresh_minutes.into(), 1, 1_440, "give 1 to 1440"),
        bound("access.password_length_min", access.password_length_min.into(), 8, 128, "give 8 to 128"),
        bound("access.attempts_max", access.attempts_max.into(), 1, 20, "give 1 to 20"),
        // Over no time at all no attempt would ever count.
        bound(
            "access.attempts_window_minutes",
            access.attempts_window_minutes.into(),
            1,
            1_440,
            "give 1 to 1440",
        ),
    ]
}

fn bad(key: &'static str, value: impl ToString, todo: &'static str) -> ConfigError {
    let value = value.to_string();
    ConfigError::Value { key, value: if value.is_empty() { "empty".into() } else { value }, todo }
}

fn is_origin(s: &str) -> bool {
    s.strip_prefix("https://").or_else(|| s.strip_prefix("http://")).is_some_and(is_host)
}

/// `jarvis.lan`, `192.168.1.5:8080`, `[fd00::1]:443`.
fn is_host(s: &str) -> bool {
    let (name, port) = match s.rsplit_once(':') {
        Some((name, port)) if !s.ends_with(']') => (name, Some(port)),
        _ => (s, None),
    };
    let port_good = port.is_none_or(|p| p.parse::<u16>().is_ok_and(|n| n > 0) && !p.starts_with('+'));
    let bracketed = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let name_good = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_')),
    };
    port_good && name_good
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_origins_are_what_a_browser_can_send() {
        for good in ["jarvis.lan", "jarvis.lan:8443", "192.168.1.5", "[fd00::1]", "[fd00::1]:443", "my_host"]
        {
            assert!(is_host(good), "{good}");
            assert!(is_origin(&format!("https://{good}")), "{good}");
        }
        for bad in [
            "", ":80", "a:", "a:0", "a:99999", "a:+80", "a b", "a/b", "http://a", "*", "*.lan", "a@b", "[a]",
            "::1", "a?b", "a#b", "null:x",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
        for bad in ["null", "*", "ftp://a", "https://", "HTTPS://a", "https://a/", "https://a:99999"] {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn a_value_that_switches_something_off_by_accident_is_refused() {
        let refused = |change: fn(&mut Config)| {
            let mut config = Config::default();
            assert!(check(&config).is_ok());
            change(&mut config);
            check(&config).unwrap_err().to_string()
        };
        assert!(refused(|c| c.access.attempts_window_minutes = 0).contains("attempts_window_minutes"));
        assert!(refused(|c| c.access.session_idle_hours = 0).contains("session_idle_hours"));
        assert!(refused(|c| c.access.session_days = 0).contains("session_days"));
        assert!(refused(|c| c.access.fresh_minutes = 0).contains("fresh_minutes"));
        assert!(refused(|c| c.access.password_length_min = 255).contains("password_length_min"));
        assert!(refused(|c| c.server.sockets_max = 0).contains("sockets_max"));
        assert!(refused(|c| c.server.stop_grace_s = u16::MAX).contains("stop_grace_s"));
        assert!(refused(|c| c.data.events_days = 0).contains("events_days"));
        assert!(refused(|c| c.data.events_max = 0).contains("events_max"));
        assert!(refused(|c| c.data.history_bytes_max = 0).contains("history_bytes_max"));
        assert!(refused(|c| c.data.dir = "".into()).contains("data.dir` is empty"));
        assert!(refused(|c| c.server.hosts = vec![String::new()]).contains("server.hosts` is empty"));
        assert!(refused(|c| c.server.hosts = vec!["https://a".into()]).contains("server.hosts"));
    }
}
