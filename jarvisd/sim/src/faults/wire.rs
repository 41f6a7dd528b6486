//! Faults that spoil answers on their way.

use super::catalog::What;
use super::{Active, FaultSpec};
use crate::cluster::World;
use crate::num;
use crate::pve::reply::Reply;

/// How an answer is spoiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    Html,
    Truncated,
    OddRow,
    Huge,
}

impl Spoil {
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "html" => Some(Self::Html),
            "truncated" => Some(Self::Truncated),
            "odd_row" => Some(Self::OddRow),
            "huge" => Some(Self::Huge),
            _ => None,
        }
    }
}

/// How an answer is lost after the call was acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    Reset,
    Silence,
}

/// What the faults in force do to one call.
#[derive(Debug, Default)]
pub struct Trouble {
    pub delay_ms: u64,
    pub hang: bool,
    pub reset: bool,
    pub lost: Option<Lost>,
    /// The connection is reset now, and the call acted on so much later.
    pub late_ms: Option<u64>,
    pub error: Option<Reply>,
    pub spoil: Option<Spoil>,
}

/// The size of a huge body.
pub const HUGE_BYTES: u64 = 100_000_000;

/// Rows no client expects, put first into a list.
const ODD_ROWS: &str = r#"null,42,"text",[],{},{"id":7,"vmid":"abc","type":"qemu","status":["running"],"cpu":"0,5","mem":-1,"maxmem":"8589934592","uptime":-5},{"id":"hologram/1","type":"hologram","node":null,"status":"ok"},"#;

impl World {
    /// Collects the trouble a call meets; `nodes` are the node asked and the node concerned.
    pub fn trouble(&mut self, nodes: [&str; 2], method: &str, path: &str) -> Trouble {
        let mut trouble = Trouble::default();
        let mut struck = Vec::new();
        for active in self.faults.active.iter().filter(|a| fits(a, nodes, method, path)) {
            let spec = &active.spec;
            match spec.what() {
                Some(What::Slow) => trouble.delay_ms += num::whole(spec.by_s.unwrap_or(3.0) * 1000.0),
                Some(What::Hang) => trouble.hang = true,
                Some(What::Reset) => trouble.reset = true,
                Some(What::LostAnswer) if method != "GET" => {
                    let silent = spec.variant.as_deref() == Some("hang");
                    trouble.lost = Some(if silent { Lost::Silence } else { Lost::Reset });
                }
                Some(What::LateChange) if method != "GET" => {
                    trouble.late_ms = Some(num::whole(spec.by_s.unwrap_or(8.0) * 1000.0));
                }
                Some(What::HttpError) => trouble.error = Some(error_of(spec)),
                Some(What::BadJson) => trouble.spoil = spec.variant.as_deref().and_then(Spoil::of),
                _ => continue,
            }
            struck.push(active.id);
        }
        for id in struck {
            self.strike(id);
        }
        trouble
    }

    /// Whether a node shows an expired certificate.
    pub fn cert_expired(&self, node: &str) -> bool {
        let hits = |a: &Active| {
            a.spec.what() == Some(What::CertExpired) && a.spec.node.as_deref().is_none_or(|n| n == node)
        };
        self.faults.active.iter().any(hits)
    }
}

fn fits(active: &Active, nodes: [&str; 2], method: &str, path: &str) -> bool {
    let spec = &active.spec;
    spec.node.as_deref().is_none_or(|n| nodes.contains(&n))
        && spec.method.as_deref().is_none_or(|m| m.eq_ignore_ascii_case(method))
        && spec.path.as_deref().is_none_or(|p| path.contains(p))
}

fn error_of(spec: &FaultSpec) -> Reply {
    let status = spec.status.unwrap_or(500);
    let message = spec.message.clone().unwrap_or_else(|| "simulated error".into());
    match status {
        401 | 595..=599 => Reply::bare(status, &message, 0),
        _ => Reply::error(status, message),
    }
}

/// Puts odd rows into the list an answer holds; other answers get an odd member.
pub fn with_odd_rows(body: &str) -> String {
    match body.split_once(r#""data":["#) {
        Some((before, after)) if !after.starts_with(']') => format!(r#"{before}"data":[{ODD_ROWS}{after}"#),
        _ => body.replacen(r#"{"#, r#"{"surprise":[null,{"deep":[[[]]]}],"#, 1),
    }
}

/// The page a proxy in the way would send.
pub const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Gateway</title></head><body><h1>Welcome</h1><p>Please log in to continue.</p></body></html>\n";
