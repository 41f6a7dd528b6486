//! What keeps falling over is not propped up again and again.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "flapping", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(flaps) = notes.known(&case.facts.flaps, "the record of falls") else { return };
    let Some(limits) = notes.limits(case) else { return };
    if case.by_human() {
        return;
    }
    if flaps.is_quarantined(&case.target) {
        notes.ask_or_refuse_runbook(
            case,
            format!("{} has fallen again and again and is in quarantine until you lift it", case.named()),
        );
    }
    let wait_ms = flaps.backoff_left_ms(&case.target, &case.facts.now, limits);
    if case.by_runbook() && wait_ms > 0 {
        notes.refuse(format!("the next try on {} is due in {} s", case.named(), wait_ms / 1_000 + 1));
    }
}
