//! A request as data: method, path, time-out class; and the one function that puts a foreign text into a path.
//!
//! Not here: which node is asked and what becomes of the answer.

use std::fmt::Write;
use std::time::Duration;

use jarvis_core::cluster::{NodeName, Upid, Vmid};

use super::error::{ErrorKind, ProxmoxError};

/// TCP and TLS together. A node on the same network answers in milliseconds; two seconds leave room for a busy
/// machine and for one lost packet.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(2);
/// After this long without an answer the same question also goes to the next node. Lists come in 20 to 70 ms.
pub(super) const HEDGE_AFTER: Duration = Duration::from_millis(1_500);

/// How long an answer may take, and whether another node may be asked meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// Answered from the memory of the node that is asked: 20 to 70 ms when healthy, 3 s for a refused token.
    List,
    /// Passed on to the node it is about, which may be dying: Proxmox itself waits up to 30 s for it.
    Proxied,
    /// Runs commands on the node: services 8 s, package lists 12 s and more on a small node.
    Slow,
    /// Starts something. Writes without quorum fail after 10 s by themselves.
    Act,
}

impl Class {
    pub(super) fn answer_max(self) -> Duration {
        match self {
            Self::List => Duration::from_secs(5),
            Self::Proxied => Duration::from_secs(8),
            Self::Slow => Duration::from_secs(60),
            Self::Act => Duration::from_secs(30),
        }
    }

    /// Only a question any node answers alike, from memory, is worth asking twice.
    pub(super) fn hedged(self) -> bool {
        self == Self::List
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One request, not yet addressed to a node.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub method: Method,
    /// The path with `{node}` for ids: the label under which it is counted.
    pub template: &'static str,
    /// Below `/api2/json`, encoded, with the query.
    pub path: String,
    pub class: Class,
    /// The node whose business it is, if it is one node's.
    pub about: Option<NodeName>,
    /// `application/x-www-form-urlencoded`
    pub form: Option<String>,
}

impl Ask {
    fn get(template: &'static str, path: impl Into<String>, class: Class) -> Self {
        Self { method: Method::Get, template, path: path.into(), class, about: None, form: None }
    }

    fn about(mut self, node: &NodeName) -> Self {
        self.about = Some(node.clone());
        self
    }

    /// Under another label than `(other)`.
    pub(super) fn counted_as(mut self, template: &'static str) -> Self {
        self.template = template;
        self
    }

    pub(super) fn version() -> Self {
        Self::get("/version", "/version", Class::List)
    }

    pub(super) fn resources() -> Self {
        Self::get("/cluster/resources", "/cluster/resources", Class::List)
    }

    pub(super) fn membership() -> Self {
        Self::get("/cluster/status", "/cluster/status", Class::List)
    }

    pub(super) fn tasks() -> Self {
        Self::get("/cluster/tasks", "/cluster/tasks", Class::List)
    }

    pub(super) fn permissions() -> Self {
        Self::get("/access/permissions", "/access/permissions", Class::List)
    }

    pub(super) fn node_status(node: &NodeName) -> Self {
        Self::get("/nodes/{node}/status", format!("/nodes/{node}/status"), Class::Proxied).about(node)
    }

    /// The last hour in steps of a minute, as Proxmox itself recorded it.
    pub(super) fn node_past(node: &NodeName) -> Self {
        let path = format!("/nodes/{node}/rrddata?timeframe=hour&cf=AVERAGE");
        Self::get("/nodes/{node}/rrddata", path, Class::Proxied).about(node)
    }

    /// `kind` is `qemu` or `lxc`.
    pub(super) fn guest_status(node: &NodeName, kind: &'static str, vmid: Vmid) -> Self {
        let path = format!("/nodes/{node}/{kind}/{vmid}/status/current");
        Self::get("/nodes/{node}/{kind}/{vmid}/status/current", path, Class::Proxied).about(node)
    }

