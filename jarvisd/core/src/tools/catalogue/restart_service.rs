//! `restart_service`: restart a service listed in the settings.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartService {
    pub node: NodeName,
    pub unit: UnitName,
}

impl Tool for RestartService {
    const NAME: &'static str = "restart_service";
    const TITLE: &'static str = "Restart service";
    const ABOUT: &'static str = "Restart a service listed in the settings.";
    const EFFECT: Effect = Effect::RestartService;
    const UNTRUSTED: bool = false;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        Target::Service { node: self.node.clone(), unit: self.unit.clone() }
    }
}
