//! `processes`: processes that use most CPU or memory.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Processes {
    pub node: NodeName,
    /// 20 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Count<1, 200>>,
}

impl Tool for Processes {
    const NAME: &'static str = "processes";
    const TITLE: &'static str = "Processes";
    const ABOUT: &'static str = "Processes that use most CPU or memory.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Node(self.node.clone())
    }
}
