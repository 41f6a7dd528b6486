//! `sockets`: listening sockets of a node.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sockets {
    pub node: NodeName,
}

impl Tool for Sockets {
    const NAME: &'static str = "sockets";
    const TITLE: &'static str = "Sockets";
    const ABOUT: &'static str = "Listening sockets of a node.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Node(self.node.clone())
    }
}
