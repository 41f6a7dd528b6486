//! What faults do to machines, guests, storages and tokens, and how they end.

use serde_json::json;

use super::catalog::What;
use super::{FaultSpec, Strain};
use crate::cluster::ha::Wanted;
use crate::cluster::model::{Guest, Kind, Run};
use crate::cluster::task::{Asker, NewTask};
use crate::cluster::work::{Act, Op};
use crate::cluster::{Apart, Event, World};
use crate::num;

/// Faults remembered in the report.
const DONE_MAX: usize = 500;

impl World {
    /// Plans faults that have been checked; those of now strike at once.
    pub fn plan_faults(&mut self, specs: Vec<FaultSpec>) {
        for spec in specs {
            let at_ms = self.now.sim_ms + num::whole(spec.at_s * 1000.0);
            self.at(at_ms, Event::Fault(Box::new(spec)));
        }
        self.catch_up();
    }

    pub fn apply_fault(&mut self, spec: &FaultSpec) {
        let Some(what) = spec.what() else { return };
        self.faults.done.push(json!({"unix_ms": self.now.unix_ms, "fault": spec}));
        if self.faults.done.len() > DONE_MAX {
            self.faults.done.remove(0);
        }
        let lasting = match what {
            What::Slow | What::Hang | What::Reset | What::BadJson | What::HttpError => true,
            What::TaskFail | What::TaskWarn | What::TaskSlow | What::TaskHang | What::LostAnswer => true,
            What::LateChange => true,
            What::SshHostKey | What::SshRefuse | What::SshDenied | What::SshHang | What::SshCut => true,
            What::SshFlood | What::SshSessions | What::SshFail | What::MailFail | What::ShareDead => true,
            What::DiskFailing | What::PoolDegraded | What::Hot => true,
            What::DockerDown | What::DockerSlow | What::DockerHang | What::DockerLostAnswer => true,
            What::NodeDown | What::QuorumLost | What::StorageOffline | What::Lock => spec.for_s.is_some(),
            What::AuthFail | What::CertExpired | What::Contradiction | What::NodeApart => true,
            _ => false,
        };
        self.turn(what, spec, true);
        if lasting {
            let id = self.arm(spec);
            if let Some(for_s) = spec.for_s {
                self.at(self.now.sim_ms + num::whole(for_s * 1000.0), Event::FaultOver(id));
            }
        }
    }

    /// Takes a lasting fault back.
    pub fn end_fault(&mut self, id: u64) {
        let Some(index) = self.faults.active.iter().position(|a| a.id == id) else { return };
        let active = self.faults.active.remove(index);
        if let Some(what) = active.spec.what() {
            self.turn(what, &active.spec, false);
        }
    }

    /// Takes everything back: lasting faults end, machines return, storages answer, clocks are right.
    pub fn clear_faults(&mut self) {
        self.forget_planned_faults();
        let ids: Vec<u64> = self.faults.active.iter().map(|a| a.id).collect();
        for id in ids {
            self.end_fault(id);
        }
        let names: Vec<String> = self.nodes.iter().map(|n| n.name.clone()).collect();
        for name in names {
            self.restore_node(&name, 0);
        }
        self.turn(What::QuorumLost, &FaultSpec::of("quorum_lost"), false);
        for storage in &mut self.storages {
            storage.offline.clear();
        }
        for node in &mut self.nodes {
            node.skew_s = 0;
        }
        let now_ms = self.now.sim_ms;
        for strain in &mut self.faults.strains {
            strain.to_ms = strain.to_ms.min(now_ms);
        }
        self.faults.done.clear();
        self.catch_up();
    }

