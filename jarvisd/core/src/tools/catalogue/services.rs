//! `services`: service states of a node.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Services {
    pub node: NodeName,
}

impl Tool for Services {
    const NAME: &'static str = "services";
    const TITLE: &'static str = "Services";
    const ABOUT: &'static str = "Service states of a node.";
    const EFFECT: Effect = Effect::Read;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Node(self.node.clone())
    }
}
