//! The simulated cluster as it really is, and its agenda of things that will happen.
//!
//! Nothing runs while nobody asks: every look first catches up with the clock, in order of time.
//! Not here: HTTP, TLS and what the API shows of all this (`pve`), faults (`faults`).

pub mod backup;
pub mod clock;
pub mod corosync;
pub mod docker;
pub mod edit;
pub mod figures;
pub mod generate;
pub mod ha;
pub mod history;
pub mod inventory;
pub mod machine;
pub mod model;
pub mod past;
pub mod publish;
pub mod seed;
pub mod task;
pub mod travel;
pub mod wave;
pub mod work;

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use tokio::sync::watch;

use crate::auth::AuthBook;
use crate::faults::{FaultBook, FaultSpec};
use crate::mail::MailBox;
use crate::records::{Effects, Requests};
use crate::ssh::log::SshLog;
use clock::{Clock, Now};
pub use corosync::Apart;
use corosync::VotesLost;
use docker::Engine;
use machine::Line;
use model::{Guest, Node, Storage};
use task::{LogLine, TaskBook};

/// Something that will happen at a time.
#[derive(Clone, Debug)]
pub enum Event {
    /// A task tries again to get its guest's lock file; it lasts so long once it has it.
    TaskBegin(String, u64),
    TaskHalf(String),
    TaskEnd(String),
    Fault(Box<FaultSpec>),
    FaultOver(u64),
    /// A cut machine's address stops answering connects at all.
    LineGone(String),
    /// A machine has booted.
    NodeReady(String),
    /// The HA manager looks around.
    HaRound,
    /// A machine that was told to goes down, and perhaps comes back.
    NodePower {
        node: String,
        reboot: bool,
    },
    /// A machine begins to boot.
    NodeOn(String),
    /// A guest that starts with its host.
    GuestOn(u32),
}

/// What a cluster consists of at the start.
#[derive(Debug, Default)]
pub struct Inventory {
    pub name: String,
    pub nodes: Vec<Node>,
    pub guests: Vec<Guest>,
    pub storages: Vec<Storage>,
    pub backup_jobs: Vec<Value>,
}

pub struct World {
    pub name: String,
    pub seed: u64,
    pub clock: Clock,
    pub now: Now,
    pub nodes: Vec<Node>,
    pub guests: BTreeMap<u32, Guest>,
    pub storages: Vec<Storage>,
    pub backup_jobs: Vec<Value>,
    pub pools: BTreeMap<String, String>,
    pub tasks: TaskBook,
    pub log: VecDeque<LogLine>,
    pub log_uid: u64,
    pub votes: VotesLost,
    pub apart: Option<Apart>,
    pub contradiction: bool,
    pub cut_ms: BTreeMap<String, u64>,
    pub past_runs: BTreeMap<u32, Vec<(u64, u64)>>,
    pub faults: FaultBook,
    pub auth: AuthBook,
    pub effects: Effects,
    pub requests: Requests,
    pub lines: BTreeMap<String, watch::Sender<Line>>,
    /// Counts changes of faults that open or close listeners.
    pub doors: watch::Sender<u64>,
    pub ha_rounds: bool,
    /// Docker engines by the guest they run in.
    pub engines: BTreeMap<u32, Engine>,
    pub ssh: SshLog,
    pub mail: MailBox,
    agenda: BTreeMap<(u64, u64), Event>,
    agenda_seq: u64,
}

impl World {
    pub fn new(inventory: Inventory, seed: u64, scale: f64, auth: AuthBook) -> Self {
        let clock = Clock::new(scale);
        let now = clock.now();
        let line = |n: &Node| (n.name.clone(), watch::Sender::new(Line::default()));
        let guests: BTreeMap<u32, Guest> = inventory.guests.into_iter().map(|g| (g.vmid, g)).collect();
        let engines = docker::engines(seed, &guests);
        Self {
            name: inventory.name,
            seed,
            lines: inventory.nodes.iter().map(line).collect(),
            nodes: inventory.nodes,
            guests,
            storages: inventory.storages,
            backup_jobs: inventory.backup_jobs,
            clock,
            now,
            auth,
            pools: BTreeMap::new(),
            tasks: TaskBook::default(),
            log: VecDeque::new(),
            log_uid: 0,
            votes: VotesLost::default(),
            apart: None,
            contradiction: false,
            cut_ms: BTreeMap::new(),
            past_runs: BTreeMap::new(),
            faults: FaultBook::default(),
            effects: Effects::default(),
            requests: Requests::default(),
            doors: watch::Sender::new(0),
            ha_rounds: false,
            engines,
            ssh: SshLog::default(),
            mail: MailBox::default(),
            agenda: BTreeMap::new(),
            agenda_seq: 0,
        }
    }

    /// Lets everything happen that is due, in order.
    pub fn catch_up(&mut self) {
        let target = self.clock.now();
        while let Some(entry) = self.agenda.first_entry().filter(|e| e.key().0 <= target.sim_ms) {
            let ((at_ms, _), event) = entry.remove_entry();
            self.now = self.clock.at(target, at_ms);
            self.publish_due(self.now);
            self.happen(event);
        }
        self.now = target;
    }

    /// When (sim) the next thing happens.
    pub fn next_ms(&self) -> Option<u64> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// Turns the clock forward, letting everything on the way happen at its own time.
    pub fn advance(&mut self, ms: u64) {
        let mut left = ms;
        self.catch_up();
        while left > 0 {
            let to_next = self.next_ms().map(|at| at.saturating_sub(self.now.sim_ms).max(1));
            let step = to_next.unwrap_or(left).min(left);
            self.clock.advance_ms(step);
            left -= step;
            self.catch_up();
        }
    }

    /// Puts something on the agenda.
    pub fn at(&mut self, at_ms: u64, event: Event) {
        self.agenda_seq += 1;
        self.agenda.insert((at_ms, self.agenda_seq), event);
    }

    pub fn forget_planned_faults(&mut self) {
        self.agenda.retain(|_, e| !matches!(e, Event::Fault(_) | Event::FaultOver(_)));
    }

    pub fn planned_faults(&self) -> impl Iterator<Item = (u64, &FaultSpec)> {
        self.agenda.iter().filter_map(|((at, _), e)| match e {
            Event::Fault(spec) => Some((*at, spec.as_ref())),
            _ => None,
        })
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::TaskBegin(upid, lasts_ms) => self.begin_task(&upid, lasts_ms),
            Event::TaskHalf(upid) => self.half(&upid),
            Event::TaskEnd(upid) => self.end_task(&upid, None),
            Event::Fault(spec) => self.apply_fault(&spec),
            Event::FaultOver(id) => self.end_fault(id),
            Event::LineGone(node) => self.line_gone(&node),
            Event::NodeReady(node) => self.node_ready(&node),
            Event::HaRound => self.ha_round(),
            Event::NodePower { node, reboot } => self.node_power(&node, reboot),
            Event::NodeOn(node) => self.restore_node(&node, machine::BOOT_MS),
            Event::GuestOn(vmid) => self.guest_on_boot(vmid),
        }
    }

    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|n| n.name == name)
    }

    pub fn node_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|n| n.name == name)
    }

    pub fn storage(&self, id: &str) -> Option<&Storage> {
        self.storages.iter().find(|s| s.id == id)
    }

    pub fn remove_guest(&mut self, vmid: u32) {
        self.guests.remove(&vmid);
        self.past_runs.remove(&vmid);
        for storage in &mut self.storages {
            storage.volumes.retain(|v| v.vmid != Some(vmid) || v.content == "backup");
        }
    }
}
