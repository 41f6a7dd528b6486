//! The HA manager: it does what was requested of a resource at its next round, not when it is asked.
//!
//! Not here: the API of it (`pve::ha`), and which calls about a guest become requests (`pve::power`).

use super::model::{Guest, Link};
use super::task::{Asker, NewTask, Task};
use super::work::{Act, Op, Refused, refused};
use super::{Event, World};

/// What is requested of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Started,
    Stopped,
    Disabled,
    Ignored,
}

impl Wanted {
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Disabled => "disabled",
            Self::Ignored => "ignored",
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        match name {
            "started" | "enabled" => Some(Self::Started),
            "stopped" => Some(Self::Stopped),
            "disabled" => Some(Self::Disabled),
            "ignored" => Some(Self::Ignored),
            _ => None,
        }
    }
}

/// A guest under the HA manager.
#[derive(Clone, Debug, PartialEq)]
pub struct Ha {
    pub wanted: Wanted,
    /// Given up; only a request to stop or disable ends it.
    pub error: bool,
    pub comment: Option<String>,
    /// Where it was asked to go.
    pub goes_to: Option<String>,
    /// The manager's own last task, and how many failed in a row.
    last: Option<String>,
    failed: u32,
}

impl Ha {
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted, error: false, comment: None, goes_to: None, last: None, failed: 0 }
    }

    /// A new request; it also ends the error state when it asks for rest.
    pub fn ask(&mut self, wanted: Wanted) {
        self.wanted = wanted;
        self.failed = 0;
        self.last = None;
        if matches!(wanted, Wanted::Disabled) {
            self.error = false;
        }
    }
}

/// What a task asks of the manager.
#[derive(Clone, Debug, PartialEq)]
pub enum HaAsk {
    Start,
    Stop,
    Migrate(String),
}

/// The manager's period.
pub const ROUND_MS: u64 = 10_000;
/// From the loss of a node until its guests may run elsewhere: its watchdog has reset it by then.
const FENCED_MS: u64 = 120_000;
/// Failed starts before a resource is given up.
const TRIES_MAX: u32 = 3;

impl World {
    /// Whether calls about this guest become requests to the manager.
    pub fn ha_managed(&self, vmid: u32) -> bool {
        self.guests.get(&vmid).and_then(|g| g.ha.as_ref()).is_some_and(|ha| ha.wanted != Wanted::Ignored)
    }

