//! `guest`: one guest: config, snapshots, tasks, pressure.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guest {
    pub vmid: Vmid,
}

impl Tool for Guest {
    const NAME: &'static str = "guest";
    const TITLE: &'static str = "Guest";
    const ABOUT: &'static str = "One guest: config, snapshots, tasks, pressure.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Guest(self.vmid)
    }
}
