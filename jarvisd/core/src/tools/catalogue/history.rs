//! `history`: a figure over time: min, mean, max per bucket.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// `cluster`, `node/pve`, `guest/100` or `storage/pve/local`.
    pub entity: Entity,
    pub metric: MetricName,
    /// An hour ago when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<UtcTime>,
    /// Now when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<UtcTime>,
    /// 60 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Count<1, 1000>>,
}

impl Tool for History {
    const NAME: &'static str = "history";
    const TITLE: &'static str = "History";
    const ABOUT: &'static str = "A figure over time: min, mean, max per bucket.";
    const EFFECT: Effect = Effect::Read;
    const UNTRUSTED: bool = false;

    fn target(&self) -> Target {
        self.entity.target()
    }
}
