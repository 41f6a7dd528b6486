//! Services only from the list in the settings, containers only with the label that allows it, our own stack never.

use super::{Case, Guard, Listed, Notes};
use crate::tools::TargetClass;

pub(super) const GUARD: Guard = Guard { name: "listed", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let todo = match case.class() {
        TargetClass::Service => "list it under `services.restart` in the settings",
        TargetClass::Container => "label the container `jarvis.restart=true`",
        TargetClass::Cluster | TargetClass::Node | TargetClass::Guest | TargetClass::Storage => return,
    };
    let target = case.named();
    match notes.known(&case.facts.target.listed, "the list of what may be restarted") {
        None | Some(Listed::Yes) => {}
        Some(Listed::No) => {
            notes.refuse(format!("{target} is not meant to be touched by Jarvis; {todo}"));
        }
        Some(Listed::OwnStack) => notes.refuse(format!(
            "{target} is part of Jarvis itself, which would be gone before it could see the end of it; no label allows \
             that: do it with `docker compose` on its host"
        )),
        Some(Listed::OnlyRead) => notes.refuse(format!(
            "the engine of {target} is reached over SSH, by which containers are only read; give its socket or a url \
             with TLS under [[docker.hosts]]"
        )),
    }
}
