//! `storages`: storages: state, used, total.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Storages {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
}

impl Tool for Storages {
    const NAME: &'static str = "storages";
    const TITLE: &'static str = "Storages";
    const ABOUT: &'static str = "Storages: state, used, total.";
    const EFFECT: Effect = Effect::Read;
    const UNTRUSTED: bool = false;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
