//! Guests that move or multiply: migration and clones.

use super::World;
use super::model::{Guest, Kind, Run};
use super::task::Task;
use super::work::{Act, Refused, lock_of, refused};
use crate::num;

#[derive(Clone, Debug, PartialEq)]
pub struct Clone {
    pub newid: u32,
    pub name: Option<String>,
    pub full: bool,
    pub target: Option<String>,
}

impl World {
    pub(super) fn begin_travel(&mut self, task: &mut Task, vmid: u32, act: &Act) -> Result<(), Refused> {
        let now = self.now;
        if let Act::Migrate { target, online, restart, local_disks } = act {
            let stamp = super::edit::log_stamp(now.unix_s());
            let reachable = self.node(target).is_some_and(|n| n.link.up() && self.online(n, now));
            let on_shared = |id: &str| self.storages.iter().any(|s| s.id == id && s.shared);
            let shared = self.guests.get(&vmid).is_some_and(|g| on_shared(&g.storage));
            let Some(guest) = self.guests.get_mut(&vmid) else { return refused("no such guest") };
            if guest.run.on() && guest.kind == Kind::Qemu && !online {
                return refused("can't migrate running VM without --online");
            }
            if guest.run.on() && guest.kind == Kind::Lxc && !restart {
                return refused(format!(
                    "lxc live migration is currently not implemented: CT {vmid} is running"
                ));
            }
            if guest.run.on() && guest.kind == Kind::Qemu && !shared && !local_disks {
                return refused(
                    "Problem found while scanning volumes - can't live migrate attached local disks without with-local-disks option",
                );
            }
            if !reachable {
                task.log.push(format!("{stamp} ssh: connect to host {target} port 22: No route to host"));
                task.log.push(format!("{stamp} ERROR: migration aborted (duration 00:00:03): Can't connect to destination address using public key"));
                return refused("migration aborted");
            }
            task.log.push(format!(
                "{stamp} starting migration of {} {vmid} to node '{target}'",
                guest.kind.noun()
            ));
            guest.lock = Some(lock_of(act).to_owned());
        }
        if let Act::Clone(job) = act {
            if self.guests.contains_key(&job.newid) {
                let id = job.newid;
                return refused(format!("unable to create VM {id}: config file already exists"));
            }
            let Some(guest) = self.guests.get_mut(&vmid) else { return refused("no such guest") };
            task.log.push(format!("creating a clone of {} {vmid} with ID {}", guest.kind.noun(), job.newid));
            guest.lock = Some(lock_of(act).to_owned());
            let copy = clone_of(guest, job, now.unix_s());
            self.guests.insert(job.newid, copy);
        }
        Ok(())
    }

    pub(super) fn half_migration(&mut self, upid: &str, vmid: u32) {
        let stamp = super::edit::log_stamp(self.now.unix_s());
        let mem = self.guests.get(&vmid).map_or(0, |g| g.mem_bytes);
        if let Some(task) = self.tasks.get_mut(upid) {
            let gib = num::real(mem) / f64::from(1 << 30);
            task.log.push(format!(
                "{stamp} migration active, transferred {:.1} GiB of {gib:.1} GiB VM-state, 887.2 MiB/s",
                gib / 2.0
            ));
        }
    }

    pub(super) fn finish_travel(&mut self, task: &mut Task, vmid: u32, act: &Act) -> Result<(), String> {
        let now = self.now;
        match act {
            Act::Migrate { target, restart, .. } => {
                let stamp = super::edit::log_stamp(now.unix_s());
                if !self.node(target).is_some_and(|n| n.link.up()) {
                    task.log.push(format!(
                        "{stamp} ERROR: migration aborted (duration 00:00:20): online migrate failure"
                    ));
                    return Err("migration aborted".into());
                }
                let Some(guest) = self.guests.get_mut(&vmid) else { return Ok(()) };
                guest.node = target.clone();
                task.log.push(format!("{stamp} migration finished successfully (duration 00:00:20)"));
                if guest.run.on() && *restart && guest.kind == Kind::Lxc {
                    self.power_on(vmid);
                }
            }
            Act::Clone(job) => {
                if let Some(copy) = self.guests.get_mut(&job.newid) {
                    copy.lock = None;
                    if let Some(target) = &job.target {
                        copy.node = target.clone();
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn clone_of(guest: &Guest, job: &Clone, now_s: u64) -> Guest {
    let mut copy = guest.clone();
    copy.vmid = job.newid;
    copy.name = job.name.clone().unwrap_or_else(|| format!("Copy-of-{}-{}", guest.kind.noun(), guest.name));
    copy.template = false;
    copy.run = Run::Stopped;
    copy.lock = Some("clone".into());
    copy.snapshots.clear();
    copy.created_s = now_s;
    copy.how.seed = super::wave::hash(guest.how.seed, u64::from(job.newid));
    copy.shown = None;
    copy.ha = None;
    copy
}
