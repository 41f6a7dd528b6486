//! Guests of the HA manager are moved by it and by nobody beside it.

use super::{Case, Fact, Guard, Notes, Route};
use crate::tools::{Effect, TargetClass};

pub(super) const GUARD: Guard = Guard { name: "ha", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    if case.class() != TargetClass::Guest {
        return;
    }
    let Some(Some(state)) = notes.known(&case.facts.target.ha, "the HA state") else { return };
    match (state.as_str(), way(case.effect)) {
        // HA was told to keep its hands off.
        ("ignored", _) => {}
        ("started" | "stopped", Way::Request | Way::Harmless) => {}
        ("started" | "stopped", Way::None) => {
            notes.refuse(
                "the guest is under HA, which would fight this; change its requested state in Proxmox",
            );
        }
        (state, _) => notes.refuse(format!("the HA manager is at work on it (state `{state}`); let it end")),
    }
}

/// How an operation goes together with HA.
enum Way {
    /// There is an HA request that does the same.
    Request,
    /// It does not change where or whether the guest runs.
    Harmless,
    None,
}

fn way(effect: Effect) -> Way {
    match effect {
        Effect::StartGuest | Effect::ShutdownGuest | Effect::MigrateGuest => Way::Request,
        Effect::Read | Effect::CreateSnapshot | Effect::StartBackup | Effect::DeleteSnapshot => Way::Harmless,
        Effect::ResumeGuest
        | Effect::WakeNode
        | Effect::RestartService
        | Effect::StartContainer
        | Effect::StopGuest
        | Effect::RebootGuest
        | Effect::SuspendGuest
        | Effect::RestartContainer
        | Effect::StopContainer
        | Effect::RebootNode
        | Effect::ShutdownNode => Way::None,
    }
}

/// By which way this is sent to a guest in this HA state.
pub fn route(effect: Effect, ha: &Fact<Option<String>>) -> Route {
    let managed = matches!(ha.known(), Some(Some(state)) if state != "ignored");
    if managed && matches!(way(effect), Way::Request) { Route::Ha } else { Route::Direct }
}
