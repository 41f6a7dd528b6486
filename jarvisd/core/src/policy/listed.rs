//! Services only from the list in the settings, containers only with the label that allows it.

use super::{Case, Guard, Notes};
use crate::tools::TargetClass;

pub(super) const GUARD: Guard = Guard { name: "listed", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let what = match case.class() {
        TargetClass::Service => "list it under `services.restart` in the settings",
        TargetClass::Container => "label the container `jarvis.restart=true`",
        TargetClass::Cluster | TargetClass::Node | TargetClass::Guest | TargetClass::Storage => return,
    };
    if notes.known(&case.facts.target.listed, "the list of what may be restarted") == Some(&false) {
        notes.refuse(format!("{} is not meant to be restarted by Jarvis; {what}", case.target));
    }
}
