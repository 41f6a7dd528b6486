//! What happened between two states, in lines for the activity feed.

use super::ClusterState;
use crate::protocol::NewEvent;

/// The lines that lead from `a` to `b`.
pub fn activity(_a: &ClusterState, _b: &ClusterState, _now_ms: i64) -> Vec<NewEvent> {
    Vec::new()
}
