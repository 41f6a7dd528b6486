//! `docker_restart`: restart a Docker container labelled for it.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DockerRestart {
    pub host: HostName,
    pub name: ContainerName,
}

impl Tool for DockerRestart {
    const NAME: &'static str = "docker_restart";
    const TITLE: &'static str = "Restart container";
    const ABOUT: &'static str = "Restart a Docker container labelled for it.";
    const EFFECT: Effect = Effect::RestartContainer;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Container { host: self.host.clone(), name: self.name.clone() }
    }
}
