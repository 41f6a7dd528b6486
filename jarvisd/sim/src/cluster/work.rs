//! What tasks do: their checks when they begin, and their effect half-way and at the end.
//!
//! Backups live in `backup`, migration and cloning in `travel`. Not here: who may ask (`pve`).

use super::model::{Guest, Kind, Run, Snapshot};
use super::task::Task;
use super::{World, backup::Backup, ha::HaAsk, travel::Clone as CloneJob};

/// The work of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Op {
    #[default]
    Nothing,
    Guest {
        vmid: u32,
        kind: Option<Kind>,
        act: Act,
    },
    Backup(Backup),
    /// Start or stop the guests of a node at the end, one log line each.
    All {
        start: bool,
        vmids: Vec<u32>,
    },
    Service {
        name: String,
        up: Option<bool>,
    },
    /// A request to the HA manager.
    Ha {
        vmid: u32,
        ask: HaAsk,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Start,
    Stop,
    Shutdown { deadline_ms: u64, force: bool, takes_ms: u64 },
    Reboot,
    Suspend { todisk: bool },
    Resume,
    Reset,
    Snapshot { name: String, description: String, vmstate: bool },
    DropSnapshot { name: String },
    Rollback { name: String, start: bool },
    Migrate { target: String, online: bool, restart: bool, local_disks: bool },
    Clone(CloneJob),
    Configure(serde_json::Map<String, serde_json::Value>),
    Destroy,
}

/// A task that may go on, or must wait for its guest.
#[derive(Debug)]
pub enum Begun {
    Now,
    At(u64),
}

/// A task that fails: with what text, how soon.
#[derive(Debug)]
pub struct Refused {
    pub text: String,
    pub after_ms: u64,
}

pub fn refused<T>(text: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { text: text.into(), after_ms: QUICK_MS })
}

/// A task that finds nothing to do or must refuse ends about this soon.
pub const QUICK_MS: u64 = 120;
/// How long PVE waits for a guest's lock file.
const FLOCK_WAIT_MS: u64 = 10_000;

impl World {
    /// Checks at a task's start, and what it does to the guest at once (its lock).
    pub fn begin(&mut self, task: &mut Task) -> Result<Begun, Refused> {
        // What concerns the machine alone needs no cluster.
        let local = matches!(task.op, Op::Service { .. } | Op::Nothing);
        if !local && !self.quorate_by(&task.node, self.now) {
            return refused("cluster not ready - no quorum?");
        }
        match task.op.clone() {
            Op::Guest { vmid, kind, act } => self.begin_guest(task, vmid, kind, &act),
            Op::Backup(job) => self.begin_backup(task, &job).map(|()| Begun::Now),
            Op::Ha { vmid, ask } => self.begin_ha(task, vmid, &ask).map(|()| Begun::Now),
            Op::Nothing | Op::All { .. } | Op::Service { .. } => Ok(Begun::Now),
        }
    }

    /// Notes that a task holds its guest's lock file.
    pub fn hold_guest(&mut self, task: &Task, until_ms: u64) {
        if let Op::Guest { vmid, .. } = &task.op
            && let Some(guest) = self.guests.get_mut(vmid)
        {
            guest.busy_until_ms = until_ms;
        }
    }

    fn begin_guest(
        &mut self,
        task: &mut Task,
        vmid: u32,
        kind: Option<Kind>,
        act: &Act,
    ) -> Result<Begun, Refused> {
        let now_ms = self.now.sim_ms;
        let Some(guest) =
            self.guests.get(&vmid).filter(|g| g.node == task.node && kind.is_none_or(|k| k == g.kind))
        else {
            let (node, folder) = (&task.node, kind.unwrap_or(Kind::Qemu).folder());
            return refused(format!("Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist"));
        };
        if guest.busy_until_ms > now_ms {
            return busy(guest, now_ms);
        }
        if let Some(why) = objection(guest, act) {
            return refused(why);
        }
        match act {
            Act::Migrate { .. } | Act::Clone(_) => self.begin_travel(task, vmid, act)?,
            Act::Snapshot { .. } | Act::DropSnapshot { .. } | Act::Rollback { .. } => {
                let plugin = self.plugin_of(vmid);
                if !matches!(plugin.as_str(), "lvmthin" | "zfspool" | "rbd" | "btrfs") {
                    return refused("snapshot feature is not available");
                }
                if let Some(guest) = self.guests.get_mut(&vmid) {
                    guest.lock = Some(lock_of(act).to_owned());
                }
            }
            _ => {}
        }
        Ok(Begun::Now)
    }

    fn plugin_of(&self, vmid: u32) -> String {
        let on = self.guests.get(&vmid).map(|g| g.storage.clone()).unwrap_or_default();
        self.storages.iter().find(|s| s.id == on).map(|s| s.plugin.clone()).unwrap_or_default()
    }

