//! In a maintenance window people work; automation by itself does not.

use super::{Case, Fact, Guard, Notes};
use crate::graph::Thing;

pub(super) const GUARD: Guard = Guard { name: "maintenance", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(windows) = notes.known(&case.facts.windows, "the maintenance windows") else { return };
    if windows.is_empty() || case.by_human() {
        return;
    }
    if case.facts.clock_steady != Fact::Known(true) {
        notes.ask_or_refuse_runbook(
            case,
            "the clock has jumped, so whether a maintenance window is open is not sure",
        );
    }
    let thing = Thing::of(&case.target);
    let node = case.facts.target.node.known().cloned().flatten().map(Thing::Node);
    let now_ms = case.facts.now.wall_ms;
    let open = windows.iter().find(|window| {
        (window.from_ms..window.until_ms).contains(&now_ms)
            && (window.on.is_none() || window.on == thing || (node.is_some() && window.on == node))
    });
    if open.is_some() {
        notes.ask_or_refuse_runbook(case, format!("a maintenance window is open for {}", case.named()));
    }
}
