//! Tasks, in Proxmox's own words: `qmstart of 104 gitea by root@pam ended: OK`.

use super::{Feed, Line};
use crate::cluster::{SourceId, Task, TaskStatus, absorb::guests};
use crate::protocol::{EventKind, Severity};

pub(super) fn tell(feed: &mut Feed) {
    let (a, b) = (feed.a, feed.b);
    // The first list is history, not news.
    if a.sources.get(&SourceId::tasks()).is_none_or(|s| s.seen_ms.is_none()) {
        return;
    }
    let mut news: Vec<&Task> = b
        .tasks
        .iter()
        .filter(|(upid, is)| a.tasks.get(*upid).is_none_or(|was| was.status != is.status))
        .map(|(_, is)| is.as_ref())
        .collect();
    news.sort_by_key(|t| t.end_ms.unwrap_or(t.start_ms));
    for task in news {
        one(feed, task);
    }
}

fn one(feed: &mut Feed, task: &Task) {
    let what = title(feed, task);
    let exit = task.exit.as_deref().unwrap_or("no result");
    let (kind, severity, title) = match task.status {
        TaskStatus::Running => (EventKind::TaskStarted, Severity::Info, format!("{what} started")),
        TaskStatus::Ok => (EventKind::TaskEnded, Severity::Info, format!("{what} ended: {exit}")),
        TaskStatus::Warnings => (EventKind::TaskEnded, Severity::Notice, format!("{what} ended: {exit}")),
        TaskStatus::Failed => (EventKind::TaskFailed, Severity::Warning, format!("{what} failed: {exit}")),
        TaskStatus::Unknown => {
            (EventKind::TaskFailed, Severity::Warning, format!("{what} ended in an unknown way: {exit}"))
        }
    };
    // When it happened, by the node's clock, but never later than now.
    let ts_ms = task.end_ms.unwrap_or(task.start_ms).min(feed.now_ms);
    let line: Line = feed.say(kind, severity, title);
    line.node(&task.node).with(|e| {
        e.ts_ms = ts_ms;
        e.vmid = task.vmid;
        e.upid = Some(task.upid.clone());
    });
}

fn title(feed: &Feed, task: &Task) -> String {
    let target = match (task.vmid, task.target.as_deref()) {
        (Some(vmid), _) => {
            let name =
                feed.b.guests.get(&vmid).or_else(|| feed.a.guests.get(&vmid)).and_then(|g| g.name.as_deref());
            format!("of {}", guests::label(vmid, name))
        }
        (None, Some(target)) if !target.is_empty() => format!("of {target}"),
        _ => format!("on {}", task.node),
    };
    format!("{} {target} by {}", task.kind, task.user)
}
