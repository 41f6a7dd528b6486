//! What an operation does to the world, and the tier that follows from it.
//!
//! The tier has no table of its own: one exhaustive `match` derives it, so a new effect does not compile until
//! somebody has decided how dangerous it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may run it: everyone (`green`), guards permitting (`yellow`), with an approval each time (`red`).
/// What nobody may run is no tool at all and has no tier; see [`super::black`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    Green,
    Yellow,
    Red,
}

/// What an operation does. Each is one verb on one kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    Read,
    StartGuest,
    ResumeGuest,
    WakeNode,
    RestartService,
    CreateSnapshot,
    StartBackup,
    StartContainer,
    ShutdownGuest,
    StopGuest,
    RebootGuest,
    SuspendGuest,
    MigrateGuest,
    DeleteSnapshot,
    RestartContainer,
    StopContainer,
    RebootNode,
    ShutdownNode,
}

impl Effect {
    pub const ALL: [Self; 18] = [
        Self::Read,
        Self::StartGuest,
        Self::ResumeGuest,
        Self::WakeNode,
        Self::RestartService,
        Self::CreateSnapshot,
        Self::StartBackup,
        Self::StartContainer,
        Self::ShutdownGuest,
        Self::StopGuest,
        Self::RebootGuest,
        Self::SuspendGuest,
        Self::MigrateGuest,
        Self::DeleteSnapshot,
        Self::RestartContainer,
        Self::StopContainer,
        Self::RebootNode,
        Self::ShutdownNode,
    ];

    /// Reads are green; what restores or can be taken back is yellow; what takes away or moves is red.
    pub fn tier(self) -> Tier {
        match self {
            Self::Read => Tier::Green,
            Self::StartGuest
            | Self::ResumeGuest
            | Self::WakeNode
            | Self::RestartService
            | Self::CreateSnapshot
            | Self::StartBackup
            | Self::StartContainer => Tier::Yellow,
            Self::ShutdownGuest
            | Self::StopGuest
            | Self::RebootGuest
            | Self::SuspendGuest
            | Self::MigrateGuest
            | Self::DeleteSnapshot
            | Self::RestartContainer
            | Self::StopContainer
            | Self::RebootNode
            | Self::ShutdownNode => Tier::Red,
        }
    }

    /// What becomes of the target while and after it runs; the graph works out the rest.
    pub fn impact(self) -> Impact {
        match self {
            Self::Read | Self::CreateSnapshot | Self::StartBackup | Self::DeleteSnapshot => Impact::None,
            Self::StartGuest | Self::ResumeGuest | Self::WakeNode | Self::StartContainer => Impact::BringsUp,
            Self::RestartService | Self::RebootGuest | Self::RestartContainer | Self::RebootNode => {
                Impact::Interrupts
            }
            Self::MigrateGuest => Impact::Moves,
            Self::ShutdownGuest
            | Self::StopGuest
            | Self::SuspendGuest
            | Self::StopContainer
            | Self::ShutdownNode => Impact::TakesDown,
        }
    }

    /// Power of a whole node taken away: a human session only.
    pub fn is_node_power(self) -> bool {
        matches!(self, Self::RebootNode | Self::ShutdownNode)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// The target serves on.
    None,
    /// Something that was away comes back.
    BringsUp,
    /// Away for a while, then back by itself.
    Interrupts,
    /// Away for a moment, then back somewhere else.
    Moves,
    /// Away until somebody brings it back.
    TakesDown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_takes_down_or_moves_is_below_red() {
        for effect in Effect::ALL {
            if matches!(effect.impact(), Impact::TakesDown | Impact::Moves) {
                assert_eq!(effect.tier(), Tier::Red, "{effect:?}");
            }
            assert_eq!(effect.tier() == Tier::Green, effect == Effect::Read);
        }
    }
}
