//! Automation does only so much in an hour and a day, however good its reasons.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "rate", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(ledger) = notes.known(&case.facts.ledger, "the record of past actions") else { return };
    let Some(limits) = notes.limits(case) else { return };
    if case.by_human() {
        return;
    }
    for full in ledger.full(&case.facts.now, &case.target, case.request.caller.runbook(), limits) {
        notes.refuse(format!("{} {} are the limit; wait, or do it yourself", full.max, full.what));
    }
}
