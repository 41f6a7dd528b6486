//! `create_snapshot`: take a snapshot of a guest.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSnapshot {
    pub vmid: Vmid,
    pub name: SnapshotName,
}

impl Tool for CreateSnapshot {
    const NAME: &'static str = "create_snapshot";
    const TITLE: &'static str = "Snapshot";
    const ABOUT: &'static str = "Take a snapshot of a guest.";
    const EFFECT: Effect = Effect::CreateSnapshot;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::TASK;

    fn target(&self) -> Target {
        Target::Guest(self.vmid)
    }
}
