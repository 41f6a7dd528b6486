//! Guests: started, stopped and by what, come, gone, moved, locked.

use super::{BULK, Feed, Line};
use crate::cluster::{
    ClusterState, Guest, GuestStatus, SourceId, SourceState, Task, TaskStatus, Vmid,
    absorb::{guests as rows, names, plural, sources},
    memory::GuestMemory,
};
use crate::protocol::{EventKind, Severity};

/// A task that ended this long ago may still be why a guest is off: Proxmox's figures are up to one round
/// late, and a shutdown ends before its row says so.
const TASK_EXPLAINS_MS: i64 = 30_000;

/// Task types that end with a guest off. Bulk types name no guest and explain every guest of their node.
const STOPS: [&str; 14] = [
    "qmstop",
    "qmshutdown",
    "qmreboot",
    "qmsuspend",
    "vzstop",
    "vzshutdown",
    "vzreboot",
    "vzsuspend",
    "hastop",
    "qmreset",
    "qmrollback",
    "vzrollback",
    // A container that moves with a restart, and one that is saved in mode stop, is off for that long.
    "vzmigrate",
    BACKUP,
];
const BULK_STOPS: [&str; 3] = ["stopall", "suspendall", "srvstop"];
/// That of a whole pool names no guest; the one in work is locked.
const BACKUP: &str = "vzdump";
const BACKUP_LOCK: &str = "backup";

pub(super) fn label(guest: &Guest) -> String {
    rows::label(guest.vmid, guest.name.as_deref())
}

fn kind_word(guest: &Guest) -> &'static str {
    match guest.kind {
        crate::cluster::GuestKind::Qemu => "VM",
        crate::cluster::GuestKind::Lxc => "CT",
    }
}

pub(super) fn tell(feed: &mut Feed) {
    let (a, b) = (feed.a, feed.b);
    let (gone, come) = (without(a, b), without(b, a));
    come_or_gone(feed, &gone, EventKind::GuestRemoved, Severity::Notice, "is gone from");
    come_or_gone(feed, &come, EventKind::GuestAdded, Severity::Info, "is new on");
    let mut earlier = a.guests.iter().zip(a.memory.guests.values()).peekable();
    for ((vmid, is), memory) in b.guests.iter().zip(b.memory.guests.values()) {
        while earlier.next_if(|((v, _), _)| *v < vmid).is_some() {}
        let Some(((_, was), before)) = earlier.next_if(|((v, _), _)| *v == vmid) else { continue };
        if std::sync::Arc::ptr_eq(was, is) && before.known == memory.known {
            continue;
        }
        power(feed, is, before, memory);
        place(feed, was, is);
        lock(feed, was, is);
    }
}

/// Guests of `a` that `b` has not; both are sorted.
fn without<'a>(a: &'a ClusterState, b: &ClusterState) -> Vec<&'a Guest> {
    let mut others = b.guests.keys().peekable();
    let mut out = Vec::new();
    for (vmid, guest) in &a.guests {
        while others.next_if(|v| *v < vmid).is_some() {}
        if others.next_if(|v| *v == vmid).is_none() {
            out.push(guest.as_ref());
        }
    }
    out
}

fn come_or_gone(feed: &mut Feed, all: &[&Guest], kind: EventKind, severity: Severity, what: &str) {
    if all.len() > BULK {
        let verb =
            if kind == EventKind::GuestAdded { "appeared" } else { "are no longer named by the cluster" };
        let title = format!("{} {verb}", plural(all.len(), "guest"));
        let detail = names(all.iter().map(|g| label(g)));
        feed.say(kind, severity.max(Severity::Notice), title).detail(detail);
        return;
    }
    for guest in all {
        let title = format!("{} {} {what} {}", kind_word(guest), label(guest), guest.node);
        feed.say(kind, severity, title).of(guest);
    }
}

fn power(feed: &mut Feed, is: &Guest, before: &GuestMemory, memory: &GuestMemory) {
    let (Some(was), Some(now)) = (before.known, memory.known) else { return };
    if was == now {
        return;
    }
    let name = format!("{} {}", kind_word(is), label(is));
    match (rows::runs(was), rows::runs(now)) {
        (false, true) => {
            let title = format!("{name} was started on {}", is.node);
            feed.say(EventKind::GuestStarted, Severity::Info, title).of(is);
        }
        (true, false) => {
            let (severity, detail) = match by(feed, is) {
                Some(task) => (Severity::Info, format!("by task {} of {}", task.kind, task.user)),
                None if sources::of(&feed.b.sources, &SourceId::tasks()) != SourceState::Fresh => {
                    (Severity::Warning, "nothing known did it; the task list is not current".into())
                }
                None => (Severity::Warning, "nothing known did it: no task stopped it".into()),
            };
            let title = format!("{name} stopped on {}", is.node);
            feed.say(EventKind::GuestStopped, severity, title).of(is).detail(detail);
        }
        _ if matches!(now, GuestStatus::Paused | GuestStatus::Suspended) => {
            let title = format!("{name} is paused on {}", is.node);
            feed.say(EventKind::GuestStopped, Severity::Notice, title).of(is);
        }
        _ => {}
    }
}

/// The newest task that explains why a guest is off.
fn by<'a>(feed: &Feed<'a>, guest: &Guest) -> Option<&'a Task> {
    let recent = |t: &Task| {
        t.status == TaskStatus::Running
            || t.end_ms.is_some_and(|end| feed.now_ms.saturating_sub(end) <= TASK_EXPLAINS_MS)
    };
    let aims = |t: &Task| match t.vmid {
        Some(vmid) => vmid == guest.vmid && STOPS.contains(&t.kind.as_str()),
        None if t.node != guest.node => false,
        None if t.kind == BACKUP => guest.lock.as_deref() == Some(BACKUP_LOCK),
        None => BULK_STOPS.contains(&t.kind.as_str()),
    };
    let b = feed.b;
    b.tasks.values().map(AsRef::as_ref).filter(|t| recent(t) && aims(t)).max_by_key(|t| t.start_ms)
}

fn place(feed: &mut Feed, was: &Guest, is: &Guest) {
    if was.node != is.node {
        let title = format!("{} {} moved from {} to {}", kind_word(is), label(is), was.node, is.node);
        feed.say(EventKind::GuestMoved, Severity::Info, title).of(is);
    }
}

fn lock(feed: &mut Feed, was: &Guest, is: &Guest) {
    if was.lock == is.lock {
        return;
    }
    let name = format!("{} {}", kind_word(is), label(is));
    match (&was.lock, &is.lock) {
        (from, Some(to)) if from.as_ref() != Some(to) => {
            feed.say(EventKind::GuestLocked, Severity::Info, format!("{name} is locked ({to})")).of(is);
        }
        (Some(from), None) if is.status != GuestStatus::Unknown => {
            let title = format!("{name} is no longer locked ({from})");
            feed.say(EventKind::GuestUnlocked, Severity::Info, title).of(is);
        }
        _ => {}
    }
}

impl Line<'_> {
    fn of(self, guest: &Guest) -> Self {
        let vmid: Vmid = guest.vmid;
        self.node(&guest.node).with(|e| e.vmid = Some(vmid))
    }
}
