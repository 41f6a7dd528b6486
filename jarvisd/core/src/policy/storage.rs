//! Nothing is started or written where the storage is full or away, and nothing is deleted to make room.

use super::{Case, Guard, Notes};
use crate::tools::Effect;

pub(super) const GUARD: Guard = Guard { name: "storage", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    if case.effect == Effect::DeleteSnapshot && case.by_runbook() {
        notes.refuse("nothing is deleted by automation, whatever space it would free");
    }
    let writes = matches!(
        case.effect,
        Effect::StartGuest | Effect::ResumeGuest | Effect::CreateSnapshot | Effect::StartBackup
    );
    if !writes {
        return;
    }
    let Some(limits) = notes.limits(case) else { return };
    for storage in
        notes.known(&case.facts.target.storages, "the storages of the target").into_iter().flatten()
    {
        if !storage.available {
            notes.refuse(format!("storage {} is not available", storage.name));
        }
        match storage.fill_percent {
            Some(percent) if percent < limits.storage_full_percent_min => {}
            Some(percent) => {
                notes.refuse(format!("storage {} is {percent} % full; make room first", storage.name))
            }
            None => notes.refuse(format!("how full storage {} is cannot be read", storage.name)),
        }
    }
}
