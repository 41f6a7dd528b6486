//! Exactly one thing bears the name: none or several mean no action. A move has somewhere to go, too: another node that
//! is there and online. Proxmox refuses other moves as well, but only after a person was asked for what cannot be.

use super::{Case, Destination, Guard, Notes};
use crate::tools::{Operation, Target};

pub(super) const GUARD: Guard = Guard { name: "target", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    match notes.known(&case.facts.target.matches, "the list of targets") {
        None | Some(1) => {}
        Some(0) if matches!(case.target, Target::Guest(_)) => {
            notes.refuse(format!("there is no {}, or it is a template; check its number", case.named()))
        }
        Some(0) => notes.refuse(format!("there is no {}; check its name", case.named())),
        Some(n) => {
            notes.refuse(format!("{n} things are called {}; clear that up in Proxmox first", case.named()))
        }
    }
    destination(case, notes);
}

fn destination(case: &Case<'_>, notes: &mut Notes) {
    let Operation::MigrateGuest(call) = &case.request.operation else { return };
    let (to, target) = (&call.to, &case.facts.target);
    match notes.known(&target.destination, "the node it shall go to") {
        None | Some(Some(Destination::Online)) => {}
        Some(Some(Destination::Offline)) => notes.refuse(format!("node {to} is not online")),
        Some(Some(Destination::Nowhere) | None) => {
            notes.refuse(format!("the cluster has no node {to}; check its name, upper and lower case count"))
        }
    }
    if target.node.known().is_some_and(|node| node.as_ref() == Some(to)) {
        notes.refuse(format!("{} is on node {to} already", case.named()));
    }
}
