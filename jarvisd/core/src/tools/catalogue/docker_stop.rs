//! `docker_stop`: stop a Docker container labelled for it.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DockerStop {
    pub host: HostName,
    pub name: ContainerName,
}

impl Tool for DockerStop {
    const NAME: &'static str = "docker_stop";
    const TITLE: &'static str = "Stop container";
    const ABOUT: &'static str = "Stop a Docker container labelled for it.";
    const EFFECT: Effect = Effect::StopContainer;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Container { host: self.host.clone(), name: self.name.clone() }
    }
}
