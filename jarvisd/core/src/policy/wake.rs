//! A node is woken only when a quorate peer sees it absent, and at most once an hour.

use super::{Case, Guard, Notes};
use crate::tools::Effect;

pub(super) const GUARD: Guard = Guard { name: "wake", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    if case.effect != Effect::WakeNode {
        return;
    }
    if notes.known(&case.facts.target.absent, "the membership of the cluster") == Some(&false) {
        notes.refuse(format!("{} is a member of the cluster right now, so it is not off", case.named()));
    }
    if let Some(ledger) = notes.known(&case.facts.ledger, "the record of past actions")
        && ledger.woken_lately(&case.facts.now, &case.target)
    {
        notes
            .refuse(format!("{} was sent a wake-up within the last hour; look at the machine", case.named()));
    }
}
