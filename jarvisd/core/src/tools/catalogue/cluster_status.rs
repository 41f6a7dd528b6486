//! `cluster_status`: nodes, quorum, health and what needs attention.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterStatus {}

impl Tool for ClusterStatus {
    const NAME: &'static str = "cluster_status";
    const TITLE: &'static str = "Cluster status";
    const ABOUT: &'static str = "Nodes, quorum, health and what needs attention.";
    const EFFECT: Effect = Effect::Read;
    const UNTRUSTED: bool = false;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
