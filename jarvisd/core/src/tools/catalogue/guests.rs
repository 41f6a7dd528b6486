//! `guests`: VMs and containers with state, node and load.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guests {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<GuestKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<GuestStatus>,
    /// Part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Needle>,
}

impl Tool for Guests {
    const NAME: &'static str = "guests";
    const TITLE: &'static str = "Guests";
    const ABOUT: &'static str = "VMs and containers with state, node and load.";
    const EFFECT: Effect = Effect::Read;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
