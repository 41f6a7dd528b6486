//! `wake_node`: wake a node that is off by Wake-on-LAN.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WakeNode {
    pub node: NodeName,
}

impl Tool for WakeNode {
    const NAME: &'static str = "wake_node";
    const TITLE: &'static str = "Wake";
    const ABOUT: &'static str = "Wake a node that is off by Wake-on-LAN.";
    const EFFECT: Effect = Effect::WakeNode;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::TASK;

    fn target(&self) -> Target {
        Target::Node(self.node.clone())
    }
}
