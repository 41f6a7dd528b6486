//! What an operation works on: exactly one thing, or nothing in particular.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::words::{ContainerName, HostName, UnitName};
use crate::cluster::{NodeName, StorageId, Vmid};

/// One thing. There is no list and no wildcard: an operation on many things cannot be written down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Cluster,
    Node(NodeName),
    Guest(Vmid),
    Storage(StorageId),
    Service { node: NodeName, unit: UnitName },
    Container { host: HostName, name: ContainerName },
}

/// Kinds of targets, for rules that hold for a whole kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetClass {
    Cluster,
    Node,
    Guest,
    Storage,
    Service,
    Container,
}

impl Target {
    pub fn class(&self) -> TargetClass {
        match self {
            Self::Cluster => TargetClass::Cluster,
            Self::Node(_) => TargetClass::Node,
            Self::Guest(_) => TargetClass::Guest,
            Self::Storage(_) => TargetClass::Storage,
            Self::Service { .. } => TargetClass::Service,
            Self::Container { .. } => TargetClass::Container,
        }
    }
}

impl Target {
    /// As people call it, with a guest's own name where that is known: `guest 100 dns`. [`fmt::Display`] is for
    /// records and programs.
    pub fn named(&self, name: Option<&str>) -> String {
        match self {
            Self::Cluster => "the cluster".to_owned(),
            Self::Node(node) => format!("node {node}"),
            Self::Guest(vmid) => match name.filter(|name| !name.is_empty()) {
                Some(name) => format!("guest {vmid} {name}"),
                None => format!("guest {vmid}"),
            },
            Self::Storage(storage) => format!("storage {storage}"),
            Self::Service { node, unit } => format!("{unit} on {node}"),
            Self::Container { host, name } => format!("container {name} on {host}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster"),
            Self::Node(node) => write!(f, "node/{node}"),
            Self::Guest(vmid) => write!(f, "guest/{vmid}"),
            Self::Storage(storage) => write!(f, "storage/{storage}"),
            Self::Service { node, unit } => write!(f, "service/{node}/{unit}"),
            Self::Container { host, name } => write!(f, "container/{host}/{name}"),
        }
    }
}
