//! What would be done, or what speaks against it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    cluster::{NodeName, Vmid},
    policy::Verdict,
    tools::{Effect, Tier},
};

/// One guard's reason against going ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct ObjectionView {
    pub guard: String,
    /// `ask`: a person may decide otherwise; `refuse`: nobody may.
    pub verdict: Verdict,
    pub reason: String,
}

/// Refused, with every reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct Refusal {
    pub tool: String,
    pub tier: Tier,
    pub objections: Vec<ObjectionView>,
}

/// Something that an action strikes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct StruckView {
    /// `guest 100 (dns)`
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub node: Option<NodeName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub vmid: Option<Vmid>,
    /// What it needs that goes away; missing for the target itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub through: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct QuorumView {
    pub online: u32,
    pub needed: u32,
    pub kept: bool,
}

/// Who goes down with it, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct BlastView {
    /// One sentence for a person.
    pub sentence: String,
    pub down: Vec<StruckView>,
    pub degraded: Vec<StruckView>,
    /// Missing: until somebody brings it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub away_s: Option<u32>,
    /// Where that figure is from.
    pub basis: String,
    /// After the action; missing on a standalone node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub quorum: Option<QuorumView>,
    pub includes_jarvis: bool,
}

/// One request exactly as it would leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct ExactCall {
    /// `proxmox`, `ssh`, `docker` or `wake`
    pub via: String,
    /// `POST`; `exec` over SSH; `magic_packet` for a wake-up.
    pub method: String,
    /// The node or host it is about.
    pub target: String,
    /// Path below the API's root, or the whole command line.
    pub path: String,
    /// Form or JSON as sent; empty when there is none.
    pub body: String,
}

/// A dry run: what would happen, and what would be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct Plan {
    pub tool: String,
    pub title: String,
    #[cfg_attr(test, ts(type = "Record<string, unknown>"))]
    pub args: Value,
    pub target: String,
    pub tier: Tier,
    pub effect: Effect,
    pub verdict: Verdict,
    pub objections: Vec<ObjectionView>,
    /// Missing for reads, and where it could not be worked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub blast: Option<BlastView>,
    /// Empty when the target is not known well enough to say.
    pub exact_calls: Vec<ExactCall>,
}

/// The answer of a read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct ReadResult {
    #[cfg_attr(test, ts(type = "unknown"))]
    pub value: Value,
    /// It holds text that others wrote: never obeyed.
    pub untrusted: bool,
    pub as_of_ms: i64,
}
