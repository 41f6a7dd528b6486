//! Whose request it is, and whether it came over TLS, when proxies stand in between.
//!
//! `X-Forwarded-*` is believed only from a configured proxy: anyone can write it.

use std::net::{IpAddr, Ipv6Addr};

/// The client's address: the peer, or behind trusted proxies the last address that none of them has.
/// `forwarded` are the values of `X-Forwarded-For` in order of appearance.
pub fn client<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpAddr],
) -> IpAddr {
    let mut nearest = peer.to_canonical();
    for value in forwarded.rev().flat_map(|header| header.rsplit(',')) {
        if !trusted.contains(&nearest) {
            break;
        }
        // What a trusted proxy wrote but we cannot read: the proxy itself is the best we know.
        let Ok(next) = value.trim().parse::<IpAddr>() else { break };
        nearest = next.to_canonical();
    }
    nearest
}

/// Whether the browser's own connection is TLS, as a trusted proxy says; we never speak TLS ourselves.
pub fn over_tls(peer: IpAddr, proto: Option<&str>, trusted: &[IpAddr]) -> bool {
    // A chain of proxies appends; the first entry is the browser's side.
    let first = proto.and_then(|p| p.split(',').next()).map(str::trim);
    trusted.contains(&peer.to_canonical()) && first.is_some_and(|p| p.eq_ignore_ascii_case("https"))
}

/// What counts as one client. An IPv6 host owns a whole /64 and could change its address at will, so the
/// network counts.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// The name under which attempts of an address are counted.
pub fn bucket(address: IpAddr) -> String {
    network(address).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(s: &str) -> IpAddr {
        s.parse().unwrap()
    }

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies() {
        let proxy = [ip("10.0.0.2"), ip("10.0.0.3")];
        for (peer, forwarded, client_is) in [
            ("1.2.3.4", vec![], "1.2.3.4"),
            ("1.2.3.4", vec!["9.9.9.9"], "1.2.3.4"),
            ("10.0.0.2", vec![], "10.0.0.2"),
            ("10.0.0.2", vec!["9.9.9.9"], "9.9.9.9"),
            ("10.0.0.2", vec!["8.8.8.8, 9.9.9.9"], "9.9.9.9"),
            ("10.0.0.2", vec!["8.8.8.8", "9.9.9.9"], "9.9.9.9"),
            ("10.0.0.2", vec!["9.9.9.9, 10.0.0.3"], "9.9.9.9"),
            ("10.0.0.2", vec!["9.9.9.9, rubbish"], "10.0.0.2"),
            ("::ffff:10.0.0.2", vec!["9.9.9.9"], "9.9.9.9"),
        ] {
            let got = client(ip(peer), forwarded.iter().copied(), &proxy);
            assert_eq!(got, ip(client_is), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn tls_is_believed_only_from_trusted_proxies() {
        let proxy = [ip("10.0.0.2")];
        assert!(over_tls(ip("10.0.0.2"), Some("https"), &proxy));
        assert!(over_tls(ip("10.0.0.2"), Some("https, http"), &proxy));
        assert!(!over_tls(ip("10.0.0.2"), Some("http"), &proxy));
        assert!(!over_tls(ip("10.0.0.2"), None, &proxy));
        assert!(!over_tls(ip("10.0.0.9"), Some("https"), &proxy));
    }

    #[test]
    fn an_ipv6_network_is_one_bucket() {
        assert_eq!(bucket(ip("2001:db8::1")), bucket(ip("2001:db8::2")));
        assert_ne!(bucket(ip("2001:db8::1")), bucket(ip("2001:db8:0:1::1")));
        assert_eq!(bucket(ip("::ffff:1.2.3.4")), "1.2.3.4");
    }
}
