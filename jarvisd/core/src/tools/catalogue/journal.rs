//! `journal`: journal of a unit, or the kernel log.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    pub node: NodeName,
    /// The kernel's own log when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitName>,
    /// 100 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Count<1, 1000>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<UtcTime>,
}

impl Tool for Journal {
    const NAME: &'static str = "journal";
    const TITLE: &'static str = "Journal";
    const ABOUT: &'static str = "Journal of a unit, or the kernel log.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Node(self.node.clone())
    }
}
