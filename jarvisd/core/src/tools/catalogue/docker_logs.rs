//! `docker_logs`: end of a container's log.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DockerLogs {
    pub host: HostName,
    pub name: ContainerName,
    /// 100 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Count<1, 1000>>,
}

impl Tool for DockerLogs {
    const NAME: &'static str = "docker_logs";
    const TITLE: &'static str = "Docker logs";
    const ABOUT: &'static str = "End of a container's log.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Container { host: self.host.clone(), name: self.name.clone() }
    }
}
