//! Who may run what: red needs a person each time, node power a person's own session, a local model only reads.

use super::{Caller, Case, Guard, Notes};
use crate::tools::Tier;

pub(super) const GUARD: Guard = Guard { name: "caller", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let caller = &case.request.caller;
    if case.effect.is_node_power() && !caller.is_human() {
        notes.refuse("the power of a node is a person's matter: do it from a logged-in session");
    }
    if matches!(caller, Caller::Model { local: true, .. }) {
        notes.refuse("the local model only reads; ask the same in the dashboard, or of a model that may propose actions");
    }
    if case.tier == Tier::Red {
        notes.ask("takes something away or moves it, so it needs your approval each time");
    }
}
