//! What stands for all actions: the kill switch, the autonomy level, how good forecasts were.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ActionView, ApprovalView};
use crate::tools::Effect;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct KillView {
    /// On: nothing but reads leaves. Also true while it cannot be read.
    pub on: bool,
    /// Why it counts as on although nobody threw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub unreadable: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub since_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct AutonomyView {
    /// 0 observe, 1 alert, 2 recommend, 3 act, 4 act quietly; 0 while it cannot be read.
    pub level: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub unreadable: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub since_ms: Option<i64>,
    /// Actions of automation in the last hour and day, and how many there may be.
    pub hour_used: u32,
    pub hour_max: u32,
    pub day_used: u32,
    pub day_max: u32,
    /// What is in quarantine until a person lifts it.
    pub quarantined: Vec<String>,
    pub scores: Vec<ScoreView>,
}

/// How forecasts of one kind of action fitted what was then seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct ScoreView {
    pub effect: Effect,
    pub actions: u32,
    pub hits: u32,
    pub false_alarms: u32,
    pub missed: u32,
}

/// What became of reading the policy again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct PolicyView {
    /// Whether it differs from what was in force; what was proposed before is void then.
    pub changed: bool,
    /// The settings that allow more than before.
    pub loosened: Vec<String>,
}

/// Everything of acting that a screen shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
pub struct ActingView {
    pub kill_switch: KillView,
    pub autonomy: AutonomyView,
    /// Newest first: pending, and those decided lately.
    pub approvals: Vec<ApprovalView>,
    /// Newest first.
    pub actions: Vec<ActionView>,
}

/// One thing that is now as told here; it replaces what was known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "most changes are those of actions")]
pub enum ActingChange {
    Approval { approval: ApprovalView },
    Action { action: ActionView },
    KillSwitch { kill_switch: KillView },
    Autonomy { autonomy: AutonomyView },
}
