//! `tasks`: recent and running tasks.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tasks {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<Vmid>,
    /// Only those that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<bool>,
    /// 50 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Count<1, 500>>,
}

impl Tool for Tasks {
    const NAME: &'static str = "tasks";
    const TITLE: &'static str = "Tasks";
    const ABOUT: &'static str = "Recent and running tasks.";
    const EFFECT: Effect = Effect::Read;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
