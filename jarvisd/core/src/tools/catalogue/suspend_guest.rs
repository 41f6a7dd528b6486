//! `suspend_guest`: suspend a running guest.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspendGuest {
    pub vmid: Vmid,
}

impl Tool for SuspendGuest {
    const NAME: &'static str = "suspend_guest";
    const TITLE: &'static str = "Suspend";
    const ABOUT: &'static str = "Suspend a running guest.";
    const EFFECT: Effect = Effect::SuspendGuest;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::TASK;

    fn target(&self) -> Target {
        Target::Guest(self.vmid)
    }
}
