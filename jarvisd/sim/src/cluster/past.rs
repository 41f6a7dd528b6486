//! What happened before the simulator began: the tasks of the last days, so that lists are not empty.

use super::World;
use super::task::{Asker, End, LogLine, Task};
use super::wave;
use super::work::Op;

const DAY_S: u64 = 86_400;
/// Nightly rounds remembered.
const NIGHTS: u64 = 3;
/// Guests whose nightly backups are remembered, per node.
const BACKED_UP_MAX: usize = 8;

impl World {
    /// Fills the task archive and the cluster log with plausible entries.
    pub fn remember_past(&mut self) {
        let today_s = self.now.unix_s() / DAY_S * DAY_S;
        let mut past: Vec<(u64, Task)> = Vec::new();
        for node in &self.nodes {
            let home: Vec<u32> = self
                .guests
                .values()
                .filter(|g| g.node == node.name && !g.template && g.run.on())
                .map(|g| g.vmid)
                .take(BACKED_UP_MAX)
                .collect();
            for night in (0..NIGHTS).rev() {
                let start_s = today_s.saturating_sub(night * DAY_S) + 9_000;
                past.push(self.past_task(&node.name, "aptupdate", "", start_s + 5_400, 6, "OK"));
                for (i, vmid) in (0_u64..).zip(&home) {
                    let dice = wave::unit(self.seed ^ start_s, u64::from(*vmid));
                    let status = if dice < 0.04 { "WARNINGS: 1" } else { "OK" };
                    let id = vmid.to_string();
                    past.push(self.past_task(&node.name, "vzdump", &id, start_s + i * 400, 180, status));
                }
            }
        }
        past.retain(|(start_s, _)| *start_s + 600 < self.now.unix_s());
        past.sort_by_key(|(start_s, _)| *start_s);
        for (_, task) in past {
            self.remember(task);
        }
    }

    fn past_task(
        &self,
        node: &str,
        kind: &str,
        id: &str,
        start_s: u64,
        took_s: u64,
        status: &str,
    ) -> (u64, Task) {
        let pid = 10_000 + wave::hash(start_s, wave::key_of(node) ^ wave::key_of(id)) % 3_000_000;
        let boot_s = self.node(node).map_or(0, |n| n.boot_ms / 1000);
        let pstart = start_s.saturating_sub(boot_s) * 100 % (1 << 32);
        let asker = Asker::root();
        let upid = format!("UPID:{node}:{pid:08X}:{pstart:08X}:{start_s:08X}:{kind}:{id}:{}:", asker.full());
        let last = if status == "OK" { "TASK OK".to_owned() } else { format!("TASK {status}") };
        let task = Task {
            upid,
            node: node.to_owned(),
            pid,
            pstart,
            kind: kind.to_owned(),
            id: id.to_owned(),
            user: asker.user,
            tokenid: None,
            start_s,
            end: Some(End { at_s: start_s + took_s, status: status.to_owned() }),
            log: vec![format!("INFO: {kind} {id}"), last],
            op: Op::Nothing,
            fate: None,
        };
        (start_s, task)
    }

    fn remember(&mut self, task: Task) {
        if let Some(end) = &task.end {
            self.log_uid += 1;
            self.log.push_front(LogLine {
                uid: self.log_uid,
                time_s: end.at_s,
                node: task.node.clone(),
                user: task.user.clone(),
                pri: if end.status == "OK" { 6 } else { 5 },
                msg: format!("end task {} {}", task.upid, end.status),
            });
        }
        self.tasks.insert(task);
    }
}
