//! `temperatures`: temperatures of nodes in °C.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Temperatures {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
}

impl Tool for Temperatures {
    const NAME: &'static str = "temperatures";
    const TITLE: &'static str = "Temperatures";
    const ABOUT: &'static str = "Temperatures of nodes in °C.";
    const EFFECT: Effect = Effect::Read;
    // Several nodes are asked, and one that hangs is told beside the others' answers.
    const BOUNDS: Bounds = Bounds::SLOW;
    const UNTRUSTED: bool = false;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
