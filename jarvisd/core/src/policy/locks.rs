//! What holds a lock, or is being backed up, moved, copied or restored, is left alone.

use super::{Case, Guard, Notes};
use crate::tools::TargetClass;

pub(super) const GUARD: Guard = Guard { name: "locks", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let facts = &case.facts.target;
    if case.class() == TargetClass::Guest
        && let Some(Some(lock)) = notes.known(&facts.lock, "the lock of the guest")
    {
        notes.refuse(format!("{} is locked ({lock}); let that end", case.named()));
    }
    let concerned = case.class() == TargetClass::Guest || case.effect.is_node_power();
    if concerned && let Some(busy) = notes.known(&facts.busy, "the running tasks") {
        for task in busy {
            notes.refuse(format!("{task} is under way on {} or its storage; let it end", case.named()));
        }
    }
}
