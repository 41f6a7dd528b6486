//! `migrate_guest`: move a guest to another node.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrateGuest {
    pub vmid: Vmid,
    pub to: NodeName,
}

impl Tool for MigrateGuest {
    const NAME: &'static str = "migrate_guest";
    const TITLE: &'static str = "Migrate";
    const ABOUT: &'static str = "Move a guest to another node.";
    const EFFECT: Effect = Effect::MigrateGuest;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::LONG_TASK;

    fn target(&self) -> Target {
        Target::Guest(self.vmid)
    }
}
