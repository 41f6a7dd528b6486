//! A thing that has a history, written as `cluster`, `node/pve`, `guest/100` or `storage/pve/local`.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{
    Target,
    words::{WordError, shown},
};
use crate::cluster::{NodeName, StorageId, Vmid};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Entity {
    Cluster,
    Node(NodeName),
    Guest(Vmid),
    Storage(StorageId),
}

impl Entity {
    pub fn target(&self) -> Target {
        match self.clone() {
            Self::Cluster => Target::Cluster,
            Self::Node(node) => Target::Node(node),
            Self::Guest(vmid) => Target::Guest(vmid),
            Self::Storage(storage) => Target::Storage(storage),
        }
    }
}

impl FromStr for Entity {
    type Err = WordError;
    fn from_str(s: &str) -> Result<Self, WordError> {
        let parsed = match s.split_once('/') {
            None if s == "cluster" => Some(Self::Cluster),
            Some(("node", node)) => node.parse().ok().map(Self::Node),
            Some(("guest", vmid)) => vmid.parse().ok().map(Self::Guest),
            Some(("storage", storage)) => storage.parse().ok().map(Self::Storage),
            _ => None,
        };
        parsed.ok_or_else(|| WordError {
            what: "a thing with a history",
            shown: shown(s),
            rule: "give `cluster`, `node/NAME`, `guest/VMID` or `storage/NODE/NAME`",
        })
    }
}

impl TryFrom<String> for Entity {
    type Error = WordError;
    fn try_from(s: String) -> Result<Self, WordError> {
        s.parse()
    }
}

impl From<Entity> for String {
    fn from(entity: Entity) -> String {
        entity.to_string()
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target().fmt(f)
    }
}

impl JsonSchema for Entity {
    fn schema_name() -> Cow<'static, str> {
        "Entity".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(cluster|node/.+|guest/[0-9]+|storage/.+/.+)$" })
    }
}
