//! Tasks: their ids, their steps in time, their logs, and how they end.
//!
//! What a task does to a guest is in `work`; here is the book of tasks and its clockwork.

use std::collections::{BTreeMap, VecDeque};

use super::clock::Now;
use super::work::{Begun, Op};
use super::{Event, World};

/// Finished tasks kept; the real archive is larger, nobody reads further back.
const KEPT_MAX: usize = 4_000;

#[derive(Clone, Debug)]
pub struct Task {
    pub upid: String,
    pub node: String,
    pub pid: u64,
    pub pstart: u64,
    pub kind: String,
    pub id: String,
    pub user: String,
    pub tokenid: Option<String>,
    pub start_s: u64,
    pub end: Option<End>,
    pub log: Vec<String>,
    pub op: Op,
    /// What its end will say when nothing else decides; `None` is `OK`.
    pub fate: Option<String>,
}

#[derive(Clone, Debug)]
pub struct End {
    pub at_s: u64,
    pub status: String,
}

#[derive(Debug, Default)]
pub struct TaskBook {
    all: BTreeMap<String, Task>,
    /// Newest last.
    order: VecDeque<String>,
}

impl TaskBook {
    pub fn get(&self, upid: &str) -> Option<&Task> {
        self.all.get(upid)
    }

    pub fn get_mut(&mut self, upid: &str) -> Option<&mut Task> {
        self.all.get_mut(upid)
    }

    /// Newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Task> {
        self.order.iter().rev().filter_map(|upid| self.all.get(upid))
    }

    pub fn insert(&mut self, task: Task) {
        self.order.push_back(task.upid.clone());
        self.all.insert(task.upid.clone(), task);
        while self.order.len() > KEPT_MAX {
            if let Some(old) = self.order.pop_front() {
                self.all.remove(&old);
            }
        }
    }
}

/// Who asked for a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    pub user: String,
    pub tokenid: Option<String>,
}

impl Asker {
    pub fn root() -> Self {
        Self { user: "root@pam".into(), tokenid: None }
    }

    pub fn full(&self) -> String {
        match &self.tokenid {
            Some(id) => format!("{}!{id}", self.user),
            None => self.user.clone(),
        }
    }
}

/// How a new task looks.
pub struct NewTask<'a> {
    pub node: &'a str,
    pub kind: &'a str,
    pub id: &'a str,
    pub asker: &'a Asker,
    pub op: Op,
    pub lasts_ms: u64,
}

impl World {
    /// Enters a task in the book, lets it run, and returns its UPID.
    pub fn spawn(&mut self, new: NewTask<'_>) -> String {
        let now = self.now;
        let Some(node) = self.nodes.iter_mut().find(|n| n.name == new.node) else { return String::new() };
        node.next_pid += 1;
        let pid = node.next_pid;
        let start_s = now.unix_s().saturating_add_signed(node.skew_s);
        let pstart = now.unix_ms.saturating_sub(node.boot_ms) / 10 % (1 << 32);
        let (kind, id) = (new.kind, new.id);
        let who = new.asker.full();
        let upid = format!("UPID:{}:{pid:08X}:{pstart:08X}:{start_s:08X}:{kind}:{id}:{who}:", new.node);
        let mut task = Task {
            upid: upid.clone(),
            node: new.node.to_owned(),
            pid,
            pstart,
            kind: kind.to_owned(),
            id: id.to_owned(),
            user: new.asker.user.clone(),
            tokenid: new.asker.tokenid.clone(),
            start_s,
            end: None,
            log: Vec::new(),
            op: new.op,
            fate: None,
        };
        let mut lasts_ms = new.lasts_ms;
        if let Some(bent) = self.bend_task(&task) {
            lasts_ms = crate::num::whole(crate::num::real(lasts_ms) * bent.slower);
            task.fate = bent.fate;
        }
        self.note(new.node, &who, 6, format!("starting task {upid}"));
        self.tasks.insert(task);
        self.begin_task(&upid, lasts_ms);
        upid
    }

