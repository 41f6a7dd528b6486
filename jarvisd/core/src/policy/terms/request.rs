//! Who asks for what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{facts::Fact, identity::Identity};
use crate::{
    approval::Grant,
    tools::{Operation, listing::Profile},
};

/// What a credential may be used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Scopes {
    pub read: bool,
    pub chat: bool,
    pub act: bool,
    pub mcp: bool,
}

impl Scopes {
    pub const ALL: Self = Self { read: true, chat: true, act: true, mcp: true };
}

/// Who asks. Built by the daemon from the authenticated connection, never from anything a request says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A person in a logged-in session, by a button of the dashboard.
    Human { session: String },
    /// An API token.
    Token { id: String, scopes: Scopes },
    /// A client of MCP, over HTTP or stdio.
    Mcp { id: String, scopes: Scopes, profile: Profile },
    /// A model in a conversation, with the scopes of whoever it talks to.
    Model { conversation: String, local: bool, scopes: Scopes },
    /// A remedy that the daemon carries out by itself.
    Runbook {
        id: String,
        /// Whether it was matched from structured fields of a detector, not from text.
        structured: bool,
    },
}

impl Caller {
    pub fn is_human(&self) -> bool {
        matches!(self, Self::Human { .. })
    }

    pub fn is_runbook(&self) -> bool {
        matches!(self, Self::Runbook { .. })
    }

    pub fn runbook(&self) -> Option<&str> {
        match self {
            Self::Runbook { id, .. } => Some(id),
            Self::Human { .. } | Self::Token { .. } | Self::Mcp { .. } | Self::Model { .. } => None,
        }
    }

    /// For the audit and for cards: `human/…`, `token/…`, `mcp/…`, `model/…`, `runbook/…`.
    pub fn label(&self) -> String {
        match self {
            Self::Human { session } => format!("human/{session}"),
            Self::Token { id, .. } => format!("token/{id}"),
            Self::Mcp { id, .. } => format!("mcp/{id}"),
            Self::Model { conversation, .. } => format!("model/{conversation}"),
            Self::Runbook { id, .. } => format!("runbook/{id}"),
        }
    }
}

/// One call. It is used up by the decision on it, and with it any approval it carries.
#[derive(Debug)]
pub struct Request {
    pub operation: Operation,
    pub caller: Caller,
    /// Which thing was meant when the call was planned; missing when it is planned and asked for at once.
    pub pin: Option<Identity>,
    /// Whether the plan has read text that others wrote.
    pub tainted: Fact<bool>,
    pub approval: Option<Grant>,
}
