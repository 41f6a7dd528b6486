//! The names of things, as Proxmox VE writes them, checked once where they enter.

use std::{borrow::Borrow, borrow::Cow, fmt, str::FromStr, sync::LazyLock};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use super::text::Text;

/// Why a text is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    #[error("`{0}` is not a VMID: give a whole number from 100 to 999999999")]
    Vmid(String),
    #[error("`{0}` is not a node name: give 1 to 63 letters, digits or hyphens")]
    Node(String),
    #[error("`{0}` is not a storage id: it reads node/storage, letters, digits, `-`, `_` or `.`")]
    Storage(String),
    #[error("`{0}` is not a UPID: it reads UPID:node:pid:pstart:starttime:type:id:user:")]
    Upid(String),
}

/// Number of a guest, unique over VMs and containers of a cluster: 100..=999 999 999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(try_from = "u32", into = "u32")]
pub struct Vmid(u32);

impl JsonSchema for Vmid {
    fn schema_name() -> Cow<'static, str> {
        "Vmid".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": Self::MIN, "maximum": Self::MAX })
    }
}

impl Vmid {
    pub const MIN: u32 = 100;
    pub const MAX: u32 = 999_999_999;

    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Vmid {
    type Error = IdError;
    fn try_from(n: u32) -> Result<Self, IdError> {
        if (Self::MIN..=Self::MAX).contains(&n) { Ok(Self(n)) } else { Err(IdError::Vmid(n.to_string())) }
    }
}

impl From<Vmid> for u32 {
    fn from(v: Vmid) -> u32 {
        v.0
    }
}

impl FromStr for Vmid {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        // `u32::from_str` would take "+100"; Proxmox would not.
        if s.is_empty() || !s.bytes().all(|b| b.is_ascii_digit()) {
            return Err(IdError::Vmid(s.into()));
        }
        s.parse::<u32>().map_err(|_| IdError::Vmid(s.into()))?.try_into()
    }
}

impl fmt::Display for Vmid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident, $pattern:literal, $check:expr, $err:expr) => {
        $(#[$meta])*
        ///
        /// Cloning shares the text: every guest names its node.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[cfg_attr(test, derive(ts_rs::TS), ts(export))]
        #[serde(try_from = "String")]
        pub struct $name(Text);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(s: String) -> Result<Self, IdError> {
                let check: fn(&str) -> bool = $check;
                if check(&s) { Ok(Self(s.into())) } else { Err($err(s)) }
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                s.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(v: $name) -> String {
                v.0.into()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Name of a node, case-sensitive, as in `/nodes/{node}`.
    NodeName,
    "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
    |s| (1..=63).contains(&s.len())
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !s.starts_with('-')
        && !s.ends_with('-'),
    IdError::Node
);

text_id!(
    /// A storage as one node sees it: `node/storage`.
    StorageId,
    "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?/[A-Za-z0-9._-]{1,100}$",
    |s| s.split_once('/').is_some_and(|(node, storage)| {
        NodeName::from_str(node).is_ok()
            && (1..=100).contains(&storage.len())
            && storage.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    }),
    IdError::Storage
);

text_id!(
    /// Id of a task: `UPID:node:pid:pstart:starttime:type:id:user:`.
    Upid,
    "^UPID:([!-9;-~]*:){7,}$",
    |s| s.len() <= 512
        && s.starts_with("UPID:")
        && s.ends_with(':')
        && s.split(':').count() >= 9
        && s.bytes().all(|b| b.is_ascii_graphic()),
    IdError::Upid
);

impl StorageId {
    pub fn new(node: &NodeName, storage: &str) -> Result<Self, IdError> {
        format!("{node}/{storage}").try_into()
    }
}

impl Upid {
    /// The node the task runs on: `/nodes/{node}/tasks/{upid}` must name it.
    pub fn node(&self) -> Option<NodeName> {
        self.0.split(':').nth(1)?.parse().ok()
    }
}

/// A place facts come from: `resources`, `membership`, `tasks`, `node/pve`, `guest/100` …
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(transparent)]
pub struct SourceId(Text);

/// Every guest names its source: one text for all of them.
static RESOURCES: LazyLock<SourceId> = LazyLock::new(|| SourceId("resources".into()));
static MEMBERSHIP: LazyLock<SourceId> = LazyLock::new(|| SourceId("membership".into()));
static TASKS: LazyLock<SourceId> = LazyLock::new(|| SourceId("tasks".into()));

impl SourceId {
    /// `GET /cluster/resources`: nodes, guests, storages in one answer.
    pub fn resources() -> Self {
        RESOURCES.clone()
    }
    /// `GET /cluster/status`: quorum and which nodes are online.
    pub fn membership() -> Self {
        MEMBERSHIP.clone()
    }
    /// `GET /cluster/tasks`.
    pub fn tasks() -> Self {
        TASKS.clone()
    }
    /// `GET /nodes/{node}/status`: load, swap, kernel.
    pub fn node(node: &NodeName) -> Self {
        Self(format!("node/{node}").into())
    }
    /// Commands on the node: temperature, mounted shares, failed units.
    pub fn sensors(node: &NodeName) -> Self {
        Self(format!("sensors/{node}").into())
    }
    /// `GET /nodes/{node}/{kind}/{vmid}/status/current`: one guest, read once.
    pub fn guest(vmid: Vmid) -> Self {
        Self(format!("guest/{vmid}").into())
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
