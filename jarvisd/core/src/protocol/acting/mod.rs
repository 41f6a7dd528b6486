//! What people and clients see of acting: plans, refusals, approvals, actions, the switch, the level.
//!
//! Views only: nothing here can be turned back into a permit or a grant. Things are told by their names, because a
//! card is read by people; where a screen links to one, its node or number stands beside the name.

mod action;
mod approval;
mod plan;
mod standing;

pub use action::{ActionState, ActionView, Observed, Verified};
pub use approval::{ApprovalState, ApprovalView};
pub use plan::{BlastView, ExactCall, ObjectionView, Plan, QuorumView, ReadResult, Refusal, StruckView};
pub use standing::{ActingChange, ActingView, AutonomyView, KillView, PolicyView, ScoreView};
