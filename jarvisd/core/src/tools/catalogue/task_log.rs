//! `task_log`: end of a task's log.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskLog {
    pub upid: Upid,
    /// The last ones; 50 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Count<1, 1000>>,
}

impl Tool for TaskLog {
    const NAME: &'static str = "task_log";
    const TITLE: &'static str = "Task log";
    const ABOUT: &'static str = "End of a task's log.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        self.upid.node().map_or(Target::Cluster, Target::Node)
    }
}
