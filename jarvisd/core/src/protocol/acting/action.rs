//! One action under way or over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BlastView, ExactCall};
use crate::{
    cluster::{NodeName, Upid, Vmid},
    tools::{Effect, Tier},
};

/// Where an action stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// In line for its lane.
    Waiting,
    /// Its intent is on the disk; the request leaves now.
    Sending,
    /// Taken on; its task runs.
    Running,
    /// Over, and seen to have worked.
    Ok,
    /// Over, and seen to have worked, with warnings in its task.
    Warnings,
    /// Over, and it did not work; or nothing was sent after all.
    Failed,
    /// Whether it worked cannot be said; a person must look.
    Unknown,
}

impl ActionState {
    pub fn is_over(self) -> bool {
        matches!(self, Self::Ok | Self::Warnings | Self::Failed | Self::Unknown)
    }
}

/// What an independent fresh read showed afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    Yes,
    No,
    Inconclusive,
}

/// What was foretold against what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct Observed {
    /// What was seen to go down while it ran.
    pub down: Vec<String>,
    /// Said to go down, and did.
    pub hits: u32,
    /// Said to go down, and did not.
    pub false_alarms: u32,
    /// Went down unforeseen.
    pub missed: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct ActionView {
    pub id: String,
    pub tool: String,
    pub title: String,
    #[cfg_attr(test, ts(type = "Record<string, unknown>"))]
    pub args: Value,
    /// `guest/100`
    pub target: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub node: Option<NodeName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub vmid: Option<Vmid>,
    pub tier: Tier,
    pub effect: Effect,
    /// `human/ann`, `mcp/7` …
    pub caller: String,
    /// The approval it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub approval: Option<String>,
    pub state: ActionState,
    /// What happened, in one sentence, once it is over or waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub upid: Option<Upid>,
    /// The task's own last word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub exit: Option<String>,
    /// The end of the task's log; text that others wrote.
    pub log: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub verified: Option<Verified>,
    /// What was read to verify it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub evidence: Option<String>,
    /// The request that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub sent: Option<ExactCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub predicted: Option<BlastView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub observed: Option<Observed>,
    /// In line: the action for whose end, or in whose wake, this one waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub waits_for: Option<String>,
    /// Since when that one has what this one needs; missing when it waits in line itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub waits_since_ms: Option<i64>,
    /// By then that one has been given up at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub waits_until_ms: Option<i64>,
    pub asked_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub sent_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub ended_ms: Option<i64>,
}
