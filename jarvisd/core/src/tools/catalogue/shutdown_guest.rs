//! `shutdown_guest`: shut a guest down cleanly.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShutdownGuest {
    pub vmid: Vmid,
}

impl Tool for ShutdownGuest {
    const NAME: &'static str = "shutdown_guest";
    const TITLE: &'static str = "Shut down";
    const ABOUT: &'static str = "Shut a guest down cleanly.";
    const EFFECT: Effect = Effect::ShutdownGuest;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::TASK;

    fn target(&self) -> Target {
        Target::Guest(self.vmid)
    }
}
