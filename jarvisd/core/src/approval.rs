//! One approval, from its proposal to its single use.
//!
//! It is issued by the server, bound to a hash of exactly one action, decided by a person in an authenticated
//! session, and over after its time. Not here: where approvals are kept and how they are shown.
//!
//! What an approval turns into cannot be made elsewhere or used twice:
//! ```compile_fail
//! fn forge(hash: jarvis_core::tools::Digest) -> jarvis_core::approval::Grant {
//!     jarvis_core::approval::Grant { hash, ..panic!() }
//! }
//! ```
//! ```compile_fail
//! fn twice(grant: jarvis_core::approval::Grant) -> [jarvis_core::approval::Grant; 2] { [grant.clone(), grant] }
//! ```
//! ```compile_fail
//! fn forge(text: &str) -> jarvis_core::approval::Grant { serde_json::from_str(text).unwrap() }
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::{
    policy::{Ask, Moment},
    tools::Digest,
};

/// How often an approval's time may be extended: a person who needs longer than half an hour looks anew.
const EXTENSIONS_MAX: u8 = 5;

/// Where a decision came from. Only a session decides; the others are named so that their refusal can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// A person in a logged-in session, over the approvals route.
    Session(String),
    /// An API token, a chat message, an MCP client, a link in a mail: none of them is a person at the controls.
    Token(String),
    Chat(String),
    Mcp(String),
    Link,
}

/// What has become of it. Everything but `Pending` and `Approved` is final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Pending,
    Approved {
        by: String,
        at: Moment,
    },
    Denied {
        by: String,
        at: Moment,
    },
    /// Turned into a grant; whether the action then ran is the intent log's matter.
    Used {
        by: String,
        at: Moment,
    },
    Expired,
    /// What it was given for is no longer what would be done.
    Voided {
        why: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    id: String,
    hash: Digest,
    /// Canonical form of the operation, for the card.
    action: String,
    proposer: String,
    /// Guards whose objections the approver is shown.
    shown: BTreeSet<String>,
    /// Their sentences.
    reasons: Vec<String>,
    opened: Moment,
    valid_ms: i64,
    extensions: u8,
    #[serde(deserialize_with = "restored")]
    state: State,
}

/// Read back from the store. What was approved and not yet used is void then: a restart came in between, and a
/// grant must come from a person's decision in this process, not from a row.
fn restored<'de, D: Deserializer<'de>>(d: D) -> Result<State, D::Error> {
    Ok(match State::deserialize(d)? {
        State::Approved { .. } => {
            State::Voided { why: "Jarvis was restarted before it was used; propose the action again".into() }
        }
        other => other,
    })
}

/// Why an approval cannot be decided, extended or used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApprovalError {
    #[error("only a person in a logged-in session decides; open the approvals in the dashboard")]
    NotASession,
    #[error("the approval is for another action than the one shown (its hash differs); look at it again")]
    OtherAction,
    #[error("it is over: {0}")]
    Over(String),
    #[error("it was not approved yet")]
    Undecided,
    #[error("its time was extended {EXTENSIONS_MAX} times already; propose the action again")]
    TooOften,
}

/// An approval in use, good for one decision of policy. Neither made nor copied elsewhere.
#[derive(Debug)]
pub struct Grant {
    approval: String,
    hash: Digest,
    shown: BTreeSet<String>,
}

impl Grant {
    pub fn hash(&self) -> Digest {
        self.hash
    }

    pub fn approval_id(&self) -> &str {
        &self.approval
    }

    /// Whether the approver was shown an objection of this guard.
    pub fn covers(&self, guard: &str) -> bool {
        self.shown.contains(guard)
    }
}

