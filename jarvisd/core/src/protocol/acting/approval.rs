//! A question put to people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BlastView, ExactCall, ObjectionView};
use crate::{
    cluster::{NodeName, Vmid},
    tools::{Effect, Tier},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    Pending,
    Approved,
    Denied,
    /// Approved, and its action was begun.
    Used,
    Expired,
    /// What it was asked for is no longer what would be done.
    Voided,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct ApprovalView {
    pub id: String,
    /// To be given back with the decision: it names exactly what was shown.
    pub hash: String,
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
    /// Who asked: `mcp/7`.
    pub proposer: String,
    /// What a person is asked to weigh.
    pub objections: Vec<ObjectionView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub blast: Option<BlastView>,
    pub exact_calls: Vec<ExactCall>,
    pub state: ApprovalState,
    /// Who decided, when somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub by: Option<String>,
    /// When it was decided or was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub decided_ms: Option<i64>,
    /// Why it is void, or what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub why: Option<String>,
    pub opened_ms: i64,
    pub expires_ms: i64,
    /// The action it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub action: Option<String>,
}
