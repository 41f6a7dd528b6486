//! Which `Host` and `Origin` values are answered: exact lists, no patterns.
//!
//! The Host list stops DNS rebinding (a foreign name that resolves to us); the Origin list stops other
//! sites' pages from using a browser's cookie.

use std::net::{IpAddr, SocketAddr};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doors {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Doors {
    /// The listener's own names, the configured origins and the hosts they imply, and the configured hosts.
    /// A listener on every address has no name of its own but the loopback ones; the rest is configured.
    pub fn new(listen: SocketAddr, hosts: &[String], origins: &[String]) -> Self {
        let own = own_names(listen.ip());
        let port = listen.port();
        let mut doors = Self { hosts: Vec::new(), origins: Vec::new() };
        for name in own {
            doors.add_origin(&format!("http://{name}:{port}"));
        }
        for origin in origins {
            doors.add_origin(origin);
        }
        doors.hosts.extend(hosts.iter().map(|h| h.to_ascii_lowercase()));
        doors
    }

    fn add_origin(&mut self, origin: &str) {
        let origin = origin.to_ascii_lowercase();
        let Some((scheme, host)) = origin.split_once("://") else { return };
        let default = if scheme == "https" { ":443" } else { ":80" };
        // Browsers leave a scheme's own port out; proxies may put it in.
        let bare = host.strip_suffix(default).unwrap_or(host).to_owned();
        let ends_with_port =
            bare.rsplit_once(':').is_some_and(|(_, p)| p.bytes().all(|b| b.is_ascii_digit()));
        if !ends_with_port || bare.ends_with(']') {
            self.hosts.push(format!("{bare}{default}"));
        }
        self.origins.push(format!("{scheme}://{bare}"));
        self.hosts.push(bare);
    }

    /// Whether a request may name this host; the case of letters does not count, everything else does.
    pub fn host(&self, host: &str) -> bool {
        self.hosts.iter().any(|h| h.eq_ignore_ascii_case(host))
    }

    /// Whether a page of this origin may use us. `null` never may.
    pub fn origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|o| o == origin)
    }

    /// For the metrics listener: also any IP address and any name without a dot, which no foreign site can
    /// have, so that a scraper needs no configuration.
    pub fn scraper_host(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let unbracketed = name.trim_start_matches('[').trim_end_matches(']');
        let plain =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        self.host(host) || unbracketed.parse::<IpAddr>().is_ok() || plain
    }
}

fn own_names(ip: IpAddr) -> Vec<String> {
    if ip.is_loopback() || ip.is_unspecified() {
        vec!["127.0.0.1".into(), "localhost".into(), "[::1]".into()]
    } else if ip.is_ipv6() {
        vec![format!("[{ip}]")]
    } else {
        vec![ip.to_string()]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn doors() -> Doors {
        Doors::new(
            "127.0.0.1:7878".parse().unwrap(),
            &["Jarvis:7878".into()],
            &["https://jarvis.lan".into(), "http://127.0.0.1:8080".into(), "http://plain.lan:80".into()],
        )
    }

    #[test]
    fn hosts_are_matched_exactly() {
        for (host, answered) in [
            ("127.0.0.1:7878", true),
            ("localhost:7878", true),
            ("LOCALHOST:7878", true),
            ("[::1]:7878", true),
            ("jarvis:7878", true),
            ("jarvis.lan", true),
            ("jarvis.lan:443", true),
            ("127.0.0.1:8080", true),
            ("plain.lan", true),
            ("plain.lan:80", true),
            ("jarvis.lan:80", false),
            ("localhost", false),
            ("localhost:7879", false),
            ("localhost.:7878", false),
            ("jarvis.lan.evil.example", false),
            ("evil.example", false),
            ("evil.example:7878", false),
            ("127.0.0.1:7878@evil.example", false),
            ("", false),
        ] {
            assert_eq!(doors().host(host), answered, "{host}");
        }
    }

    #[test]
    fn origins_are_matched_exactly() {
        for (origin, allowed) in [
            ("https://jarvis.lan", true),
            ("http://127.0.0.1:8080", true),
            ("http://127.0.0.1:7878", true),
            ("http://localhost:7878", true),
            ("http://plain.lan", true),
            ("http://jarvis.lan", false),
            ("https://jarvis.lan:443", false),
            ("https://jarvis.lan/", false),
            ("https://jarvis.lan.evil.example", false),
            ("https://evil.example", false),
            ("http://jarvis:7878", false),
            ("null", false),
            ("", false),
            ("*", false),
        ] {
            assert_eq!(doors().origin(origin), allowed, "{origin}");
        }
    }

    #[test]
    fn a_scraper_may_use_addresses_and_short_names_but_no_foreign_domain() {
        for (host, answered) in [
            ("192.168.1.5:9878", true),
            ("jarvisd:9878", true),
            ("[fd00::1]:9878", true),
            ("jarvis.lan", true),
            ("evil.example:9878", false),
            ("evil.example", false),
            ("", false),
            (":9878", false),
        ] {
            assert_eq!(doors().scraper_host(host), answered, "{host}");
        }
    }

    proptest! {
        #[test]
        fn nothing_longer_than_an_entry_matches(tail in "[a-z0-9.:@/-]{1,20}") {
            let doors = doors();
            let (origin, host) = (format!("https://jarvis.lan{tail}"), format!("jarvis.lan{tail}"));
            prop_assert!(!doors.origin(&origin));
            // `:443` is the one spelling of the same place.
            prop_assume!(tail != ":443");
            prop_assert!(!doors.host(&host));
        }
    }
}
