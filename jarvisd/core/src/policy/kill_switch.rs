//! On, or unreadable: nothing is changed, whoever asks.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "kill_switch", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    if notes.known(&case.facts.kill_switch, "the kill switch") == Some(&true) {
        notes.refuse("the kill switch is on; release it in the dashboard or by `jarvisd kill-switch off`, then ask again");
    }
}
