//! A model's run that has used up its share stops, reads included, without acting.

use super::{Caller, Case, Fact, Guard, Notes};
use crate::tools::Tier;

pub(super) const GUARD: Guard = Guard { name: "budget", reads_too: true, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let changes = case.tier > Tier::Green;
    let budget = match &case.facts.budget {
        Fact::Known(budget) => budget,
        // A person may go on reading when nobody knows what is left.
        Fact::Unknown(_) if !changes => return,
        unknown => {
            notes.known(unknown, "the budget");
            return;
        }
    };
    if !matches!(case.request.caller, Caller::Model { .. }) {
        return;
    }
    let Some(left) = budget else {
        if changes {
            notes.refuse("this model's run has no budget on record, so it may not act");
        }
        return;
    };
    let spent = [
        ("steps", left.steps_left == 0),
        ("tokens", left.tokens_left == 0),
        ("money", left.money_left_pico_usd == 0),
        ("time", left.time_left_ms <= 0),
        ("repetitions of the same call", left.repeats_left == 0),
    ];
    for (what, _) in spent.into_iter().filter(|(_, spent)| *spent) {
        notes.refuse(format!("this run has used up its {what}; start a new turn"));
    }
}
