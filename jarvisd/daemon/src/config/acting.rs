//! What Jarvis stands on, and the bounds of what it may do.

use jarvis_core::{
    cluster::{NodeName, Vmid},
    graph::{Need, Thing},
    policy::Limits,
    tools::{Digest, words::UnitName},
};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Where the daemon runs and what it needs: exactly one of `vmid`, `node` and `outside`. Without one of them nothing
/// is done to guests and nodes, since it could be Jarvis itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnPlace {
    /// The guest it runs in …
    pub vmid: Option<Vmid>,
    /// … and that guest's own mark, so that another guest with its number is not taken for it.
    pub identity: Option<String>,
    /// The node it runs on directly.
    pub node: Option<NodeName>,
    /// It runs on a machine that is no part of the cluster.
    pub outside: bool,
    /// Guests and nodes that serve the models.
    pub model_hosts: Vec<Thing>,
    /// Whatever else it needs: `{ storage = "pve/local" }`, `{ docker = "management" }`.
    pub needs: Vec<Thing>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySettings {
    /// How much may be done, and what is never touched.
    pub limits: Limits,
    /// Times in which people work; automation then keeps away.
    pub windows: Vec<WindowSettings>,
    /// What depends on what, where that cannot be seen from outside.
    pub links: Vec<Link>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSettings {
    /// Missing: everything.
    pub on: Option<Thing>,
    /// `2026-11-22T22:00:00Z`
    pub from: String,
    pub until: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    pub dependent: Thing,
    pub on: Thing,
    pub need: Need,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Services {
    /// Units of nodes that may be restarted; nothing else is.
    pub restart: Vec<ServiceName>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceName {
    pub node: NodeName,
    pub unit: UnitName,
}

impl WindowSettings {
    /// UTC milliseconds from and until.
    pub fn bounds_ms(&self) -> Option<(i64, i64)> {
        let ms = |text: &str| {
            let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
            i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
        };
        Some((ms(&self.from)?, ms(&self.until)?)).filter(|(from, until)| from < until)
    }
}

/// Tells one set of rules from another, so that a permit or approval of another set is worth nothing.
pub fn rules_version(own: &OwnPlace, policy: &PolicySettings, services: &Services) -> u64 {
    let text = serde_json::to_string(&(own, policy, services)).unwrap_or_default();
    let digest = Digest::of("rules", [text.as_bytes()]);
    digest.as_bytes().iter().take(8).fold(0, |n, byte| (n << 8) | u64::from(*byte))
}
