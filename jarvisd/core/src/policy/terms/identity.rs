//! Which thing exactly is meant, so that a reused number or a moved guest is not taken for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cluster::{NodeName, Vmid},
    tools::{Digest, Target, canonical::canonical},
};

/// A target pinned at planning and compared at sending.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Identity {
    /// All four must still be the same.
    Guest {
        vmid: Vmid,
        /// SMBIOS uuid of a VM, creation time of a container.
        born: String,
        name: String,
        node: NodeName,
    },
    /// Nodes, services and containers are named by the cluster or the settings, and their name is their identity.
    Named { name: String },
}

impl Identity {
    /// For a target that is not a guest.
    pub fn named(target: &Target) -> Self {
        Self::Named { name: target.to_string() }
    }

    pub fn is_of(&self, target: &Target) -> bool {
        match (self, target) {
            (Self::Guest { vmid, .. }, Target::Guest(meant)) => vmid == meant,
            // A guest without its four marks is not pinned.
            (Self::Named { .. }, Target::Guest(_)) | (Self::Guest { .. }, _) => false,
            (Self::Named { name }, other) => *name == other.to_string(),
        }
    }

    pub fn digest(&self) -> Digest {
        let text = serde_json::to_value(self).map(|value| canonical(&value)).unwrap_or_default();
        Digest::of("identity", [text.as_bytes()])
    }

    /// What differs, for a person; `None` when it is the same thing.
    pub fn drift(&self, now: &Self) -> Option<String> {
        if self == now {
            return None;
        }
        let (
            Self::Guest { vmid, born, name, node },
            Self::Guest { born: born2, name: name2, node: node2, vmid: vmid2 },
        ) = (self, now)
        else {
            return Some("it is not the same thing any more".into());
        };
        let mut what = Vec::new();
        if vmid != vmid2 || born != born2 {
            what.push(format!("the number {vmid} now belongs to another guest"));
        }
        if name != name2 {
            what.push(format!("it was called `{name}` and is called `{name2}`"));
        }
        if node != node2 {
            what.push(format!("it was on {node} and is on {node2}"));
        }
        Some(what.join("; "))
    }
}
