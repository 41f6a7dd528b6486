//! `docker`: docker containers with state and load.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Docker {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostName>,
}

impl Tool for Docker {
    const NAME: &'static str = "docker";
    const TITLE: &'static str = "Docker";
    const ABOUT: &'static str = "Docker containers with state and load.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
