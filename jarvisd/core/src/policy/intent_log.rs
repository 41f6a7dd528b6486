//! What cannot be recorded before it is done is not done.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "intent_log", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    if notes.known(&case.facts.intent_log_writable, "the intent log") == Some(&false) {
        notes.refuse("the intent log cannot be written; check the disk of the data directory");
    }
}
