//! The graph from the published state, guest and storage configuration, and the declared links.

use std::collections::BTreeMap;

use super::{Graph, Need, Own, Thing};
use crate::{
    cluster::{ClusterState, GuestStatus, NodeName, NodeStatus, StorageId, Vmid},
    tools::words::{ContainerName, HostName},
};

/// What the configuration of a guest says about its dependencies; read at the door, plain here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestConfig {
    /// SMBIOS uuid of a VM, or the creation time of a container: tells a reused VMID from the same guest.
    pub identity: Option<String>,
    /// Names of the storages its disks are on, without the node.
    pub storages: Vec<String>,
    /// Bridges its network cards are plugged into.
    pub bridges: Vec<String>,
    /// Addresses known for it, to find the guest behind a storage's server.
    pub addresses: Vec<String>,
    /// Servers whose shares it has mounted.
    pub share_servers: Vec<String>,
    pub onboot: bool,
    /// `startup: order=N`.
    pub boot_order: Option<u32>,
}

/// What the cluster's storage configuration says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageConfig {
    /// Address of the server of an NFS, CIFS, PBS or iSCSI storage.
    pub server: Option<String>,
}

/// A container and what its Docker daemon runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPlace {
    pub host: HostName,
    pub name: ContainerName,
    /// The guest or node the Docker daemon runs on.
    pub on: Thing,
    /// Known not to be running.
    pub down: bool,
}

/// A link that cannot be seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    pub dependent: Thing,
    pub on: Thing,
    pub need: Need,
}

/// Everything the graph is made of.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    pub state: &'a ClusterState,
    pub guests: &'a BTreeMap<Vmid, GuestConfig>,
    /// By name, without the node.
    pub storages: &'a BTreeMap<String, StorageConfig>,
    pub containers: &'a [ContainerPlace],
    pub declared: &'a [Declared],
    pub own: &'a Own,
}

impl Graph {
    pub fn derive(inputs: &Inputs<'_>) -> Self {
        let mut graph = Self::default();
        let served_by = servers(inputs);
        graph.nodes_and_storages(inputs, &served_by);
        graph.guests(inputs, &served_by);
        graph.boot_order(inputs);
        for place in inputs.containers {
            let container = Thing::Container { host: place.host.clone(), name: place.name.clone() };
            let docker = Thing::Docker(place.host.clone());
            graph.link(container.clone(), docker.clone(), Need::Hard);
            graph.link(docker, place.on.clone(), Need::Hard);
            if place.down {
                graph.mark_down(container);
            }
        }
        for link in inputs.declared {
            graph.link(link.dependent.clone(), link.on.clone(), link.need);
        }
        for part in inputs.own.parts() {
            graph.link(Thing::Jarvis, part.clone(), Need::Hard);
        }
        graph
    }

    fn nodes_and_storages(&mut self, inputs: &Inputs<'_>, served_by: &BTreeMap<&str, Thing>) {
        for (name, node) in &inputs.state.nodes {
            if node.status == NodeStatus::Offline {
                self.mark_down(Thing::Node(name.clone()));
            }
        }
        for (id, storage) in &inputs.state.storages {
            let thing = Thing::Storage(id.clone());
            // What one node sees of a storage is gone with the node, shared or not.
            self.link(thing.clone(), Thing::Node(storage.node.clone()), Need::Hard);
            let server = inputs.storages.get(&storage.storage).and_then(|config| config.server.as_deref());
            if let Some(server) = server.and_then(|address| served_by.get(address)) {
                self.link(thing, server.clone(), Need::Hard);
            }
        }
    }

    fn guests(&mut self, inputs: &Inputs<'_>, served_by: &BTreeMap<&str, Thing>) {
        for (vmid, guest) in &inputs.state.guests {
            let thing = Thing::Guest(*vmid);
            self.link(thing.clone(), Thing::Node(guest.node.clone()), Need::Hard);
            if guest.status == GuestStatus::Stopped {
                self.mark_down(thing.clone());
            }
            let Some(config) = inputs.guests.get(vmid) else { continue };
            for storage in &config.storages {
                if let Ok(id) = StorageId::new(&guest.node, storage) {
                    self.link(thing.clone(), Thing::Storage(id), Need::Hard);
                }
            }
            for name in &config.bridges {
                let bridge = bridge(&guest.node, name);
                self.link(bridge.clone(), Thing::Node(guest.node.clone()), Need::Hard);
                self.link(thing.clone(), bridge, Need::Soft);
            }
            for server in config.share_servers.iter().filter_map(|address| served_by.get(address.as_str())) {
                self.link(thing.clone(), server.clone(), Need::Soft);
            }
        }
    }

    /// A guest that is told to boot after others on its node is taken to lean on those right before it.
    fn boot_order(&mut self, inputs: &Inputs<'_>) {
        let mut by_node: BTreeMap<&NodeName, BTreeMap<u32, Vec<Vmid>>> = BTreeMap::new();
        for (vmid, guest) in &inputs.state.guests {
            let config = inputs.guests.get(vmid).filter(|config| config.onboot);
            if let Some(order) = config.and_then(|config| config.boot_order) {
                by_node.entry(&guest.node).or_default().entry(order).or_default().push(*vmid);
            }
        }
        for orders in by_node.values() {
            for (earlier, later) in orders.values().zip(orders.values().skip(1)) {
                for (first, then) in earlier.iter().flat_map(|a| later.iter().map(move |b| (*a, *b))) {
                    self.link(Thing::Guest(then), Thing::Guest(first), Need::Soft);
                }
            }
        }
    }
}

/// Which guest or node stands behind an address or name.
fn servers<'a>(inputs: &Inputs<'a>) -> BTreeMap<&'a str, Thing> {
    let mut map = BTreeMap::new();
    for (name, node) in &inputs.state.nodes {
        map.insert(name.as_str(), Thing::Node(name.clone()));
        if let Some(ip) = &node.ip {
            map.insert(ip.as_str(), Thing::Node(name.clone()));
        }
    }
    for (vmid, config) in inputs.guests {
        for address in &config.addresses {
            map.insert(address.as_str(), Thing::Guest(*vmid));
        }
    }
    map
}

pub(super) fn bridge(node: &NodeName, name: &str) -> Thing {
    Thing::Bridge { node: node.clone(), name: name.to_owned() }
}