    /// Begins a task's work, or puts it off while another one holds the guest's lock file.
    pub(super) fn begin_task(&mut self, upid: &str, lasts_ms: u64) {
        let now_ms = self.now.sim_ms;
        let Some(mut task) = self.tasks.get(upid).cloned().filter(|t| t.end.is_none()) else { return };
        let begun = self.begin(&mut task);
        let upid = upid.to_owned();
        match begun {
            Ok(Begun::Now) => {
                self.hold_guest(&task, now_ms + lasts_ms);
                self.at(now_ms + lasts_ms / 2, Event::TaskHalf(upid.clone()));
                self.at(now_ms + lasts_ms, Event::TaskEnd(upid.clone()));
            }
            Ok(Begun::At(at_ms)) => self.at(at_ms, Event::TaskBegin(upid.clone(), lasts_ms)),
            Err(refused) => {
                task.op = Op::Nothing;
                task.fate = Some(refused.text);
                self.at(now_ms + refused.after_ms, Event::TaskEnd(upid.clone()));
            }
        }
        if let Some(slot) = self.tasks.get_mut(&upid) {
            *slot = task;
        }
    }

    /// Ends a running task with its result, or with `status` when it was stopped from outside.
    pub fn end_task(&mut self, upid: &str, stopped: Option<&str>) {
        let Some(mut task) = self.tasks.get(upid).cloned().filter(|t| t.end.is_none()) else { return };
        let status = match stopped {
            Some(status) => {
                self.undo(&task);
                status.to_owned()
            }
            None => self.finish(&mut task),
        };
        let skew_s = self.node(&task.node).map_or(0, |n| n.skew_s);
        let at_s = self.now.unix_s().saturating_add_signed(skew_s).max(task.start_s);
        task.log.push(match status.as_str() {
            "OK" => "TASK OK".to_owned(),
            s if s.starts_with("WARNINGS: ") => format!("TASK {s}"),
            s => format!("TASK ERROR: {s}"),
        });
        let asker = Asker { user: task.user.clone(), tokenid: task.tokenid.clone() };
        let pri = if status == "OK" { 6 } else { 3 };
        self.note(&task.node.clone(), &asker.full(), pri, format!("end task {upid} {status}"));
        task.end = Some(End { at_s, status });
        if let Some(slot) = self.tasks.get_mut(upid) {
            *slot = task;
        }
    }

    /// A node that loses power takes its running tasks with it; nobody hears how they ended.
    pub fn lose_tasks(&mut self, node: &str) {
        let now = self.now;
        let lost: Vec<String> = self
            .tasks
            .newest()
            .filter(|t| t.node == node && t.end.is_none())
            .map(|t| t.upid.clone())
            .collect();
        for upid in lost {
            let Some(task) = self.tasks.get(&upid).cloned() else { continue };
            self.undo(&task);
            if let Some(task) = self.tasks.get_mut(&upid) {
                task.end = Some(End { at_s: now.unix_s(), status: "unexpected status".into() });
            }
        }
    }

    /// One line of `/cluster/log`.
    pub fn note(&mut self, node: &str, user: &str, pri: u8, msg: String) {
        let now: Now = self.now;
        self.log_uid += 1;
        self.log.push_front(LogLine {
            uid: self.log_uid,
            time_s: now.unix_s(),
            node: node.to_owned(),
            user: user.to_owned(),
            pri,
            msg,
        });
        self.log.truncate(LOG_MAX);
    }
}

/// Lines of the cluster log kept, as the real ring buffer holds a few hundred.
const LOG_MAX: usize = 500;

#[derive(Clone, Debug)]
pub struct LogLine {
    pub uid: u64,
    pub time_s: u64,
    pub node: String,
    pub user: String,
    pub pri: u8,
    pub msg: String,
}
