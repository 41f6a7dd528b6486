//! `start_guest`: start a stopped guest.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartGuest {
    pub vmid: Vmid,
}

impl Tool for StartGuest {
    const NAME: &'static str = "start_guest";
    const TITLE: &'static str = "Start";
    const ABOUT: &'static str = "Start a stopped guest.";
    const EFFECT: Effect = Effect::StartGuest;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::TASK;

    fn target(&self) -> Target {
        Target::Guest(self.vmid)
    }
}
