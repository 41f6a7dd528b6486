//! What can go wrong between here and Proxmox, as a closed set, each with one line for a person.
//!
//! Not here: which of these moves on to the next node (fail-over) and which becomes which HTTP status.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use jarvis_core::cluster::NodeName;
use jarvis_core::tools::words::deceives;
use thiserror::Error;

/// A failure: where it happened and what it was. `Display` is one line: what, at which node and path, what to do.
#[derive(Debug, Clone)]
pub struct ProxmoxError {
    /// Missing when nothing was sent: the settings are wrong.
    pub place: Option<Box<Place>>,
    pub kind: ErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// Which request, to which node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub node: NodeName,
    /// `https://192.168.1.50:8006`
    pub url: String,
    pub method: &'static str,
    /// Path below `/api2/json`, ids filled in.
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ErrorKind {
    #[error("{what}")]
    Misconfigured { what: String },
    #[error("cannot be reached ({why}); check that the node is up and that pveproxy listens at this address")]
    Unreachable { why: String },
    #[error("no answer within {after_ms} ms; check the node's load and the network to it")]
    TimedOut { after_ms: u64 },
    #[error("the connection broke off before the answer was complete; check the network and pveproxy's log")]
    Interrupted,
    #[error(
        "its certificate was not signed by the configured CA; set proxmox.ca_file to this cluster's \
         /etc/pve/pve-root-ca.pem, or pin the node's fingerprint"
    )]
    TlsUntrustedCa,
    #[error(
        "its certificate cannot be checked against a CA ({why}), as is usual of a self-signed one; compare its \
         fingerprint {got} with what the node itself shows, then pin it for this node"
    )]
    TlsUncheckable { why: String, got: String },
    #[error(
        "its certificate expired on {on}; renew it on the node: pvecm updatecerts --force, then restart pveproxy"
    )]
    TlsExpired { on: String },
    #[error("its certificate is valid only from {from}; check the clocks of this machine and of the node")]
    TlsNotYetValid { from: String },
    #[error(
        "its certificate names {presented}, neither the address in the configuration nor the node; check name and \
         url of this node"
    )]
    TlsWrongName { presented: String },
    #[error(
        "its certificate has fingerprint {got}, not the configured one; if the node's certificate was renewed, set \
         the new fingerprint, otherwise someone is in between"
    )]
    FingerprintMismatch { got: String },
    #[error("TLS failed ({why}); check that the url leads to a Proxmox node's port 8006")]
    Tls { why: String },
    #[error("the token was refused ({reason}); check the token file: user@realm!tokenid=uuid, not expired")]
    Unauthorized { reason: String },
    #[error(
        "the token lacks a privilege: {what}; grant it to the token (and its user) in Datacenter → Permissions"
    )]
    Forbidden { what: String },
    #[error(
        "the answer is not JSON (HTTP {status}, begins `{start}`); check that the url leads to Proxmox and not to a \
         proxy or another service"
    )]
    NotJson { status: u16, start: String },
    #[error(
        "the JSON answer ends after {bytes} bytes, in the middle; if this persists, restart pveproxy on the node"
    )]
    Truncated { bytes: usize },
    #[error("answered more than {limit_mb} MB; check what answers there, no Proxmox list is that long")]
    TooLarge { limit_mb: usize },
    #[error(
        "it redirects to {to}; give that address in proxmox.nodes.url (Proxmox serves https on port 8006 only)"
    )]
    Redirected { to: String },
    #[error(
        "node {node} does not answer the cluster ({status} {reason}); check its power and its cluster network"
    )]
    NodeGone { node: String, status: u16, reason: String },
    #[error("the cluster has no quorum ({message}); bring back nodes until more than half are online")]
    NoQuorum { message: String },
    #[error("it has no quorum while the others have; check corosync on it and the cluster network")]
    Apart,
    #[error("it does not exist there ({message}); it may have moved to another node or been removed")]
    Absent { message: String },
    #[error("the request was rejected ({message}); this is a fault of ours or a parameter out of range")]
    Rejected { message: String },
    #[error("this Proxmox VE does not know the call ({message}); check its version, 8 or newer is needed")]
    NotImplemented { message: String },
    #[error("Proxmox failed with {status}: {message}; the task log or syslog of the node says more")]
    Server { status: u16, message: String },
    #[error("the answer has an unexpected shape ({what}); check that this is Proxmox VE 8 or newer")]
    Odd { what: String },
    #[error("not asked now: this minute's requests are used up; it is asked again within a minute")]
    NotGranted,
    #[error("not sent: {}", crate::clients::sending::HELD)]
    Held,
    #[error("no node answers: {each}")]
    NobodyAnswers { each: String },
}

