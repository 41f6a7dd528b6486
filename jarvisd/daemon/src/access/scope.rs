//! What an API token may do. A session may do everything; a token only what it lists.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See the cluster, its history and its events.
    Read,
    /// Talk with Jarvis.
    Chat,
    /// Ask for actions; policy and approvals still decide.
    Act,
    /// Come in as an MCP client.
    Mcp,
    /// Scrape the metrics listener.
    Metrics,
}

impl Scope {
    pub const ALL: [Self; 5] = [Self::Read, Self::Chat, Self::Act, Self::Mcp, Self::Metrics];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Chat => "chat",
            Self::Act => "act",
            Self::Mcp => "mcp",
            Self::Metrics => "metrics",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a scope: give one or more of read, chat, act, mcp, metrics")]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;
    fn from_str(s: &str) -> Result<Self, ScopeError> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == s).ok_or_else(|| ScopeError(s.to_owned()))
    }
}

/// A set of scopes, at least one; its text form is `read,act`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    pub fn new(mut scopes: Vec<Scope>) -> Result<Self, ScopeError> {
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() { Err(ScopeError(String::new())) } else { Ok(Self(scopes)) }
    }

    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    pub fn as_slice(&self) -> &[Scope] {
        &self.0
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;
    fn from_str(s: &str) -> Result<Self, ScopeError> {
        Self::new(s.split(',').map(|word| word.trim().parse()).collect::<Result<_, _>>()?)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|s| s.as_str()).collect();
        f.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_survive_the_way_through_text() {
        let scopes: Scopes = "metrics, read,read".parse().unwrap();
        assert_eq!(scopes.to_string(), "read,metrics");
        assert!(scopes.has(Scope::Read) && !scopes.has(Scope::Act));
        for bad in ["", "root", "read,", "READ"] {
            assert!(bad.parse::<Scopes>().is_err(), "{bad:?}");
        }
    }
}
