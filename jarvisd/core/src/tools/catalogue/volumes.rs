//! `volumes`: ZFS, LVM or Ceph state seen from a node.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Volumes {
    pub node: NodeName,
    pub kind: VolumeKind,
}

/// Which kind of volume manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VolumeKind {
    Zfs,
    Lvm,
    Ceph,
}

impl Tool for Volumes {
    const NAME: &'static str = "volumes";
    const TITLE: &'static str = "Volumes";
    const ABOUT: &'static str = "ZFS, LVM or Ceph state seen from a node.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Node(self.node.clone())
    }
}
