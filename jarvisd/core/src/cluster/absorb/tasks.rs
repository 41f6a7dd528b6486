//! Tasks: every running one and the last finished ones.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::cluster::{ClusterState, Task, TaskStatus, Upid, Vmid, reading::TaskRow};

/// Finished tasks kept for the screen; Proxmox keeps the rest and can be asked.
pub const FINISHED_TASKS_MAX: usize = 100;
/// Running tasks kept; more than a cluster of 50 nodes starts in a bulk action.
pub const RUNNING_TASKS_MAX: usize = 1_000;

/// What a task that vanished from the list gets as its last word.
pub const VANISHED: &str = "vanished from the task list";

pub(super) fn take(state: &mut ClusterState, rows: &[TaskRow], at_ms: i64) {
    let mut named = BTreeSet::new();
    for row in rows {
        named.insert(row.upid.clone());
        let was = state.tasks.get(&row.upid);
        // An end is final: another node may still answer with an older list.
        if was.is_some_and(|t| t.status != TaskStatus::Running && t.exit.as_deref() != Some(VANISHED))
            && row.status == TaskStatus::Running
        {
            continue;
        }
        let task = record(row);
        if was.is_none_or(|t| **t != task) {
            state.tasks.insert(row.upid.clone(), Arc::new(task));
        }
    }
    vanish(state, &named, at_ms);
    bound(&mut state.tasks);
}

fn record(row: &TaskRow) -> Task {
    Task {
        upid: row.upid.clone(),
        node: row.node.clone(),
        kind: row.kind.clone(),
        user: row.user.clone(),
        status: row.status,
        start_ms: row.start_ms,
        target: row.target.clone(),
        vmid: row.target.as_deref().and_then(|t| t.parse::<Vmid>().ok()),
        end_ms: row.end_ms,
        exit: row.exit.clone(),
    }
}

/// A running task that two answers in a row do not name has ended in a way nobody told us.
fn vanish(state: &mut ClusterState, named: &BTreeSet<Upid>, at_ms: i64) {
    let missing: BTreeSet<Upid> = state
        .tasks
        .iter()
        .filter(|(upid, t)| t.status == TaskStatus::Running && !named.contains(*upid))
        .map(|(upid, _)| upid.clone())
        .collect();
    for upid in missing.intersection(&state.memory.tasks_missed) {
        if let Some(task) = state.tasks.get_mut(upid) {
            let task = Arc::make_mut(task);
            task.status = TaskStatus::Unknown;
            task.end_ms = Some(at_ms);
            task.exit = Some(VANISHED.to_owned());
        }
    }
    state.memory.tasks_missed = missing;
}

fn bound(tasks: &mut BTreeMap<Upid, Arc<Task>>) {
    keep(tasks, |t| t.status != TaskStatus::Running, FINISHED_TASKS_MAX);
    keep(tasks, |t| t.status == TaskStatus::Running, RUNNING_TASKS_MAX);
}

/// Keeps the newest `max` of those that `which` chooses.
fn keep(tasks: &mut BTreeMap<Upid, Arc<Task>>, which: impl Fn(&Task) -> bool, max: usize) {
    let mut chosen: Vec<(Reverse<i64>, Upid)> = tasks
        .iter()
        .filter(|(_, t)| which(t))
        .map(|(upid, t)| (Reverse(t.end_ms.unwrap_or(t.start_ms)), upid.clone()))
        .collect();
    if chosen.len() > max {
        chosen.sort();
        for (_, upid) in chosen.drain(max..) {
            tasks.remove(&upid);
        }
    }
}
