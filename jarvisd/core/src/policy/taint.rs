//! A plan that has read what others wrote needs a person for any change; text never acts.

use super::{Caller, Case, Fact, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "taint", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    if case.by_human() || matches!(case.request.caller, Caller::Runbook { structured: true, .. }) {
        return;
    }
    match &case.request.tainted {
        Fact::Known(false) => {}
        Fact::Known(true) => notes.ask(
            "the plan was made after reading untrusted text (logs, names, files); check that it is yours",
        ),
        Fact::Unknown(why) => {
            notes.ask(format!("whether the plan was made after reading untrusted text is not known ({why})"))
        }
    }
}
