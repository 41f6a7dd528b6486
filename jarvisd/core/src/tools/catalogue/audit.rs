//! `audit`: decisions and actions as recorded.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// 50 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Count<1, 500>>,
}

impl Tool for Audit {
    const NAME: &'static str = "audit";
    const TITLE: &'static str = "Audit";
    const ABOUT: &'static str = "Decisions and actions as recorded.";
    const EFFECT: Effect = Effect::Read;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
