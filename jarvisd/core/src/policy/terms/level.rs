//! How much may be done without asking: five levels, capped globally, earned and lost per kind of remedy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
pub enum Level {
    /// 0: look and record.
    Observe,
    /// 1: tell.
    Alert,
    /// 2: propose, with a plan and one click.
    Recommend,
    /// 3: do what can be undone or restores, then report.
    Act,
    /// 4: as 3, told in the digest only.
    Quiet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("`{0}` is no autonomy level: give 0 (observe) to 4 (act quietly)")]
pub struct NoSuchLevel(pub u8);

impl TryFrom<u8> for Level {
    type Error = NoSuchLevel;
    fn try_from(n: u8) -> Result<Self, NoSuchLevel> {
        Ok(match n {
            0 => Self::Observe,
            1 => Self::Alert,
            2 => Self::Recommend,
            3 => Self::Act,
            4 => Self::Quiet,
            _ => return Err(NoSuchLevel(n)),
        })
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> u8 {
        match level {
            Level::Observe => 0,
            Level::Alert => 1,
            Level::Recommend => 2,
            Level::Act => 3,
            Level::Quiet => 4,
        }
    }
}

impl Level {
    /// One step less; nothing is below `Observe`.
    pub fn lowered(self) -> Self {
        match self {
            Self::Quiet => Self::Act,
            Self::Act => Self::Recommend,
            Self::Recommend => Self::Alert,
            Self::Alert | Self::Observe => Self::Observe,
        }
    }
}

/// The record of one runbook on one class of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trust {
    /// What a person set.
    pub granted: Level,
    /// What bad outcomes have left of it.
    pub left: Level,
}

impl Trust {
    pub fn granted(level: Level) -> Self {
        Self { granted: level, left: level }
    }

    /// A bad outcome costs a level until a person re-arms; a good one changes nothing by itself.
    pub fn after(self, went_well: bool) -> Self {
        if went_well { self } else { Self { left: self.left.lowered(), ..self } }
    }

    pub fn rearmed(self) -> Self {
        Self::granted(self.granted)
    }

    /// The level that holds: the least of what was granted, what is left, the global cap, and 2 while the runbook's
    /// own tests do not pass.
    pub fn level(self, global: Level, tests_pass: bool) -> Level {
        let cap = if tests_pass { Level::Quiet } else { Level::Recommend };
        self.granted.min(self.left).min(global).min(cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_lost_a_level_at_a_time_and_comes_back_only_by_a_person() {
        let trust = Trust::granted(Level::Act).after(false);
        assert_eq!(trust.level(Level::Quiet, true), Level::Recommend);
        assert_eq!(trust.after(true).level(Level::Quiet, true), Level::Recommend);
        assert_eq!(trust.after(false).after(false).after(false).left, Level::Observe);
        assert_eq!(trust.rearmed().level(Level::Quiet, true), Level::Act);
    }

    #[test]
    fn global_level_and_failing_tests_cap() {
        let trust = Trust::granted(Level::Quiet);
        assert_eq!(trust.level(Level::Alert, true), Level::Alert);
        assert_eq!(trust.level(Level::Quiet, false), Level::Recommend);
        assert!(Level::try_from(5).is_err());
    }
}
