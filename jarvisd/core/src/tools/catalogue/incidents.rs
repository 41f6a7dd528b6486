//! `incidents`: incidents: cause, evidence, actions, outcome.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Incidents {
    /// Only those still open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// 20 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Count<1, 200>>,
}

impl Tool for Incidents {
    const NAME: &'static str = "incidents";
    const TITLE: &'static str = "Incidents";
    const ABOUT: &'static str = "Incidents: cause, evidence, actions, outcome.";
    const EFFECT: Effect = Effect::Read;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
