//! `disks`: disks of a node; with `disk` its SMART values.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disks {
    pub node: NodeName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskPath>,
}

impl Tool for Disks {
    const NAME: &'static str = "disks";
    const TITLE: &'static str = "Disks";
    const ABOUT: &'static str = "Disks of a node; with `disk` its SMART values.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Node(self.node.clone())
    }
}
