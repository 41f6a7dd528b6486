//! `events`: what happened, newest first.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Events {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<UtcTime>,
    /// At least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// 50 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Count<1, 500>>,
}

impl Tool for Events {
    const NAME: &'static str = "events";
    const TITLE: &'static str = "Events";
    const ABOUT: &'static str = "What happened, newest first.";
    const EFFECT: Effect = Effect::Read;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
