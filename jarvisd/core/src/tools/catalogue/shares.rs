//! `shares`: NFS and Samba: mounted, reachable, full.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
}

impl Tool for Shares {
    const NAME: &'static str = "shares";
    const TITLE: &'static str = "Shares";
    const ABOUT: &'static str = "NFS and Samba: mounted, reachable, full.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
