//! Faults by script and by the control endpoint.
//!
//! A fault is one flat JSON object; which fields it takes is in `catalog`. Here: the object, its checks and
//! the book of what is in force. `apply` turns machines and guests over, `wire` spoils answers.

pub mod apply;
pub mod catalog;
pub mod sides;
pub mod wire;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cluster::World;
use crate::cluster::task::Task;
use catalog::{CATALOG, What};

/// One fault as sent.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Simulated seconds from now.
    #[serde(default)]
    pub at_s: f64,
    #[serde(rename = "do")]
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// Part of the request path (without `/api2/json`) it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// How often it strikes; without it, until it ends or is cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Simulated seconds it stays in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
    /// Its size in seconds: delay, skew, boot time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_s: Option<f64>,
    /// Its size as a share or factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Flavour: of bad JSON, of a node loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Guest type, task type, token id or lock name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

impl FaultSpec {
    pub fn of(what: &str) -> Self {
        Self { what: what.to_owned(), ..Self::default() }
    }

    pub fn what(&self) -> Option<What> {
        CATALOG.iter().find(|e| e.name == self.what).map(|e| e.what)
    }

    /// Fields that are set, by name.
    fn set_fields(&self) -> Vec<String> {
        let Ok(Value::Object(map)) = serde_json::to_value(self) else { return Vec::new() };
        map.into_iter().map(|(k, _)| k).filter(|k| k != "do" && k != "at_s").collect()
    }

    /// Says what is wrong with a fault, if anything.
    pub fn check(&self, world: &World) -> Result<(), String> {
        let Some(entry) = CATALOG.iter().find(|e| e.name == self.what) else {
            let known: Vec<&str> = CATALOG.iter().map(|e| e.name).collect();
            return Err(format!("unknown fault '{}'; known are: {}", self.what, known.join(", ")));
        };
        let name = entry.name;
        for field in self.set_fields() {
            if !entry.takes.iter().any(|(n, _)| n.trim_end_matches('!') == field) {
                return Err(format!("fault '{name}' takes no '{field}'; {}", entry.usage()));
            }
        }
        let set = self.set_fields();
        for (field, _) in entry.takes {
            if let Some(needed) = field.strip_suffix('!')
                && !set.iter().any(|s| s == needed)
            {
                return Err(format!("fault '{name}' needs '{needed}'; {}", entry.usage()));
            }
        }
        let finite = |n: Option<f64>| n.is_none_or(|n| n.is_finite());
        if !self.at_s.is_finite() || self.at_s < 0.0 || !finite(self.for_s) || !finite(self.by_s) {
            return Err(format!("fault '{name}': times must be finite and 'at_s' must not be negative"));
        }
        self.check_targets(world)
    }

    fn check_targets(&self, world: &World) -> Result<(), String> {
        for node in self.node.iter().chain(self.nodes.iter().flatten()) {
            if world.node(node).is_none() {
                return Err(format!("there is no node '{node}' (names are case-sensitive)"));
            }
        }
        let adds = self.what() == Some(What::GuestAdd);
        if let Some(vmid) = self.vmid.filter(|_| !adds)
            && !world.guests.contains_key(&vmid)
        {
            return Err(format!("there is no guest {vmid}"));
        }
        if let Some(storage) = &self.storage
            && world.storage(storage).is_none()
        {
            return Err(format!("there is no storage '{storage}'"));
        }
        if let Some(kind) = self.kind.as_deref().filter(|_| self.what() == Some(What::HaManage))
            && !matches!(kind, "started" | "stopped")
        {
            return Err(format!("fault 'ha_manage': '{kind}' is neither started nor stopped"));
        }
        self.check_sides(world)?;
        if self.what() == Some(What::BadJson)
            && self.variant.as_deref().is_none_or(|v| wire::Spoil::of(v).is_none())
        {
            return Err("fault 'bad_json' needs 'variant': html, truncated, odd_row or huge".into());
        }
        Ok(())
    }
}

/// A fault in force.
#[derive(Clone, Debug, Serialize)]
pub struct Active {
    pub id: u64,
    pub since_ms: u64,
    #[serde(flatten)]
    pub spec: FaultSpec,
    #[serde(skip)]
    pub left: Option<u32>,
}

