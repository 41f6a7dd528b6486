//! The self-test behind `jarvisd check` and `jarvisd doctor`: reachability, trust, clocks, certificates, and what the token may do.
//!
//! It only reads. Not here: printing, and the exit code.

use std::fmt;

use futures_util::future::join_all;
use jarvis_core::cluster::NodeName;

use super::ask::Ask;
use super::decode;
use super::error::{ErrorKind, ProxmoxError};
use super::transport::Endpoint;
use super::{Proxmox, privileges};
use crate::clock::Clock;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok,
    /// It works, but something should be seen to.
    Warn,
    Fail,
}

/// What a line of the self-test is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Whether the cluster is reached, and read at all.
    Reach,
    /// Privileges, clocks and certificates: what makes a picture incomplete, or ends it some day.
    Care,
}

/// One line of the self-test: how it stands, what was looked at, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    pub about: About,
    pub text: String,
}

impl Finding {
    pub(super) fn new(level: Level, text: impl Into<String>) -> Self {
        Self { level, about: About::Reach, text: text.into() }
    }

    pub(super) fn care(level: Level, text: impl Into<String>) -> Self {
        Self { level, about: About::Care, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        write!(f, "{word:<4} {}", self.text)
    }
}

/// The oldest release whose answers are understood.
const MAJOR_VERSION_MIN: u32 = 8;
/// The Date header tells whole seconds and the answer travels; below this nothing is wrong.
const SKEW_WARN_MS: i64 = 5_000;
/// Times in the feed and the cluster's own would no longer tell one story.
const SKEW_FAIL_MS: i64 = 60_000;
/// Proxmox renews a node's certificate by itself 14 days before its end; below this it did not.
const CERTIFICATE_WARN_DAYS: i64 = 10;
const DAY_S: i64 = 86_400;

impl Proxmox {
    /// Looks at every node and at the token. Takes as long as the slowest node, at most some 15 s.
    pub async fn examine(&self, clock: Clock) -> Vec<Finding> {
        let nodes = join_all(self.inner.nodes.endpoints().map(|e| node(e, clock))).await;
        let any_answers = nodes.iter().any(|n| matches!(n, NodeReport::Answers(_)));
        let mut findings: Vec<Finding> = Vec::new();
        for node in nodes {
            match node {
                NodeReport::Answers(all) => findings.extend(all),
                NodeReport::Refuses(finding) => findings.push(finding),
                // One answering node is enough to see the cluster, so one that is merely off is no failure.
                NodeReport::Silent(text) => {
                    findings.push(Finding::new(if any_answers { Level::Warn } else { Level::Fail }, text));
                }
            }
        }
        if !any_answers {
            findings.push(Finding::new(Level::Fail, "no node can be read, so nothing more can be checked"));
            return findings;
        }
        match self.permissions().await {
            Ok(held) => findings.extend(privileges::reading(self.token_id(), &held.value)),
            Err(e) => findings.push(Finding::new(Level::Fail, e.to_string())),
        }
        findings.extend(self.cluster().await);
        findings.extend(self.lists().await);
        findings
    }

    /// The same of the token that changes are made with, where it is one of its own: everything else was looked at with
    /// the other.
    pub async fn examine_changes(&self) -> Vec<Finding> {
        match self.permissions().await {
            Ok(held) => privileges::changing(self.token_id(), &held.value),
            Err(e) => vec![Finding::new(Level::Fail, format!("proxmox.act_token_file: {e}"))],
        }
    }

    /// What the picture is made of, and what no change is made without: permissions alone do not show that it is
    /// answered.
    async fn lists(&self) -> Vec<Finding> {
        let (resources, tasks) = tokio::join!(self.resources(), self.tasks());
        let (resources, tasks) = (resources.err(), tasks.err());
        // Stripped rows are what the permissions have told of already.
        let resources = resources.filter(|e| !matches!(e.kind, ErrorKind::Forbidden { .. }));
        resources.into_iter().chain(tasks).map(|e| Finding::new(Level::Fail, e.to_string())).collect()
    }

