//! `action`: what became of an action or an approval. The executor answers it from its own records.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    pub id: RecordId,
}

impl Tool for Action {
    const NAME: &'static str = "action";
    const TITLE: &'static str = "Action";
    const ABOUT: &'static str = "What became of an action or approval.";
    const EFFECT: Effect = Effect::Read;

    fn target(&self) -> Target {
        Target::Cluster
    }
}
