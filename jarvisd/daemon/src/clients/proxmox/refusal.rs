//! What an HTTP status other than 200 means: Proxmox speaks in status, reason phrase and message, in turns.
//!
//! Not here: failures without an HTTP answer (transport).

use std::collections::BTreeMap;

use jarvis_core::cluster::reading::Resources;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::ask::Ask;
use super::error::{ErrorKind, quoted};

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    message: Option<String>,
    /// Parameter → what is wrong with it.
    #[serde(default)]
    errors: Option<BTreeMap<String, Box<RawValue>>>,
}

/// `reason` is the reason phrase; the body may be empty, JSON, or anything.
pub(super) fn explain(status: u16, reason: &str, body: &[u8], ask: &Ask) -> ErrorKind {
    let said: Option<Refusal> = serde_json::from_slice(body).ok();
    let start: String =
        quoted(&String::from_utf8_lossy(body.get(..200).unwrap_or(body))).chars().take(60).collect();
    let foreign = said.is_none() && start.starts_with('<');
    let message = message(said.unwrap_or_default(), reason);
    match status {
        401 => ErrorKind::Unauthorized { reason: message },
        403 => ErrorKind::Forbidden { what: message },
        // A page instead of a message: a proxy in between speaks, not Proxmox.
        _ if foreign => ErrorKind::NotJson { status, start },
        400 => ErrorKind::Rejected { message },
        404 | 501 => ErrorKind::NotImplemented { message },
        595..=599 => {
            let node = ask.about.as_ref().map_or_else(|| "(unnamed)".to_owned(), ToString::to_string);
            ErrorKind::NodeGone { node, status, reason: message }
        }
        500 if no_quorum(&message) => ErrorKind::NoQuorum { message },
        500 if absent(&message) => ErrorKind::Absent { message },
        _ => ErrorKind::Server { status, message },
    }
}

/// Proxmox refuses nothing to a token without rights: it answers 200 and leaves the rows out. Taken at its word such
/// an answer would say that every guest is gone.
pub(super) fn stripped(seen: &Resources) -> Option<String> {
    let bare = seen.nodes.iter().all(|n| n.mem_total_bytes.is_none() && n.cpu.is_none());
    (bare && seen.guests.is_empty() && seen.storages.is_empty()).then(|| {
        "the list holds no guest, no storage and no figure of a node; a token with privilege separation needs a role \
         of its own (PVEAuditor on /)"
            .into()
    })
}

fn message(said: Refusal, reason: &str) -> String {
    let mut text =
        said.message.map(|m| quoted(&m)).filter(|m| !m.is_empty()).unwrap_or_else(|| quoted(reason));
    for (name, what) in said.errors.unwrap_or_default() {
        let what: String = serde_json::from_str(what.get()).unwrap_or_else(|_| what.get().to_owned());
        text = format!("{} {name}: {what}", text.trim_end_matches('.'));
    }
    quoted(&text)
}

/// The three ways in which Proxmox says that it may not write: power actions, guest configurations, and
/// everything that takes a cluster lock.
fn no_quorum(message: &str) -> bool {
    message.contains("no quorum") || (message.contains("/etc/pve/") && message.ends_with("Permission denied"))
}

fn absent(message: &str) -> bool {
    message.contains("does not exist") || message.contains("no such ")
}

#[cfg(test)]
mod tests {
    use jarvis_core::tools::words::deceives;

    use super::*;

    fn kind(status: u16, reason: &str, body: &str) -> ErrorKind {
        let node = "agent".parse().unwrap();
        explain(status, reason, body.as_bytes(), &Ask::node_status(&node))
    }

    #[test]
    fn every_status_has_its_meaning() {
        let with = |m: &str| format!(r#"{{"data":null,"message":"{m}\n"}}"#);
        let quorum =
            "unable to open file '/etc/pve/nodes/Home/qemu-server/101.conf.tmp.108' - Permission denied";
        let cases = [
            (401, "No ticket", String::new(), "unauthorized"),
            (403, "x", with("Permission check failed (/vms/100, VM.PowerMgmt)"), "forbidden"),
            (400, "Parameter verification failed.", with("Parameter verification failed."), "rejected"),
            (501, "x", with("Method 'GET /nope' not implemented"), "not_implemented"),
            (595, "No route to host", String::new(), "node_gone"),
            (596, "Connection timed out", String::new(), "node_gone"),
            (500, "cluster not ready - no quorum?", String::new(), "no_quorum"),
            (
                500,
                "x",
                with("update storage failed: cfs-lock 'file-storage_cfg' error: no quorum!"),
                "no_quorum",
            ),
            (500, "x", with(quorum), "no_quorum"),
            (500, "x", with("Configuration file 'nodes/pve/qemu-server/999.conf' does not exist"), "absent"),
            (500, "got timeout", String::new(), "server"),
            (502, "Bad Gateway", "<html><h1>502</h1></html>".into(), "not_json"),
            (503, "Service Unavailable", String::new(), "server"),
        ];
        for (status, reason, body, word) in cases {
            assert_eq!(kind(status, reason, &body).word(), word, "{status} {reason} {body}");
        }
    }

    #[test]
    fn the_message_says_which_parameter_was_wrong() {
        let body = r#"{"data":null,"errors":{"timeout":"type check ('integer') failed - got 'abc'"},"message":"Parameter verification failed.\n"}"#;
        let ErrorKind::Rejected { message } = kind(400, "", body) else { panic!() };
        assert_eq!(
            message,
            "Parameter verification failed timeout: type check ('integer') failed - got 'abc'"
        );
    }

    #[test]
    fn a_hostile_message_stays_one_bounded_line() {
        let body = format!(r#"{{"message":"{}\n\u001b[31mred\u202e"}}"#, "x".repeat(10));
        let text = kind(500, "", &body).to_string();
        assert!(text.contains("xx") && !text.contains(deceives), "{text}");
        let body = format!(r#"{{"message":"{}"}}"#, "x".repeat(10_000));
        assert!(kind(500, "", &body).to_string().len() < 400);
    }
}
