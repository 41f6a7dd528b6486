//! `reboot_guest`: reboot a guest cleanly.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RebootGuest {
    pub vmid: Vmid,
}

impl Tool for RebootGuest {
    const NAME: &'static str = "reboot_guest";
    const TITLE: &'static str = "Reboot";
    const ABOUT: &'static str = "Reboot a guest cleanly.";
    const EFFECT: Effect = Effect::RebootGuest;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::TASK;

    fn target(&self) -> Target {
        Target::Guest(self.vmid)
    }
}
