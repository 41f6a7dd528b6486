//! What Jarvis itself stands on, found anew from live placement.
//!
//! Settings say what Jarvis is (a guest, a node, or a machine outside); where that is now, and on which storages
//! and bridges, is read from the state each time. What cannot be found is an error and never an empty set.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{GuestConfig, Thing, derive::bridge};
use crate::cluster::{ClusterState, NodeName, StorageId, Vmid};

/// Where the daemon runs, as the settings and the machine itself say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// In a guest; its uuid, when the machine can tell it, guards against a reused VMID.
    Guest {
        vmid: Vmid,
        identity: Option<String>,
    },
    Node(NodeName),
    /// On a machine that is no part of the cluster.
    Outside,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSettings {
    pub runs: Runs,
    /// Guests and nodes that serve the models.
    pub model_hosts: Vec<Thing>,
    /// Docker daemon, reverse proxy, gateway, name server: whatever else it needs.
    pub needs: Vec<Thing>,
}

/// Why Jarvis does not know what it stands on; no guest or node action until it does.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OwnError {
    #[error(
        "guest {0}, in which Jarvis runs, is not in the cluster's list; check `own.vmid` in the settings"
    )]
    GuestMissing(Vmid),
    #[error(
        "guest {0} is no longer the guest in which Jarvis runs: its identity differs; check `own` in the settings"
    )]
    GuestReplaced(Vmid),
    #[error("the configuration of guest {0}, in which Jarvis runs, could not be read")]
    ConfigMissing(Vmid),
    #[error("{0}, which Jarvis needs, is not in the cluster's list; check `own` in the settings")]
    Missing(Thing),
}

/// What must not be taken away from Jarvis, by its part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// The guest it runs in and that guest's node: nothing at all is done to these.
    core: BTreeSet<Thing>,
    /// What it needs to work: model hosts, storages, bridges, Docker, proxy.
    needs: BTreeSet<Thing>,
}

impl Own {
    /// From settings and live placement.
    pub fn resolve(
        settings: &OwnSettings,
        state: &ClusterState,
        configs: &BTreeMap<Vmid, GuestConfig>,
    ) -> Result<Self, OwnError> {
        let mut own = Self::default();
        match &settings.runs {
            Runs::Outside => {}
            Runs::Node(node) => {
                own.core.insert(Thing::Node(node.clone()));
            }
            Runs::Guest { vmid, identity } => {
                let guest = state.guests.get(vmid).ok_or(OwnError::GuestMissing(*vmid))?;
                let config = configs.get(vmid).ok_or(OwnError::ConfigMissing(*vmid))?;
                if identity.is_some() && *identity != config.identity {
                    return Err(OwnError::GuestReplaced(*vmid));
                }
                own.core.insert(Thing::Guest(*vmid));
                own.core.insert(Thing::Node(guest.node.clone()));
                for storage in &config.storages {
                    if let Ok(id) = StorageId::new(&guest.node, storage) {
                        own.needs.insert(Thing::Storage(id));
                    }
                }
                own.needs.extend(config.bridges.iter().map(|name| bridge(&guest.node, name)));
            }
        }
        for thing in settings.model_hosts.iter().chain(&settings.needs) {
            let missing = match thing {
                Thing::Node(node) => !state.nodes.contains_key(node),
                Thing::Guest(vmid) => !state.guests.contains_key(vmid),
                _ => false,
            };
            if missing {
                return Err(OwnError::Missing(thing.clone()));
            }
            own.needs.insert(thing.clone());
        }
        if let Runs::Node(node) = &settings.runs
            && !state.nodes.contains_key(node)
        {
            return Err(OwnError::Missing(Thing::Node(node.clone())));
        }
        Ok(own)
    }

    /// From parts, where placement was worked out elsewhere.
    pub fn of(core: impl IntoIterator<Item = Thing>, needs: impl IntoIterator<Item = Thing>) -> Self {
        Self { core: core.into_iter().collect(), needs: needs.into_iter().collect() }
    }

    pub fn parts(&self) -> impl Iterator<Item = &Thing> {
        self.core.iter().chain(&self.needs)
    }

    /// Jarvis' own guest or node.
    pub fn is_core(&self, thing: &Thing) -> bool {
        self.core.contains(thing)
    }

    /// Anything Jarvis stands on; a container belongs to it with its Docker daemon, a service with its node.
    pub fn includes(&self, thing: &Thing) -> bool {
        self.core.contains(thing) || self.needs.contains(thing)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::testing::{guest, vmid};

    fn runs(identity: Option<&str>) -> OwnSettings {
        OwnSettings {
            runs: Runs::Guest { vmid: vmid(103), identity: identity.map(str::to_owned) },
            model_hosts: vec![],
            needs: vec![],
        }
    }

    #[test]
    fn i20_identity_follows_the_guest_when_it_moves_and_is_an_error_when_it_cannot_be_found() {
        let mut state = ClusterState::default();
        let mut configs = BTreeMap::new();
        assert_eq!(Own::resolve(&runs(None), &state, &configs), Err(OwnError::GuestMissing(vmid(103))));

        state.guests.insert(vmid(103), Arc::new(guest(103, "agent1")));
        assert_eq!(Own::resolve(&runs(None), &state, &configs), Err(OwnError::ConfigMissing(vmid(103))));

        let config = GuestConfig {
            identity: Some("uuid-1".into()),
            storages: vec!["nas".into()],
            bridges: vec!["vmbr0".into()],
            ..GuestConfig::default()
        };
        configs.insert(vmid(103), config);
        let own = Own::resolve(&runs(Some("uuid-1")), &state, &configs).unwrap();
        assert!(own.is_core(&Thing::Node("agent1".parse().unwrap())));
        assert!(own.includes(&Thing::Storage("agent1/nas".parse().unwrap())));

        state.guests.insert(vmid(103), Arc::new(guest(103, "pve")));
        let own = Own::resolve(&runs(Some("uuid-1")), &state, &configs).unwrap();
        assert!(own.is_core(&Thing::Node("pve".parse().unwrap())));
        assert!(!own.includes(&Thing::Node("agent1".parse().unwrap())));

        assert_eq!(
            Own::resolve(&runs(Some("uuid-2")), &state, &configs),
            Err(OwnError::GuestReplaced(vmid(103)))
        );
    }
}
