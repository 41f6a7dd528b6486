//! Where a person has just worked, automation keeps away.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "hands_off", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(task) = notes.known(&case.facts.target.human_task, "the tasks of people on the target") else {
        return;
    };
    let Some(limits) = notes.limits(case) else { return };
    if let Some(at) = task
        && !case.by_human()
        && case.facts.now.surely_since_ms(at) < limits.hands_off_ms
    {
        let minutes = limits.hands_off_ms / 60_000;
        notes.ask_or_refuse_runbook(
            case,
            format!("a person worked on {} within the last {minutes} minutes", case.target),
        );
    }
}
