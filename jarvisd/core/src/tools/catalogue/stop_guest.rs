//! `stop_guest`: stop a guest at once, as if its power were cut.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopGuest {
    pub vmid: Vmid,
}

impl Tool for StopGuest {
    const NAME: &'static str = "stop_guest";
    const TITLE: &'static str = "Stop";
    const ABOUT: &'static str = "Stop a guest at once, as if its power were cut.";
    const EFFECT: Effect = Effect::StopGuest;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::TASK;

    fn target(&self) -> Target {
        Target::Guest(self.vmid)
    }
}