    /// Half-way: a reboot is off, a backup reports its progress.
    pub fn half(&mut self, upid: &str) {
        let Some(task) = self.tasks.get(upid).cloned().filter(|t| t.end.is_none()) else { return };
        let fails = fails(&task);
        match &task.op {
            Op::Guest { vmid, act: Act::Reboot, .. } if !fails => self.set_run(*vmid, Run::Stopped),
            Op::Backup(job) => self.half_backup(upid, job),
            Op::Guest { vmid, act: Act::Migrate { .. }, .. } => self.half_migration(upid, *vmid),
            _ => {}
        }
    }

    /// The end of a task that was not stopped: its effect, and the text of its end.
    pub fn finish(&mut self, task: &mut Task) -> String {
        let fails = fails(task);
        let done = match (fails, task.op.clone()) {
            (true, _) => Ok(()),
            (false, Op::Guest { vmid, act, .. }) => self.finish_guest(task, vmid, act),
            (false, Op::Backup(job)) => self.finish_backup(task, &job),
            (false, Op::All { start, vmids }) => self.finish_all(task, start, &vmids),
            (false, Op::Service { name, up }) => self.finish_service(&task.node.clone(), &name, up),
            (false, Op::Ha { vmid, ask }) => self.finish_ha(vmid, ask),
            (false, Op::Nothing) => Ok(()),
        };
        if fails {
            self.undo(task);
        }
        match (done, &task.fate) {
            (Err(text), _) => text,
            (Ok(()), Some(fate)) => {
                if let Some(n) = fate.strip_prefix("WARNINGS: ") {
                    let n: u32 = n.parse().unwrap_or(1);
                    task.log.extend((0..n).map(|i| format!("WARN: simulated warning {}", i + 1)));
                }
                fate.clone()
            }
            (Ok(()), None) => "OK".to_owned(),
        }
    }

    /// Takes back what a task that failed or was stopped holds.
    pub fn undo(&mut self, task: &Task) {
        let vmids = match &task.op {
            Op::Guest { vmid, .. } => vec![*vmid],
            Op::Backup(job) => job.vmids.clone(),
            _ => Vec::new(),
        };
        for vmid in vmids {
            let held = match &task.op {
                Op::Guest { act, .. } => lock_of(act),
                _ => "backup",
            };
            if let Some(guest) = self.guests.get_mut(&vmid) {
                guest.busy_until_ms = 0;
                if guest.lock.as_deref() == Some(held) {
                    guest.lock = None;
                }
            }
        }
    }

    fn finish_guest(&mut self, task: &mut Task, vmid: u32, act: Act) -> Result<(), String> {
        let now = self.now;
        let Some(guest) = self.guests.get_mut(&vmid) else {
            return Err(format!("unable to find configuration file for {vmid}"));
        };
        guest.busy_until_ms = 0;
        if guest.lock.as_deref() == Some(lock_of(&act)) {
            guest.lock = None;
        }
        match act {
            Act::Start => {
                if guest.lock.as_deref() == Some("suspended") {
                    guest.lock = None;
                }
                self.power_on(vmid);
            }
            Act::Reboot | Act::Reset => self.power_on(vmid),
            Act::Stop => self.set_run(vmid, Run::Stopped),
            Act::Shutdown { deadline_ms, force, takes_ms } => {
                if takes_ms > deadline_ms && !force && guest.run.on() {
                    return Err(match guest.kind {
                        Kind::Qemu => "VM quit/powerdown failed - got timeout".to_owned(),
                        Kind::Lxc => {
                            "command 'lxc-stop -n ".to_owned() + &format!("{vmid}' failed: got timeout")
                        }
                    });
                }
                self.set_run(vmid, Run::Stopped);
            }
            Act::Suspend { todisk } => {
                if todisk {
                    guest.lock = Some("suspended".into());
                    self.set_run(vmid, Run::Stopped);
                } else {
                    set_paused(guest, true);
                }
            }
            Act::Resume => set_paused(guest, false),
            Act::Snapshot { name, description, vmstate } => {
                let parent = guest.snapshots.last().map(|s| s.name.clone());
                guest.snapshots.push(Snapshot { name, description, taken_s: now.unix_s(), vmstate, parent });
            }
            Act::DropSnapshot { name } => guest.snapshots.retain(|s| s.name != name),
            Act::Rollback { start, .. } => {
                self.set_run(vmid, Run::Stopped);
                if start {
                    self.power_on(vmid);
                }
            }
            Act::Configure(changes) => super::edit::apply(guest, &changes),
            Act::Destroy => self.remove_guest(vmid),
            Act::Migrate { .. } | Act::Clone(_) => return self.finish_travel(task, vmid, &act),
        }
        Ok(())
    }

    fn finish_all(&mut self, task: &mut Task, start: bool, vmids: &[u32]) -> Result<(), String> {
        for vmid in vmids {
            let Some(guest) = self.guests.get(vmid) else { continue };
            let noun = guest.kind.noun();
            if start && !guest.run.on() && !guest.template {
                task.log.push(format!("Starting {noun} {vmid}"));
                self.power_on(*vmid);
            } else if !start && guest.run.on() {
                task.log.push(format!("Stopping {noun} {vmid} (timeout = 180 seconds)"));
                self.set_run(*vmid, Run::Stopped);
            }
        }
        Ok(())
    }