impl Approval {
    /// Puts a question of policy to people. `id` must be new; it is not a secret.
    pub fn open(id: String, ask: &Ask, proposer: String, now: Moment, valid_ms: i64) -> Self {
        Self {
            id,
            hash: ask.hash,
            action: ask.operation.canonical(),
            proposer,
            shown: ask.guards().into_iter().map(str::to_owned).collect(),
            reasons: ask.objections.iter().map(|objection| objection.reason.clone()).collect(),
            opened: now,
            valid_ms,
            extensions: 0,
            state: State::Pending,
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn hash(&self) -> Digest {
        self.hash
    }

    pub fn action(&self) -> &str {
        &self.action
    }

    pub fn proposer(&self) -> &str {
        &self.proposer
    }

    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    pub fn opened(&self) -> Moment {
        self.opened
    }

    pub fn valid_ms(&self) -> i64 {
        self.valid_ms
    }

    /// Its state at this moment; asking also lets it expire.
    pub fn state(&mut self, now: &Moment) -> &State {
        let open = matches!(self.state, State::Pending | State::Approved { .. });
        if open && now.maybe_past(&self.opened, self.valid_ms) {
            self.state = State::Expired;
        }
        &self.state
    }

    /// Decides it. The first decision wins; who comes later is told what was decided and by whom.
    pub fn decide(
        &mut self,
        voice: &Voice,
        approve: bool,
        hash: Digest,
        now: Moment,
    ) -> Result<(), ApprovalError> {
        let Voice::Session(person) = voice else { return Err(ApprovalError::NotASession) };
        match self.state(&now) {
            State::Pending => {}
            over => return Err(ApprovalError::Over(over.sentence())),
        }
        if hash != self.hash {
            return Err(ApprovalError::OtherAction);
        }
        let by = person.clone();
        self.state = if approve { State::Approved { by, at: now } } else { State::Denied { by, at: now } };
        Ok(())
    }

    /// Gives a pending approval its full time again.
    pub fn extend(&mut self, voice: &Voice, now: Moment, valid_ms: i64) -> Result<(), ApprovalError> {
        let Voice::Session(_) = voice else { return Err(ApprovalError::NotASession) };
        match self.state(&now) {
            State::Pending => {}
            over => return Err(ApprovalError::Over(over.sentence())),
        }
        if self.extensions >= EXTENSIONS_MAX {
            return Err(ApprovalError::TooOften);
        }
        self.extensions = self.extensions.saturating_add(1);
        self.opened = now;
        self.valid_ms = valid_ms;
        Ok(())
    }

    /// Declares it void: the target has changed, the policy has, the kill switch was thrown, a queue was emptied.
    pub fn void(&mut self, why: String, now: &Moment) {
        if matches!(self.state(now), State::Pending | State::Approved { .. }) {
            self.state = State::Voided { why };
        }
    }

    /// Uses it, once, for the action with this hash. A differing hash voids it: what was approved is gone.
    pub fn redeem(&mut self, hash: Digest, now: Moment) -> Result<Grant, ApprovalError> {
        let by = match self.state(&now) {
            State::Approved { by, .. } => by.clone(),
            State::Pending => return Err(ApprovalError::Undecided),
            over => return Err(ApprovalError::Over(over.sentence())),
        };
        if hash != self.hash {
            self.state = State::Voided { why: "what would be done is no longer what was approved".into() };
            return Err(ApprovalError::OtherAction);
        }
        self.state = State::Used { by, at: now };
        Ok(Grant { approval: self.id.clone(), hash: self.hash, shown: self.shown.clone() })
    }
}

impl State {
    /// For a person who came too late.
    pub fn sentence(&self) -> String {
        match self {
            Self::Pending => "it waits for a decision".into(),
            Self::Approved { by, .. } => format!("approved by {by}"),
            Self::Denied { by, .. } => format!("denied by {by}"),
            Self::Used { by, .. } => format!("approved by {by} and used"),
            Self::Expired => "its time was over; propose the action again".into(),
            Self::Voided { why } => format!("void: {why}"),
        }
    }
}

#[cfg(test)]
mod tests;
