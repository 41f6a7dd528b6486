//! Only what was seen twice, freshly and without contradiction is acted on; unknown is not down.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "freshness", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    if let Some(sight) = notes.known(&case.facts.sight, "the state of the cluster")
        && let Some(contradiction) = &sight.contradiction
    {
        notes.refuse(format!("sources contradict each other ({contradiction}); nothing acts on that"));
    }
    let Some(limits) = notes.limits(case) else { return };
    if let Some(looks) = notes.known(&case.facts.target.looks, "the target")
        && *looks < limits.looks_min
    {
        notes.refuse(format!(
            "{} was seen {looks} times in a row as it is now, {} are needed; wait for the next look",
            case.named(),
            limits.looks_min
        ));
    }
}
