//! The target must be in the state the operation starts from, on a node that is there: nothing is started twice.

use super::{Case, Condition, Guard, Notes};
use crate::tools::{Effect, TargetClass};

pub(super) const GUARD: Guard = Guard { name: "state", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let facts = &case.facts.target;
    let Some(condition) = notes.known(&facts.condition, "the state of the target") else { return };
    if !starts_from(case.effect).contains(condition) {
        let word = match condition {
            Condition::Up => "running",
            Condition::Down => "down",
            Condition::Paused => "paused",
        };
        notes.refuse(format!(
            "{} is {word} already, or not in a state from which this can be done",
            case.named()
        ));
    }
    let on_a_node = matches!(case.class(), TargetClass::Guest | TargetClass::Service);
    if on_a_node && notes.known(&facts.node_online, "the target's node") == Some(&false) {
        notes.refuse("the node it is on is not online");
    }
    // Who goes down with it, and whether Jarvis itself is among them, hangs on it.
    if case.class() == TargetClass::Container {
        notes.known(&facts.node, "what its engine runs on");
    }
}

/// The states in which an operation makes sense.
fn starts_from(effect: Effect) -> &'static [Condition] {
    use Condition::{Down, Paused, Up};
    match effect {
        Effect::StartGuest | Effect::WakeNode | Effect::StartContainer => &[Down],
        Effect::ResumeGuest => &[Paused],
        Effect::RestartService | Effect::MigrateGuest => &[Up, Down],
        Effect::Read | Effect::CreateSnapshot | Effect::StartBackup | Effect::DeleteSnapshot => {
            &[Up, Down, Paused]
        }
        Effect::StopGuest => &[Up, Paused],
        Effect::ShutdownGuest
        | Effect::RebootGuest
        | Effect::SuspendGuest
        | Effect::RestartContainer
        | Effect::StopContainer
        | Effect::RebootNode
        | Effect::ShutdownNode => &[Up],
    }
}
