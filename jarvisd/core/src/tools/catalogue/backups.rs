//! `backups`: backups and their age; guests without a recent one.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backups {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<Vmid>,
    /// Older than this counts as not backed up; 48 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_hours: Option<Count<1, 8760>>,
}

impl Tool for Backups {
    const NAME: &'static str = "backups";
    const TITLE: &'static str = "Backups";
    const ABOUT: &'static str = "Backups and their age; guests without a recent one.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
