//! What came with a credential counts as long as that is good: it may end between asking and acting.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "credential", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let what = "whether the credential of who asked is still good";
    if let Some(Some(why)) = notes.known(&case.facts.credential_over, what) {
        notes.refuse(format!("{why}; ask again with one that is good"));
    }
}