    /// The state the manager shows for a guest.
    pub fn ha_state(&self, guest: &Guest) -> Option<&'static str> {
        let ha = guest.ha.as_ref()?;
        let lost = self.node(&guest.node).is_some_and(|n| !n.link.up() && !self.online(n, self.now));
        Some(match (ha.wanted, guest.run.on()) {
            (Wanted::Ignored, _) => "ignored",
            _ if ha.error => "error",
            _ if lost => "fence",
            _ if guest.lock.as_deref() == Some("migrate") => "migrate",
            (Wanted::Started, true) => "started",
            (Wanted::Started, false) => "request_start",
            (Wanted::Stopped | Wanted::Disabled, true) => "request_stop",
            (Wanted::Stopped, false) => "stopped",
            (Wanted::Disabled, false) => "disabled",
        })
    }

    /// Puts a guest under the manager.
    pub fn ha_add(&mut self, vmid: u32, wanted: Wanted) {
        let now_ms = self.now.sim_ms;
        let Some(guest) = self.guests.get_mut(&vmid) else { return };
        guest.ha = Some(Ha::new(wanted));
        if !self.ha_rounds {
            self.ha_rounds = true;
            self.at(now_ms + ROUND_MS, Event::HaRound);
        }
    }

    pub(super) fn ha_round(&mut self) {
        let managed: Vec<u32> = self.guests.values().filter(|g| g.ha.is_some()).map(|g| g.vmid).collect();
        self.ha_rounds = !managed.is_empty();
        if self.ha_rounds {
            self.at(self.now.sim_ms + ROUND_MS, Event::HaRound);
        }
        if !self.quorate(self.now) {
            return;
        }
        for vmid in managed {
            self.ha_look(vmid);
        }
    }

    fn ha_look(&mut self, vmid: u32) {
        let now_ms = self.now.sim_ms;
        let Some(guest) = self.guests.get(&vmid) else { return };
        let Some(mut ha) = guest.ha.clone() else { return };
        if ha.error || ha.wanted == Wanted::Ignored {
            return;
        }
        let home = guest.node.clone();
        if let Some(Link::Cut { since_ms, .. }) = self.node(&home).map(|n| n.link) {
            if now_ms.saturating_sub(since_ms) >= FENCED_MS && ha.wanted == Wanted::Started {
                self.ha_recover(vmid, &home);
            }
            return;
        }
        if let Some(end) = ha.last.take().map(|upid| self.tasks.get(&upid).and_then(|t| t.end.clone())) {
            match end {
                None => return,
                Some(end) if end.status == "OK" => ha.failed = 0,
                Some(_) => ha.failed += 1,
            }
        }
        ha.error = ha.failed >= TRIES_MAX;
        let busy = guest.busy_until_ms > now_ms || guest.lock.is_some();
        if !(ha.error || busy) {
            self.ha_do(vmid, &mut ha);
        }
        if let Some(guest) = self.guests.get_mut(&vmid) {
            guest.ha = Some(ha);
        }
    }

    /// Starts what brings a resource nearer to what is wanted.
    fn ha_do(&mut self, vmid: u32, ha: &mut Ha) {
        let Some(guest) = self.guests.get(&vmid) else { return };
        let (node, kind, on) = (guest.node.clone(), guest.kind, guest.run.on());
        let (start_ms, shutdown_ms) = (guest.start_ms, guest.shutdown_ms);
        let goes_to = ha.goes_to.take().filter(|to| *to != node);
        let (verb, act, lasts_ms) = match (goes_to, ha.wanted, on) {
            (Some(target), _, _) => {
                let verb = if kind == super::model::Kind::Qemu { "qmigrate" } else { "vzmigrate" };
                (
                    verb.to_owned(),
                    Act::Migrate { target, online: true, restart: true, local_disks: true },
                    12_000,
                )
            }
            (None, Wanted::Started, false) => (format!("{}start", kind.prefix()), Act::Start, start_ms),
            (None, Wanted::Stopped | Wanted::Disabled, true) => {
                let act = Act::Shutdown { deadline_ms: 60_000, force: true, takes_ms: shutdown_ms };
                (format!("{}shutdown", kind.prefix()), act, shutdown_ms.min(60_000))
            }
            _ => return,
        };
        let upid = self.spawn(NewTask {
            node: &node,
            kind: &verb,
            id: &vmid.to_string(),
            asker: &Asker::root(),
            op: Op::Guest { vmid, kind: Some(kind), act },
            lasts_ms,
        });
        ha.last = Some(upid);
    }

    /// The guest of a fenced node comes to another one and starts there at the next round.
    fn ha_recover(&mut self, vmid: u32, home: &str) {
        let now = self.now;
        let other = self.nodes.iter().find(|n| n.name != home && n.link.up() && self.online(n, now));
        let Some(target) = other.map(|n| n.name.clone()) else { return };
        self.cut_node(home, true);
        self.note(
            &target,
            "root@pam",
            4,
            format!("recover service of guest {vmid} from fenced node '{home}' to '{target}'"),
        );
        if let Some(guest) = self.guests.get_mut(&vmid) {
            guest.node = target;
            guest.lock = None;
            guest.busy_until_ms = 0;
        }
    }

    pub(super) fn begin_ha(&mut self, task: &mut Task, vmid: u32, ask: &HaAsk) -> Result<(), Refused> {
        let Some(guest) = self.guests.get(&vmid) else {
            return refused(format!("no such resource 'vm:{vmid}'"));
        };
        let noun = guest.kind.noun();
        task.log.push(match ask {
            HaAsk::Start => format!("Requesting HA start for {noun} {vmid}"),
            HaAsk::Stop => format!("Requesting HA stop for {noun} {vmid}"),
            HaAsk::Migrate(to) => format!("Requesting HA migration for {noun} {vmid} to node {to}"),
        });
        Ok(())
    }

    pub(super) fn finish_ha(&mut self, vmid: u32, ask: HaAsk) -> Result<(), String> {
        let ha = self.guests.get_mut(&vmid).and_then(|g| g.ha.as_mut());
        let Some(ha) = ha else { return Err(format!("no such resource 'vm:{vmid}'")) };
        match ask {
            HaAsk::Start => ha.ask(Wanted::Started),
            HaAsk::Stop => ha.ask(Wanted::Stopped),
            HaAsk::Migrate(to) => ha.goes_to = Some(to),
        }
        Ok(())
    }
}
