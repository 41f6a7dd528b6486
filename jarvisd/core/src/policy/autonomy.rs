//! How much automation may do by itself. A person's own act in a session is no matter of it.

use super::{Caller, Case, Guard, Level, Notes};

pub(super) const GUARD: Guard = Guard { name: "autonomy", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(autonomy) = notes.known(&case.facts.autonomy, "the autonomy level") else { return };
    let level = match (&case.request.caller, autonomy.trust) {
        (Caller::Human { .. }, _) => return,
        (Caller::Runbook { .. }, Some(trust)) => trust.level(autonomy.global, autonomy.tests_pass),
        (Caller::Runbook { .. }, None) => {
            notes.refuse("this runbook has no autonomy level for such targets; set one");
            return;
        }
        (Caller::Token { .. } | Caller::Mcp { .. } | Caller::Model { .. }, _) => autonomy.global,
    };
    match level {
        Level::Observe => {
            notes.refuse("autonomy level 0 only observes; raise it, or do this yourself in the dashboard")
        }
        Level::Alert => {
            notes.ask_or_refuse_runbook(case, "autonomy level 1 only tells; a person must decide")
        }
        Level::Recommend => notes.ask("autonomy level 2 only recommends; a person must decide"),
        Level::Act | Level::Quiet => {}
    }
}