/// Extra load on a guest or node during a time.
#[derive(Clone, Debug)]
pub struct Strain {
    pub vmid: Option<u32>,
    pub node: Option<String>,
    pub from_ms: u64,
    pub to_ms: u64,
    pub amount: f64,
}

/// Past strains remembered, so that charts keep their spikes.
const STRAINS_MAX: usize = 200;

#[derive(Debug, Default)]
pub struct FaultBook {
    next_id: u64,
    pub active: Vec<Active>,
    pub strains: Vec<Strain>,
    /// Nodes that `quorum_lost` cut.
    pub quorum_cut: Vec<String>,
    /// What happened, newest last, for `GET /faults`.
    pub done: Vec<Value>,
}

/// A task of a second lasts ten years.
const NEVER: f64 = 3e8;

/// How a task is bent.
#[derive(Debug)]
pub struct Bent {
    pub slower: f64,
    pub fate: Option<String>,
}

impl World {
    /// Keeps a fault in force and returns its number.
    pub(crate) fn arm(&mut self, spec: &FaultSpec) -> u64 {
        self.faults.next_id += 1;
        let id = self.faults.next_id;
        let left = spec.times;
        self.faults.active.push(Active { id, since_ms: self.now.sim_ms, spec: spec.clone(), left });
        id
    }

    /// Uses up one strike of a fault.
    pub(crate) fn strike(&mut self, id: u64) {
        let mut spent = false;
        if let Some(active) = self.faults.active.iter_mut().find(|a| a.id == id)
            && let Some(left) = &mut active.left
        {
            *left = left.saturating_sub(1);
            spent = *left == 0;
        }
        if spent {
            self.end_fault(id);
        }
    }

    pub(crate) fn strain(&mut self, strain: Strain) {
        self.faults.strains.push(strain);
        if self.faults.strains.len() > STRAINS_MAX {
            self.faults.strains.remove(0);
        }
    }

    pub fn load_on_guest(&self, vmid: u32, at_ms: u64) -> f64 {
        let hits = |s: &&Strain| s.vmid == Some(vmid) && (s.from_ms..s.to_ms).contains(&at_ms);
        self.faults.strains.iter().filter(hits).map(|s| s.amount).sum()
    }

    pub fn load_on_node(&self, node: &str, at_ms: u64) -> f64 {
        let hits = |s: &&Strain| s.node.as_deref() == Some(node) && (s.from_ms..s.to_ms).contains(&at_ms);
        self.faults.strains.iter().filter(hits).map(|s| s.amount).sum()
    }

    /// What the faults in force do to a new task.
    pub fn bend_task(&mut self, task: &Task) -> Option<Bent> {
        let mut bent = Bent { slower: 1.0, fate: None };
        let mut struck = Vec::new();
        for active in &self.faults.active {
            let spec = &active.spec;
            let fits = spec.kind.as_ref().is_none_or(|k| *k == task.kind)
                && spec.node.as_ref().is_none_or(|n| *n == task.node)
                && spec.vmid.is_none_or(|v| task.id == v.to_string());
            match spec.what() {
                Some(What::TaskFail) if fits => {
                    bent.fate = Some(spec.message.clone().unwrap_or_else(|| "simulated failure".into()));
                }
                Some(What::TaskWarn) if fits => {
                    bent.fate = Some(format!("WARNINGS: {}", spec.count.unwrap_or(1)));
                }
                // Longer than anybody waits; only stopping the task ends it.
                Some(What::TaskHang) if fits => bent.slower *= NEVER,
                Some(What::TaskSlow) if fits => bent.slower *= spec.amount.unwrap_or(5.0),
                _ => continue,
            }
            struck.push(active.id);
        }
        for id in &struck {
            self.strike(*id);
        }
        (!struck.is_empty()).then_some(bent)
    }

    /// Everything about faults, for the control endpoint.
    pub fn faults_report(&self) -> Value {
        let planned: Vec<Value> = self
            .planned_faults()
            .map(|(at, spec)| json!({"in_s": crate::num::real(at.saturating_sub(self.now.sim_ms)) / 1000.0, "fault": spec}))
            .collect();
        let known: Vec<Value> = CATALOG
            .iter()
            .map(|e| json!({"do": e.name, "about": e.about, "takes": e.fields(), "usage": e.usage()}))
            .collect();
        json!({"active": self.faults.active, "planned": planned, "done": self.faults.done, "known": known})
    }
}