    async fn cluster(&self) -> Vec<Finding> {
        let seen = match self.membership().await {
            Ok(answer) => answer.value,
            Err(e) => return vec![Finding::new(Level::Fail, e.to_string())],
        };
        let mut findings = Vec::new();
        match seen.quorate {
            Some(true) => findings.push(Finding::new(Level::Ok, "the cluster has quorum")),
            Some(false) => findings.push(Finding::new(
                Level::Warn,
                "the cluster has no quorum: it can be watched, but nothing can be started until more than half of \
                 its nodes are online",
            )),
            None => {}
        }
        let known: Vec<&NodeName> = self.inner.nodes.endpoints().map(|e| &e.name).collect();
        let unnamed: Vec<&str> =
            seen.nodes.iter().filter(|m| !known.contains(&&m.name)).map(|m| m.name.as_str()).collect();
        if !unnamed.is_empty() {
            let text = format!(
                "not in proxmox.nodes: {}; they are watched through the others, but cannot stand in for them",
                unnamed.join(", ")
            );
            findings.push(Finding::new(Level::Ok, text));
        }
        findings
    }
}

enum NodeReport {
    Answers(Vec<Finding>),
    /// Someone is there, but nothing can be read.
    Refuses(Finding),
    /// Off, or out of reach.
    Silent(String),
}

async fn node(endpoint: &Endpoint, clock: Clock) -> NodeReport {
    let server = format!("{} ({})", endpoint.name, endpoint.url);
    let version = match endpoint.ask(&Ask::version(), None).await {
        Ok(answer) => decode::version(&answer.data),
        Err(e) if matches!(e.kind, ErrorKind::Unreachable { .. } | ErrorKind::TimedOut { .. }) => {
            return NodeReport::Silent(e.to_string());
        }
        Err(e) => return NodeReport::Refuses(refused(endpoint, &e)),
    };
    let mut findings = vec![match version {
        Ok(read) if major(&read.value).is_some_and(|m| m >= MAJOR_VERSION_MIN) => {
            Finding::new(Level::Ok, format!("{server} answers: Proxmox VE {}", read.value))
        }
        Ok(read) => Finding::new(
            Level::Fail,
            format!(
                "{server} runs version `{}`; Proxmox VE {MAJOR_VERSION_MIN} or newer is needed",
                read.value
            ),
        ),
        Err(what) => Finding::new(Level::Fail, format!("{server}: {what}; check that this is Proxmox VE")),
    }];
    findings.extend(identity(endpoint, &server).await);
    findings.extend(endpoint.skew_ms().map(|ms| skew(&server, ms)));
    let now_s = clock.now_ms().div_euclid(1_000);
    findings.extend(endpoint.shown.not_after_s().map(|end_s| certificate(&server, end_s, now_s)));
    NodeReport::Answers(findings)
}

fn refused(endpoint: &Endpoint, error: &ProxmoxError) -> Finding {
    let shown = match error.kind {
        // To compare with what the node's certificate page says, before pinning it.
        ErrorKind::TlsUntrustedCa | ErrorKind::TlsWrongName { .. } => endpoint.shown.fingerprint(),
        _ => None,
    };
    match shown {
        Some(print) => Finding::new(Level::Fail, format!("{error} (it shows {print})")),
        None => Finding::new(Level::Fail, error.to_string()),
    }
}

fn major(version: &str) -> Option<u32> {
    version.split(['.', '-']).next()?.parse().ok()
}

/// Whether the node at this address calls itself as the configuration does.
async fn identity(endpoint: &Endpoint, server: &str) -> Option<Finding> {
    let answer = endpoint.ask(&Ask::membership(), None).await.ok()?;
    let local = decode::membership(&answer.data).ok()?.value.nodes.into_iter().find(|m| m.local)?.name;
    (local != endpoint.name).then(|| {
        let text = format!("{server} calls itself {local}; correct the name in proxmox.nodes");
        Finding::new(Level::Warn, text)
    })
}

/// The clock of a node as one line, when it is so far from ours that times no longer tell one story.
pub(super) fn skewed(server: &str, ahead_ms: i64) -> Option<String> {
    (ahead_ms.unsigned_abs() >= SKEW_FAIL_MS.unsigned_abs()).then(|| skew(server, ahead_ms).text)
}

fn skew(server: &str, ahead_ms: i64) -> Finding {
    let off_s = ahead_ms.unsigned_abs() / 1_000;
    let way = if ahead_ms < 0 { "behind" } else { "ahead of" };
    let text = format!(
        "the clock of {server} is {off_s} s {way} this machine's; check time synchronisation on both"
    );
    match ahead_ms.abs() {
        SKEW_FAIL_MS.. => Finding::care(Level::Fail, text),
        SKEW_WARN_MS.. => Finding::care(Level::Warn, text),
        _ => Finding::care(Level::Ok, format!("the clock of {server} agrees with this machine's")),
    }
}

fn certificate(server: &str, end_s: i64, now_s: i64) -> Finding {
    let days = end_s.saturating_sub(now_s).div_euclid(DAY_S);
    let todo = "renew it on the node (pvecm updatecerts --force, then restart pveproxy), and if it is pinned, set \
                the new fingerprint";
    match days {
        ..0 => Finding::care(Level::Warn, format!("the certificate of {server} has expired; {todo}")),
        0..CERTIFICATE_WARN_DAYS => {
            Finding::care(Level::Warn, format!("the certificate of {server} ends in {days} days; {todo}"))
        }
        _ => Finding::care(Level::Ok, format!("the certificate of {server} is good for {days} days")),
    }
}
