//! `start_backup`: back up a guest to a storage.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartBackup {
    pub vmid: Vmid,
    pub storage: StorageName,
}

impl Tool for StartBackup {
    const NAME: &'static str = "start_backup";
    const TITLE: &'static str = "Back up";
    const ABOUT: &'static str = "Back up a guest to a storage.";
    const EFFECT: Effect = Effect::StartBackup;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::LONG_TASK;

    fn target(&self) -> Target {
        Target::Guest(self.vmid)
    }
}
