//! Exactly one thing bears the name: none or several mean no action.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "target", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    match notes.known(&case.facts.target.matches, "the list of targets") {
        None | Some(1) => {}
        Some(0) => notes.refuse(format!("there is no {}; check its name or number", case.named())),
        Some(n) => {
            notes.refuse(format!("{n} things are called {}; clear that up in Proxmox first", case.named()))
        }
    }
}
