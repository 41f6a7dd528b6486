//! `shutdown_node`: shut a node down; a logged-in person only.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShutdownNode {
    pub node: NodeName,
}

impl Tool for ShutdownNode {
    const NAME: &'static str = "shutdown_node";
    const TITLE: &'static str = "Shut down node";
    const ABOUT: &'static str = "Shut a node down; a logged-in person only.";
    const EFFECT: Effect = Effect::ShutdownNode;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::TASK;

    fn target(&self) -> Target {
        Target::Node(self.node.clone())
    }
}
