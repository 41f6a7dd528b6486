//! Who else would go down. Jarvis itself and what is protected must not; for others a person decides.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "blast", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(blast) = notes.known(&case.facts.blast, "what depends on the target") else { return };
    if blast.target != case.target || blast.impact != case.effect.impact() {
        notes.refuse("the forecast is of another action; ask again");
        return;
    }
    if blast.includes_jarvis {
        notes.refuse("Jarvis itself would suffer from it; do this in Proxmox");
    }
    if let Some(limits) = notes.limits(case) {
        for hit in blast.others_down().filter(|struck| limits.protected.contains(&struck.thing)) {
            notes.refuse(format!("{} is protected by the settings and would go down with it", hit.thing));
        }
    }
    if blast.others_down().next().is_some() {
        notes.ask(blast.sentence());
    }
}
