//! Who had a shell where, from when to when and how much passed: into the audit, and as a line into the activity
//! feed. Not what was typed or shown: that is the person's own.

use jarvis_core::{
    audit::{Draft, Kind},
    cluster::NodeName,
    protocol::{EventKind, EventSource, NewEvent, Severity},
};
use serde_json::json;

use crate::{
    clock::Clock,
    store::{Store, StoreError},
};

/// Who opens a shell where.
#[derive(Debug, Clone)]
pub struct Subject {
    pub account: String,
    /// Where the browser is.
    pub address: String,
    pub node: NodeName,
    /// Who one is on the node.
    pub user: String,
}

/// How a shell ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// By itself; a signal has no code.
    Exited {
        code: Option<i32>,
        signal: Option<String>,
    },
    HungUp,
    Idle,
    LoggedOut,
    NotReturned,
    Stopped,
    Broken(String),
}

impl Ending {
    fn word(&self) -> &'static str {
        match self {
            Self::Exited { .. } => "exited",
            Self::HungUp => "hung_up",
            Self::Idle => "idle",
            Self::LoggedOut => "logged_out",
            Self::NotReturned => "not_returned",
            Self::Stopped => "daemon_stopped",
            Self::Broken(_) => "broken",
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Exited { code: Some(code), .. } => format!("exit code {code}"),
            Self::Exited { signal: Some(signal), .. } => format!("ended by signal {signal}"),
            Self::Exited { .. } => "ended".into(),
            Self::HungUp => "hung up".into(),
            Self::Idle => "ended because nobody typed".into(),
            Self::LoggedOut => "ended with the log-in".into(),
            Self::NotReturned => "ended because its screen did not come back".into(),
            Self::Stopped => "ended because jarvisd stopped".into(),
            Self::Broken(reason) => format!("broke off: {reason}"),
        }
    }
}

/// Bytes that passed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Passed {
    pub typed_bytes: u64,
    pub shown_bytes: u64,
}

/// An open record; its number is the shell's name.
#[derive(Debug)]
pub struct Record {
    store: Store,
    clock: Clock,
    subject: Subject,
    began_ms: i64,
    opened: u64,
}

impl Record {
    /// Durable before it answers: a shell that cannot be recorded is not opened.
    pub async fn open(store: Store, clock: Clock, subject: Subject) -> Result<Self, StoreError> {
        let began_ms = clock.now_ms();
        let detail = json!({ "address": subject.address, "user": subject.user });
        let draft = draft(began_ms, Kind::TerminalOpened, &subject, &detail);
        let opened = store.audit().append(draft).await?.seq;
        let record = Self { store, clock, subject, began_ms, opened };
        record
            .tell("Terminal opened", format!("as {} from {}", record.subject.user, record.subject.address))
            .await;
        Ok(record)
    }

    pub fn name(&self) -> String {
        self.opened.to_string()
    }

    /// A record that cannot be closed stays open in the audit, which is itself telling; it is logged.
    pub async fn close(self, ending: &Ending, passed: Passed) {
        let now_ms = self.clock.now_ms();
        let mut detail = json!({
            "opened": self.opened,
            "began_ms": self.began_ms,
            "why": ending.word(),
            "typed_bytes": passed.typed_bytes,
            "shown_bytes": passed.shown_bytes,
        });
        if let (Ending::Exited { code: Some(code), .. }, Some(detail)) = (ending, detail.as_object_mut()) {
            detail.insert("exit_code".into(), (*code).into());
        }
        let draft = draft(now_ms, Kind::TerminalClosed, &self.subject, &detail);
        if let Err(error) = self.store.audit().append(draft).await {
            tracing::error!(%error, opened = self.opened, "the end of a terminal could not be recorded");
        }
        self.tell("Terminal closed", ending.told()).await;
    }

    async fn tell(&self, title: &str, detail: String) {
        let event = NewEvent {
            ts_ms: self.clock.now_ms(),
            kind: EventKind::Access,
            severity: Severity::Notice,
            source: EventSource::User,
            title: format!("{title} on {}", self.subject.node),
            detail: Some(detail),
            node: Some(self.subject.node.clone()),
            vmid: None,
            upid: None,
        };
        if let Err(error) = self.store.events().append(vec![event]).await {
            tracing::warn!(%error, "a terminal is missing from the activity feed");
        }
    }
}

fn draft(at_ms: i64, kind: Kind, subject: &Subject, detail: &serde_json::Value) -> Draft {
    Draft {
        at_ms,
        kind,
        who: format!("human/{}", subject.account),
        subject: format!("node/{}", subject.node),
        // The keys of a JSON object are kept in order, so the same facts give the same text.
        detail: detail.to_string(),
    }
}