    /// Puts a fault in force or takes it back.
    fn turn(&mut self, what: What, spec: &FaultSpec, on: bool) {
        let node = spec.node.clone().unwrap_or_default();
        let now_ms = self.now.sim_ms;
        match what {
            What::NodeDown if on => self.cut_node(&node, spec.variant.as_deref() == Some("power")),
            What::NodeDown => self.restore_node(&node, 0),
            What::NodeUp => {
                let boot_ms = num::whole(spec.by_s.unwrap_or(0.0) * 1000.0);
                self.restore_node(&node, boot_ms);
            }
            What::QuorumLost if on => self.lose_quorum(spec),
            What::QuorumLost | What::QuorumBack => self.regain_quorum(),
            What::StorageFill | What::StorageOffline | What::StorageOnline => {
                self.turn_storage(what, spec, on)
            }
            What::Lock | What::Unlock => {
                if let Some(guest) = spec.vmid.and_then(|v| self.guests.get_mut(&v)) {
                    let name = spec.kind.clone().unwrap_or_else(|| "backup".into());
                    guest.lock = (on && what == What::Lock).then_some(name);
                }
            }
            What::AuthFail => {
                for token in &mut self.auth.tokens {
                    let hit = spec.kind.as_ref().is_none_or(|k| *k == token.id);
                    token.refused = if hit { on } else { token.refused };
                }
                self.auth.refuse_all = on && spec.kind.is_none();
            }
            What::ClockSkew => {
                if let Some(node) = self.node_mut(&node) {
                    node.skew_s = num::signed(spec.by_s.unwrap_or(0.0));
                }
            }
            What::Load => {
                let to_ms = now_ms + num::whole(spec.for_s.unwrap_or(120.0) * 1000.0);
                let amount = spec.amount.unwrap_or(0.8);
                self.strain(Strain {
                    vmid: spec.vmid,
                    node: spec.node.clone(),
                    from_ms: now_ms,
                    to_ms,
                    amount,
                });
            }
            What::Contradiction => self.contradiction = on,
            What::NodeApart => self.apart = on.then_some(Apart { node, since_ms: now_ms }),
            What::GuestCrash => self.set_run(spec.vmid.unwrap_or_default(), Run::Stopped),
            What::GuestStopByHuman | What::GuestStartByHuman | What::GuestRemove => self.by_human(what, spec),
            What::GuestAdd => self.add_guest(spec),
            What::HaManage | What::HaUnmanage | What::HaError => self.turn_ha(what, spec),
            What::ServiceFail => {
                let name = spec.name.as_deref().unwrap_or_default().trim_end_matches(".service").to_owned();
                if let Some(node) = self.node_mut(&node).filter(|n| !n.failed(&name)) {
                    node.services_failed.push(name);
                }
            }
            What::ContainerCrash | What::ContainerUnhealthy => self.hurt_container(what, spec),
            What::SshHostKey | What::SshRefuse | What::SshDenied => self.doors.send_modify(|n| *n += 1),
            What::DockerDown => self.doors.send_modify(|n| *n += 1),
            // In force while they are in the book.
            What::Slow | What::Hang | What::Reset | What::BadJson | What::HttpError => {}
            What::TaskFail | What::TaskWarn | What::TaskSlow | What::CertExpired => {}
            What::DiskFailing | What::PoolDegraded | What::Hot => {}
            What::LateChange | What::LostAnswer | What::TaskHang | What::ShareDead | What::MailFail => {}
            What::SshHang | What::SshCut | What::SshFlood | What::SshSessions | What::SshFail => {}
            What::DockerSlow | What::DockerHang | What::DockerLostAnswer => {}
        }
    }

    fn lose_quorum(&mut self, spec: &FaultSpec) {
        if spec.variant.as_deref() == Some("votes") {
            self.votes.since_ms = Some(self.now.sim_ms);
            self.votes.back_ms = None;
            return;
        }
        let enough = self.nodes.len().div_ceil(2);
        let last: Vec<String> = self.nodes.iter().rev().take(enough).map(|n| n.name.clone()).collect();
        for name in spec.nodes.clone().unwrap_or(last) {
            self.cut_node(&name, false);
            self.faults.quorum_cut.push(name);
        }
    }

    fn regain_quorum(&mut self) {
        if self.votes.since_ms.is_some() && self.votes.back_ms.is_none() {
            self.votes.back_ms = Some(self.now.sim_ms);
        }
        for name in std::mem::take(&mut self.faults.quorum_cut) {
            self.restore_node(&name, 0);
        }
    }