    /// `what` is `status`, or `log?start=…&limit=…`.
    pub(super) fn task(upid: &Upid, what: &str, template: &'static str) -> Result<Self, ProxmoxError> {
        let Some(node) = upid.node() else {
            return Err(misused(format!("task id {upid} names no node")));
        };
        let path = format!("/nodes/{node}/tasks/{}/{what}", segment(upid.as_str())?);
        Ok(Self::get(template, path, Class::Proxied).about(&node))
    }

    /// A read of any path, its segments given one by one, so that none of them can reach elsewhere.
    pub(super) fn raw(segments: &[&str], query: &[(&str, &str)], class: Class) -> Result<Self, ProxmoxError> {
        let mut path = String::new();
        for s in segments {
            path.push('/');
            path.push_str(&segment(s)?);
        }
        if !query.is_empty() {
            path.push('?');
            path.push_str(&form(query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))));
        }
        let about = match segments {
            ["nodes", node, ..] => node.parse().ok(),
            _ => None,
        };
        Ok(Self { about, ..Self::get("(other)", path, class) })
    }
}

fn misused(what: String) -> ProxmoxError {
    ProxmoxError::unplaced(ErrorKind::Misconfigured { what })
}

/// One path segment: everything but letters, digits and `-._~` is percent-encoded, so it stays one segment.
///
/// # Errors
/// Empty, `.` and `..`: URL parsers resolve those however they are encoded.
pub(super) fn segment(text: &str) -> Result<String, ProxmoxError> {
    if matches!(text, "" | "." | "..") {
        return Err(misused(format!("`{text}` cannot be part of a path")));
    }
    Ok(percent(text))
}

/// Names and values as a query or form body.
pub(super) fn form(pairs: impl IntoIterator<Item = (String, String)>) -> String {
    let pairs: Vec<String> =
        pairs.into_iter().map(|(k, v)| format!("{}={}", percent(&k), percent(&v))).collect();
    pairs.join("&")
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::Url;

    use super::*;

    fn path_of(encoded: &str) -> Vec<String> {
        let url = Url::parse("https://h:8006")
            .unwrap()
            .join(&format!("/api2/json/nodes/{encoded}/status"))
            .unwrap();
        assert_eq!((url.query(), url.fragment()), (None, None));
        url.path_segments().unwrap().map(str::to_owned).collect()
    }

    fn unpercent(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(b) = bytes.next() {
            if b == b'%' {
                let pair = [bytes.next().unwrap(), bytes.next().unwrap()];
                out.push(u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap());
            } else {
                out.push(b);
            }
        }
        out
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_segment(text in prop_oneof![any::<String>(), "[./%?#:@!\\\\ ]{0,8}", ".*\\.\\..*"]) {
            match segment(&text) {
                Ok(encoded) => {
                    let parts = path_of(&encoded);
                    prop_assert_eq!(parts.len(), 5);
                    prop_assert_eq!(&parts[..3], &["api2", "json", "nodes"]);
                    prop_assert_eq!(parts[4].as_str(), "status");
                    prop_assert_eq!(unpercent(&parts[3]), text.as_bytes());
                }
                Err(_) => prop_assert!(matches!(text.as_str(), "" | "." | "..")),
            }
        }

        #[test]
        fn no_value_adds_a_parameter(key in "[a-z]{1,8}", value in any::<String>()) {
            let ask = Ask::raw(&["cluster", "log"], &[(&key, &value)], Class::List).unwrap();
            let url = Url::parse("https://h:8006").unwrap().join(&ask.path).unwrap();
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            prop_assert_eq!(pairs, vec![(key, value)]);
            prop_assert_eq!(url.path(), "/cluster/log");
        }
    }

    #[test]
    fn a_upid_travels_as_proxmox_writes_it() {
        let upid: Upid = "UPID:Home:000002BF:0009E529:6B0330F7:qmstart:101:root@pam!full:".parse().unwrap();
        let ask = Ask::task(&upid, "status", "/nodes/{node}/tasks/{upid}/status").unwrap();
        assert_eq!(
            ask.path,
            "/nodes/Home/tasks/UPID%3AHome%3A000002BF%3A0009E529%3A6B0330F7%3Aqmstart%3A101%3Aroot%40pam%21full%3A/status"
        );
    }
}