impl ErrorKind {
    /// One word from a closed set, for metrics and for the readiness reasons.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Misconfigured { .. } => "misconfigured",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed_out",
            Self::Interrupted => "interrupted",
            Self::TlsUntrustedCa => "tls_untrusted_ca",
            Self::TlsUncheckable { .. } => "tls_uncheckable",
            Self::TlsExpired { .. } => "tls_expired",
            Self::TlsNotYetValid { .. } => "tls_not_yet_valid",
            Self::TlsWrongName { .. } => "tls_wrong_name",
            Self::FingerprintMismatch { .. } => "fingerprint_mismatch",
            Self::Tls { .. } => "tls",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::NotJson { .. } => "not_json",
            Self::Truncated { .. } => "truncated",
            Self::TooLarge { .. } => "too_large",
            Self::Redirected { .. } => "redirected",
            Self::NodeGone { .. } => "node_gone",
            Self::NoQuorum { .. } => "no_quorum",
            Self::Apart => "apart",
            Self::Absent { .. } => "absent",
            Self::Rejected { .. } => "rejected",
            Self::NotImplemented { .. } => "not_implemented",
            Self::Server { .. } => "server",
            Self::Odd { .. } => "odd",
            Self::NobodyAnswers { .. } => "nobody_answers",
            Self::NotGranted => "not_granted",
            Self::Held => "held",
        }
    }
}

impl ErrorKind {
    /// Whether nothing of the request can have left this machine.
    pub(super) fn never_sent(&self) -> bool {
        matches!(
            self,
            Self::Misconfigured { .. }
                | Self::NotGranted
                | Self::Held
                | Self::Unreachable { .. }
                | Self::TlsUntrustedCa
                | Self::TlsUncheckable { .. }
                | Self::TlsExpired { .. }
                | Self::TlsNotYetValid { .. }
                | Self::TlsWrongName { .. }
                | Self::FingerprintMismatch { .. }
                | Self::Tls { .. }
        )
    }
}

impl ProxmoxError {
    pub(super) fn at(place: Place, kind: ErrorKind) -> Self {
        Self { place: Some(Box::new(place)), kind, source: None }
    }

    pub(super) fn unplaced(kind: ErrorKind) -> Self {
        Self { place: None, kind, source: None }
    }

    pub(super) fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// One word from a closed set.
    pub fn word(&self) -> &'static str {
        self.kind.word()
    }
}

impl fmt::Display for ProxmoxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(p) => write!(f, "{} {} at {}: {}", p.method, p.path, p.server(), self.kind),
            None => write!(f, "Proxmox: {}", self.kind),
        }
    }
}

impl Error for ProxmoxError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.source {
            Some(e) => Some(e.as_ref()),
            None => None,
        }
    }
}

impl Place {
    /// `Home (https://192.168.1.50:8006)`
    pub fn server(&self) -> String {
        format!("{} ({})", self.node, self.url)
    }
}

/// The longest piece of a foreign text that goes into a message.
const QUOTED_CHARS_MAX: usize = 160;

/// Foreign text made fit for one line of log or screen: bounded, no characters that hide or turn others.
pub(super) fn quoted(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if deceives(c) { ' ' } else { c }).take(QUOTED_CHARS_MAX + 1).collect();
    let line = line.trim();
    match line.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", line.get(..cut).unwrap_or_default()),
        None => line.to_owned(),
    }
}
