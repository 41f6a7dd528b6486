//! What Jarvis stands on, and what the settings protect, is not touched.

use super::{Case, Guard, Notes};
use crate::{graph::Thing, tools::Impact};

pub(super) const GUARD: Guard = Guard { name: "protected", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(thing) = Thing::of(&case.target) else { return };
    let touched = match &thing {
        // A service is part of its node.
        Thing::Service { node, .. } => vec![thing.clone(), Thing::Node(node.clone())],
        _ => vec![thing],
    };
    if let Some(limits) = notes.limits(case)
        && let Some(hit) = touched.iter().find(|thing| limits.protected.contains(thing))
    {
        notes.refuse(format!("{hit} is protected by the settings"));
    }
    let Some(own) = notes.known(&case.facts.own, "what Jarvis itself runs on") else { return };
    if let Some(hit) = touched.iter().find(|thing| own.is_core(thing)) {
        notes.refuse(format!("{hit} is what Jarvis itself runs in or on; do this in Proxmox"));
    } else if let Some(hit) = touched.iter().find(|thing| own.includes(thing)) {
        match case.effect.impact() {
            // Nothing is taken away: a person may have it done, automation may not.
            Impact::BringsUp | Impact::None => notes.ask(format!("Jarvis depends on {hit}")),
            Impact::Interrupts | Impact::Moves | Impact::TakesDown => {
                notes.refuse(format!("Jarvis depends on {hit}; do this in Proxmox"));
            }
        }
    }
}
