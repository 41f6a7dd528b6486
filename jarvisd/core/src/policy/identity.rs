//! The thing that was planned for is the thing that is there.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "identity", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(now) = notes.known(&case.facts.target.identity, "the identity of the target") else { return };
    if !now.is_of(&case.target) {
        notes.refuse(format!("the identity that was read is not that of {}; ask again", case.named()));
    }
    match &case.request.pin {
        Some(pin) => {
            if let Some(drift) = pin.drift(now) {
                notes.refuse(format!("{} is not what was planned for: {drift}", case.named()));
            }
        }
        None if case.by_runbook() => notes.refuse("the runbook did not say which target it planned for"),
        None => {}
    }
}
