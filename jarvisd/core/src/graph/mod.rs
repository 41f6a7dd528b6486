//! What depends on what, and from it what an action would take along.
//!
//! The graph is derived anew from live placement and configuration, never kept by hand; only what cannot be seen
//! from outside is declared in the settings. It may hold cycles. Not here: whether an action may be (policy).

mod blast;
mod derive;
mod own;
mod score;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use blast::{Blast, Durations, Estimate, QuorumAfter, Struck, Votes};
pub use derive::{ContainerPlace, Declared, GuestConfig, Inputs, StorageConfig};
pub use own::{Own, OwnSettings, Runs};
pub use score::Score;

use crate::{
    cluster::{NodeName, StorageId, Vmid},
    tools::{
        Target,
        words::{ContainerName, HostName, UnitName},
    },
};

/// Something that can go down or be needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    Node(NodeName),
    Guest(Vmid),
    Storage(StorageId),
    /// A bridge of a node.
    Bridge {
        node: NodeName,
        name: String,
    },
    Service {
        node: NodeName,
        unit: UnitName,
    },
    /// The Docker daemon of a host.
    Docker(HostName),
    Container {
        host: HostName,
        name: ContainerName,
    },
    /// Something only the settings know: `dns`, `internet` …
    Named(String),
    /// Jarvis itself.
    Jarvis,
}

impl Thing {
    /// The thing an operation works on; `None` for the cluster as a whole.
    pub fn of(target: &Target) -> Option<Self> {
        match target.clone() {
            Target::Cluster => None,
            Target::Node(node) => Some(Self::Node(node)),
            Target::Guest(vmid) => Some(Self::Guest(vmid)),
            Target::Storage(storage) => Some(Self::Storage(storage)),
            Target::Service { node, unit } => Some(Self::Service { node, unit }),
            Target::Container { host, name } => Some(Self::Container { host, name }),
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => write!(f, "node {node}"),
            Self::Guest(vmid) => write!(f, "guest {vmid}"),
            Self::Storage(storage) => write!(f, "storage {storage}"),
            Self::Bridge { node, name } => write!(f, "bridge {name} of {node}"),
            Self::Service { node, unit } => write!(f, "service {unit} on {node}"),
            Self::Docker(host) => write!(f, "Docker on {host}"),
            Self::Container { host, name } => write!(f, "container {name} on {host}"),
            Self::Named(name) => f.write_str(name),
            Self::Jarvis => f.write_str("Jarvis"),
        }
    }
}

/// How much the dependent suffers when what it needs is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// It goes on, but worse.
    Soft,
    /// It goes down too.
    Hard,
}

/// Who needs whom. A pure value: the same inputs give the same graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// For each thing, who needs it and how much.
    dependents: BTreeMap<Thing, BTreeMap<Thing, Need>>,
    /// Known to be down already, so that an action takes nothing from them. Unknown is not down.
    down: BTreeSet<Thing>,
}

impl Graph {
    /// Says that `dependent` needs `on`; of two needs the harder counts.
    pub fn link(&mut self, dependent: Thing, on: Thing, need: Need) {
        if dependent == on {
            return;
        }
        let slot = self.dependents.entry(on).or_default().entry(dependent).or_insert(need);
        *slot = need.max(*slot);
    }

    pub fn mark_down(&mut self, thing: Thing) {
        self.down.insert(thing);
    }

    pub fn is_down(&self, thing: &Thing) -> bool {
        self.down.contains(thing)
    }

    pub fn dependents_of(&self, thing: &Thing) -> impl Iterator<Item = (&Thing, Need)> {
        self.dependents.get(thing).into_iter().flatten().map(|(dependent, need)| (dependent, *need))
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
