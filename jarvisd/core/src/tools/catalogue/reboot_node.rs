//! `reboot_node`: reboot a node; a logged-in person only.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RebootNode {
    pub node: NodeName,
}

impl Tool for RebootNode {
    const NAME: &'static str = "reboot_node";
    const TITLE: &'static str = "Reboot node";
    const ABOUT: &'static str = "Reboot a node; a logged-in person only.";
    const EFFECT: Effect = Effect::RebootNode;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::TASK;

    fn target(&self) -> Target {
        Target::Node(self.node.clone())
    }
}