    fn finish_service(&mut self, node: &str, name: &str, up: Option<bool>) -> Result<(), String> {
        self.turn_service(node, name, up != Some(false));
        Ok(())
    }

    /// Starts a unit anew or stops it.
    pub fn turn_service(&mut self, node: &str, name: &str, up: bool) {
        let now_s = self.now.unix_s();
        let Some(node) = self.nodes.iter_mut().find(|n| n.name == node) else { return };
        node.services_down.retain(|s| s != name);
        node.services_failed.retain(|s| s != name);
        if up {
            let entry = node.service_starts.entry(name.to_owned()).or_default();
            *entry = (entry.0 + 1, now_s);
        } else {
            node.services_down.push(name.to_owned());
        }
    }

    /// Switches a guest on at this instant, if it can run.
    pub fn power_on(&mut self, vmid: u32) {
        let since_ms = self.now.unix_ms;
        let Some(node) = self.guests.get(&vmid).map(|g| g.node.clone()) else { return };
        let Some(node) = self.nodes.iter_mut().find(|n| n.name == node) else { return };
        node.next_pid += 1;
        let pid = node.next_pid;
        self.set_run(vmid, Run::Running { since_ms, pid, paused: false });
    }

    /// Changes the run state; the past run is remembered for the charts.
    pub fn set_run(&mut self, vmid: u32, run: Run) {
        let now_ms = self.now.unix_ms;
        let Some(guest) = self.guests.get_mut(&vmid) else { return };
        if let (Run::Running { since_ms, .. }, true) = (guest.run, guest.run != run) {
            let past = self.past_runs.entry(vmid).or_default();
            past.push((since_ms, now_ms));
            if past.len() > PAST_RUNS_MAX {
                past.remove(0);
            }
        }
        guest.run = run;
    }
}

/// Past runs of a guest remembered for its charts.
const PAST_RUNS_MAX: usize = 32;

/// Another task holds the lock file: wait for it, but not longer than PVE does.
fn busy(guest: &Guest, now_ms: u64) -> Result<Begun, Refused> {
    if guest.busy_until_ms <= now_ms + FLOCK_WAIT_MS {
        return Ok(Begun::At(guest.busy_until_ms + 1));
    }
    let vmid = guest.vmid;
    let file = match guest.kind {
        Kind::Qemu => format!("/var/lock/qemu-server/lock-{vmid}.conf"),
        Kind::Lxc => format!("/run/lock/lxc/pve-config-{vmid}.lock"),
    };
    Err(Refused { text: format!("can't lock file '{file}' - got timeout"), after_ms: FLOCK_WAIT_MS })
}

/// Why a guest cannot be treated so, in PVE's words.
fn objection(guest: &Guest, act: &Act) -> Option<String> {
    let (noun, vmid, on) = (guest.kind.noun(), guest.vmid, guest.run.on());
    let known = |name: &str| guest.snapshots.iter().any(|s| s.name == name);
    if let Some(lock) = guest.lock.as_deref().filter(|_| !matches!(act, Act::Resume)) {
        let wakes = lock == "suspended" && matches!(act, Act::Start);
        if !wakes {
            return Some(format!("{noun} is locked ({lock})"));
        }
    }
    match act {
        Act::Start if guest.template => Some(match guest.kind {
            Kind::Qemu => "you can't start a vm if it's a template".to_owned(),
            Kind::Lxc => "you can't start a CT if it's a template".to_owned(),
        }),
        Act::Start if on => Some(format!("{noun} {vmid} already running")),
        Act::Suspend { .. } | Act::Reset | Act::Reboot if !on => Some(format!("{noun} {vmid} not running")),
        Act::Resume if !on && guest.kind == Kind::Qemu => Some(format!("VM {vmid} not running")),
        Act::Snapshot { name, .. } if known(name) => Some(format!("snapshot name '{name}' already used")),
        Act::DropSnapshot { name } | Act::Rollback { name, .. } if !known(name) => {
            Some(format!("snapshot '{name}' does not exist"))
        }
        _ => None,
    }
}

/// Whether a task is to end with an error.
fn fails(task: &Task) -> bool {
    task.fate.as_ref().is_some_and(|f| !f.starts_with("WARNINGS: "))
}

fn set_paused(guest: &mut Guest, pause: bool) {
    if let Run::Running { paused, .. } = &mut guest.run {
        *paused = pause;
    }
}

/// The lock a task writes into the guest's configuration while it works.
pub fn lock_of(act: &Act) -> &'static str {
    match act {
        Act::Snapshot { .. } => "snapshot",
        Act::DropSnapshot { .. } => "snapshot-delete",
        Act::Rollback { .. } => "rollback",
        Act::Migrate { .. } => "migrate",
        Act::Clone(_) => "clone",
        Act::Suspend { todisk: true } => "suspending",
        _ => "",
    }
}
