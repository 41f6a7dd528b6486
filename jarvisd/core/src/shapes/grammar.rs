//! What a value in a command may look like.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::tools::words::{ContainerName, DiskPath, UnitName, UtcTime, WordError};

/// An absolute path of a mounted share: no `..`, no doubled or trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MountPoint(String);

impl MountPoint {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MountPoint {
    type Err = WordError;
    fn from_str(s: &str) -> Result<Self, WordError> {
        let segment = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['-', '.'])
                && part
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '+' | '@' | ':'))
        };
        let good = s.len() <= 256 && s.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment));
        if good {
            Ok(Self(s.to_owned()))
        } else {
            Err(WordError {
                what: "a mount point",
                shown: crate::tools::words::shown(s),
                rule: "give an absolute path as the node lists it, such as `/mnt/pve/nas`",
            })
        }
    }
}

impl TryFrom<String> for MountPoint {
    type Error = WordError;
    fn try_from(s: String) -> Result<Self, WordError> {
        s.parse()
    }
}

impl From<MountPoint> for String {
    fn from(mount: MountPoint) -> String {
        mount.0
    }
}

/// The grammars that rows use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// A whole number from 1 to this.
    Count(u32),
    Unit,
    Disk,
    Mount,
    Container,
    /// `2026-10-20T14:03:00Z`
    Time,
}

impl Grammar {
    /// Whether this text is such a value, spelled the one way it is ever sent.
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Self::Count(max) => {
                text.parse::<u32>().is_ok_and(|n| (1..=max).contains(&n) && n.to_string() == text)
            }
            Self::Unit => text.parse::<UnitName>().is_ok_and(|unit| unit.as_str() == text),
            Self::Disk => text.parse::<DiskPath>().is_ok(),
            Self::Mount => text.parse::<MountPoint>().is_ok(),
            Self::Container => text.parse::<ContainerName>().is_ok(),
            Self::Time => text.parse::<UtcTime>().is_ok(),
        }
    }
}
