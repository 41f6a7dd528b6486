//! `resume_guest`: resume a paused or suspended guest.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeGuest {
    pub vmid: Vmid,
}

impl Tool for ResumeGuest {
    const NAME: &'static str = "resume_guest";
    const TITLE: &'static str = "Resume";
    const ABOUT: &'static str = "Resume a paused or suspended guest.";
    const EFFECT: Effect = Effect::ResumeGuest;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::TASK;

    fn target(&self) -> Target {
        Target::Guest(self.vmid)
    }
}
