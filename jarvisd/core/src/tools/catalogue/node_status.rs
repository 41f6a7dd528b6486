//! `node_status`: one node: load, memory, disk, kernel, uptime.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeStatus {
    pub node: NodeName,
}

impl Tool for NodeStatus {
    const NAME: &'static str = "node_status";
    const TITLE: &'static str = "Node status";
    const ABOUT: &'static str = "One node: load, memory, disk, kernel, uptime.";
    const EFFECT: Effect = Effect::Read;
    const UNTRUSTED: bool = false;

    fn target(&self) -> Target {
        Target::Node(self.node.clone())
    }
}
