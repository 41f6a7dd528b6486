//! `docker_start`: start a listed Docker container.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DockerStart {
    pub host: HostName,
    pub name: ContainerName,
}

impl Tool for DockerStart {
    const NAME: &'static str = "docker_start";
    const TITLE: &'static str = "Start container";
    const ABOUT: &'static str = "Start a listed Docker container.";
    const EFFECT: Effect = Effect::StartContainer;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Container { host: self.host.clone(), name: self.name.clone() }
    }
}