    fn turn_storage(&mut self, what: What, spec: &FaultSpec, on: bool) {
        let Some(storage) = self.storages.iter_mut().find(|s| Some(&s.id) == spec.storage.as_ref()) else {
            return;
        };
        let place = spec.node.clone().unwrap_or_else(|| "*".into());
        match what {
            What::StorageFill => storage.used_share = spec.amount.unwrap_or(0.97).clamp(0.0, 1.0),
            What::StorageOffline if on => storage.offline.push(place),
            _ => storage.offline.retain(|p| *p != place && place != "*"),
        }
    }

    fn by_human(&mut self, what: What, spec: &FaultSpec) {
        let Some(guest) = spec.vmid.and_then(|v| self.guests.get(&v)) else { return };
        let (node, vmid, kind) = (guest.node.clone(), guest.vmid, guest.kind);
        let (start_ms, shutdown_ms) = (guest.start_ms, guest.shutdown_ms);
        let shutdown = spec.variant.as_deref() == Some("shutdown");
        let calm = Act::Shutdown { deadline_ms: 180_000, force: false, takes_ms: shutdown_ms };
        let (verb, act, lasts_ms) = match what {
            What::GuestStartByHuman => ("start", Act::Start, start_ms),
            What::GuestRemove => ("destroy", Act::Destroy, 900),
            _ if shutdown => ("shutdown", calm, shutdown_ms),
            _ => ("stop", Act::Stop, 700),
        };
        if what == What::GuestRemove {
            self.set_run(vmid, Run::Stopped);
        }
        let task = format!("{}{verb}", kind.prefix());
        self.spawn(NewTask {
            node: &node,
            kind: &task,
            id: &vmid.to_string(),
            asker: &operator(),
            op: Op::Guest { vmid, kind: Some(kind), act },
            lasts_ms,
        });
    }

    fn turn_ha(&mut self, what: What, spec: &FaultSpec) {
        let vmid = spec.vmid.unwrap_or_default();
        match what {
            What::HaManage => {
                let wanted = spec.kind.as_deref().and_then(Wanted::of).unwrap_or(Wanted::Started);
                self.ha_add(vmid, wanted);
            }
            What::HaError => {
                if let Some(ha) = self.guests.get_mut(&vmid).and_then(|g| g.ha.as_mut()) {
                    ha.error = true;
                }
            }
            _ => {
                if let Some(guest) = self.guests.get_mut(&vmid) {
                    guest.ha = None;
                }
            }
        }
    }

    fn add_guest(&mut self, spec: &FaultSpec) {
        let free = (100..).find(|v| !self.guests.contains_key(v)).unwrap_or(100);
        let vmid = spec.vmid.unwrap_or(free);
        if self.guests.contains_key(&vmid) {
            return;
        }
        let kind = spec.kind.as_deref().and_then(Kind::of).unwrap_or(Kind::Lxc);
        let node =
            spec.node.clone().or_else(|| self.nodes.first().map(|n| n.name.clone())).unwrap_or_default();
        let name = spec.name.clone().unwrap_or_else(|| format!("new-{vmid}"));
        let mut guest: Guest = crate::cluster::generate::plain_guest(self.seed, vmid, kind, &name, &node);
        guest.created_s = self.now.unix_s();
        // Another identity than a guest of the same number had before.
        self.log_uid += 1;
        guest.how.seed = crate::cluster::wave::hash(guest.how.seed, self.log_uid);
        guest.run = Run::Stopped;
        let start_ms = guest.start_ms;
        self.guests.insert(vmid, guest);
        let (create, start) = (format!("{}create", kind.prefix()), format!("{}start", kind.prefix()));
        for (task, op, lasts_ms) in [
            (create, Op::Nothing, 800),
            (start, Op::Guest { vmid, kind: Some(kind), act: Act::Start }, 1_000 + start_ms),
        ] {
            let id = vmid.to_string();
            self.spawn(NewTask { node: &node, kind: &task, id: &id, asker: &operator(), op, lasts_ms });
        }
    }
}

/// The person who uses the web interface in these stories.
fn operator() -> Asker {
    Asker { user: "operator@pam".into(), tokenid: None }
}
