//! `delete_snapshot`: delete one snapshot of a guest.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteSnapshot {
    pub vmid: Vmid,
    pub name: SnapshotName,
}

impl Tool for DeleteSnapshot {
    const NAME: &'static str = "delete_snapshot";
    const TITLE: &'static str = "Delete snapshot";
    const ABOUT: &'static str = "Delete one snapshot of a guest.";
    const EFFECT: Effect = Effect::DeleteSnapshot;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::TASK;

    fn target(&self) -> Target {
        Target::Guest(self.vmid)
    }
}
