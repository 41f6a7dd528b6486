//! `firewall`: firewall options and rules of cluster, node or guest.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Firewall {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<Vmid>,
}

impl Tool for Firewall {
    const NAME: &'static str = "firewall";
    const TITLE: &'static str = "Firewall";
    const ABOUT: &'static str = "Firewall options and rules of cluster, node or guest.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
