//! Where a person has just worked, automation keeps away: in Proxmox's own interface or through Jarvis alike.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "hands_off", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let elsewhere = notes.known(&case.facts.target.human_task, "the tasks of people on the target");
    let here = notes.known(&case.facts.ledger, "the record of past actions");
    let Some(limits) = notes.limits(case) else { return };
    if case.by_human() {
        return;
    }
    let now = &case.facts.now;
    let here = here.and_then(|ledger| ledger.last_by_person(now, &case.target));
    let ended = elsewhere.and_then(Option::as_ref).into_iter().chain(here);
    if ended.map(|at| now.surely_since_ms(at)).min().is_some_and(|ms| ms < limits.hands_off_ms) {
        let minutes = limits.hands_off_ms / 60_000;
        notes.ask_or_refuse_runbook(
            case,
            format!("a person worked on {} within the last {minutes} minutes", case.named()),
        );
    }
}
