//! What a person has switched off has not crashed.

use super::{Case, Guard, Notes};
use crate::tools::Impact;

pub(super) const GUARD: Guard = Guard { name: "meant_off", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    if case.effect.impact() != Impact::BringsUp {
        return;
    }
    if let Some(Some(why)) = notes.known(&case.facts.target.meant_off, "whether it is off on purpose")
        && !case.by_human()
    {
        notes.ask_or_refuse_runbook(case, format!("{} is off on purpose: {why}", case.named()));
    }
}
