//! The cluster under the names and labels of prometheus-pve-exporter, so that its dashboards and alerts work.
//!
//! What is not seen any more is left out: a graph with a gap is right, a flat line is a lie. Only a node that the
//! cluster itself calls offline is `pve_up 0`.

use jarvis_core::cluster::{
    ClusterState, Guest, GuestKind, GuestStatus, Node, NodeStatus, SourceId, SourceState, Storage,
    StorageStatus,
};

use super::families::Families;

/// Writes every family of the cluster.
pub fn collect(out: &mut Families, state: &ClusterState, now_ms: i64) {
    let seen = Seen { state, now_ms };
    seen.cluster(out);
    for node in state.nodes.values().filter(|n| seen.source(&n.src)) {
        seen.node(out, node);
    }
    for guest in state.guests.values().filter(|g| seen.source(&g.src)) {
        seen.guest(out, guest);
    }
    for (id, storage) in state.storages.iter().filter(|(_, s)| seen.source(&s.src)) {
        seen.storage(out, &format!("storage/{id}"), storage);
    }
}

struct Seen<'a> {
    state: &'a ClusterState,
    now_ms: i64,
}

fn id(id: &str) -> Vec<(&'static str, String)> {
    vec![("id", id.to_owned())]
}

fn flag(value: bool) -> String {
    u8::from(value).to_string()
}

impl Seen<'_> {
    /// Whether a source still answers; late is not lost.
    fn source(&self, id: &SourceId) -> bool {
        let state = self.state.sources.get(id).map(|s| s.state);
        matches!(state, Some(SourceState::Fresh | SourceState::Late))
    }

    fn uptime_s(&self, started_ms: Option<i64>) -> Option<u64> {
        u64::try_from(self.now_ms.saturating_sub(started_ms?) / 1_000).ok()
    }

    fn cluster(&self, out: &mut Families) {
        let Some(cluster) = &self.state.cluster else { return };
        if !self.source(&SourceId::membership()) {
            return;
        }
        let name = format!("cluster/{}", cluster.name);
        out.gauge(
            "pve_up",
            "Node is online, guest is running, cluster is quorate",
            id(&name),
            cluster.quorate,
        );
        if let Some(quorate) = cluster.quorate {
            let labels = vec![
                ("id", name),
                ("nodes", cluster.nodes_total.to_string()),
                ("quorate", flag(quorate)),
                ("version", self.state.config_version().map_or_else(String::new, |v| v.to_string())),
            ];
            out.gauge("pve_cluster_info", "The cluster", labels, Some(true));
        }
        if let Some(version) = &cluster.pve_version {
            let release = version.split('.').take(2).collect::<Vec<_>>().join(".");
            let labels = vec![("release", release), ("repoid", String::new()), ("version", version.clone())];
            out.gauge("pve_version_info", "Version of Proxmox VE", labels, Some(true));
        }
    }

    fn node(&self, out: &mut Families, node: &Node) {
        let name = format!("node/{}", node.name);
        let up = match node.status {
            NodeStatus::Online => Some(true),
            NodeStatus::Offline => Some(false),
            NodeStatus::Unknown => None,
        };
        out.gauge("pve_up", "Node is online, guest is running, cluster is quorate", id(&name), up);
        let (nodeid, level) = self.state.enrolment(&node.name);
        let labels = vec![
            ("id", name.clone()),
            ("level", level.unwrap_or_default().to_owned()),
            ("name", node.name.to_string()),
            ("nodeid", nodeid.map_or_else(String::new, |id| id.to_string())),
        ];
        out.gauge("pve_node_info", "A node", labels, Some(true));
        if node.as_of_ms.is_some() || up != Some(true) {
            return;
        }
        usage(
            out,
            &name,
            &Usage {
                cpu: node.cpu,
                cpu_cores: node.cpu_cores.map(f64::from),
                mem: (node.mem_used_bytes, node.mem_total_bytes),
                disk: (node.disk_used_bytes, node.disk_total_bytes),
                uptime_s: self.uptime_s(node.started_ms),
            },
        );
        if self.source(&SourceId::node(&node.name)) {
            out.gauge("jarvis_node_load1", "Load average over one minute", id(&name), node.load1);
            out.gauge("jarvis_node_iowait_ratio", "Share of time waiting for disks", id(&name), node.iowait);
        }
        if self.source(&SourceId::sensors(&node.name)) {
            let help = "Temperature of the hottest sensor";
            out.gauge("jarvis_node_temperature_celsius", help, id(&name), node.temp_c);
        }
    }

    fn guest(&self, out: &mut Families, guest: &Guest) {
        let kind = match guest.kind {
            GuestKind::Qemu => "qemu",
            GuestKind::Lxc => "lxc",
        };
        let name = format!("{kind}/{}", guest.vmid);
        let labels = vec![
            ("id", name.clone()),
            ("node", guest.node.to_string()),
            ("name", guest.name.as_deref().unwrap_or_default().to_owned()),
            ("type", kind.to_owned()),
            ("template", flag(guest.template)),
            ("tags", guest.tags.as_str().to_owned()),
        ];
        out.gauge("pve_guest_info", "A VM or container", labels, Some(true));
        // On a lost node nobody knows: not seen is not down.
        if guest.as_of_ms.is_some() || guest.status == GuestStatus::Unknown {
            return;
        }
        let up = guest.status == GuestStatus::Running;
        out.gauge("pve_up", "Node is online, guest is running, cluster is quorate", id(&name), Some(up));
        usage(
            out,
            &name,
            &Usage {
                cpu: guest.cpu,
                cpu_cores: guest.cpu_cores,
                mem: (guest.mem_used_bytes, guest.mem_total_bytes),
                disk: (guest.disk_used_bytes, guest.disk_total_bytes),
                uptime_s: if up { self.uptime_s(guest.started_ms) } else { Some(0) },
            },
        );
        for (family, help, state) in [
            ("pve_ha_state", "HA state of the guest", &guest.ha_state),
            ("pve_lock_state", "Lock on the guest's configuration", &guest.lock),
        ] {
            if let Some(state) = state {
                let labels = vec![("id", name.clone()), ("state", state.clone())];
                out.gauge(family, help, labels, Some(true));
            }
        }
        if let Some(c) = self.state.counters(guest.vmid).filter(|_| up) {
            out.counter("pve_network_receive_bytes", "Received since it started", id(&name), c.net_in_bytes);
            out.counter("pve_network_transmit_bytes", "Sent since it started", id(&name), c.net_out_bytes);
            out.counter("pve_disk_read_bytes", "Read since it started", id(&name), c.disk_read_bytes);
            out.counter("pve_disk_written_bytes", "Written since it started", id(&name), c.disk_write_bytes);
        }
    }

    fn storage(&self, out: &mut Families, name: &str, storage: &Storage) {
        let labels = vec![
            ("id", name.to_owned()),
            ("node", storage.node.to_string()),
            ("storage", storage.storage.clone()),
            ("plugintype", storage.plugin.clone().unwrap_or_default()),
            ("content", storage.content.join(",")),
        ];
        out.gauge("pve_storage_info", "A storage as one node sees it", labels, Some(true));
        out.gauge("pve_storage_shared", "Whether nodes share it", id(name), Some(storage.shared));
        if storage.as_of_ms.is_none() && storage.status == StorageStatus::Available {
            out.gauge("pve_disk_size_bytes", "Size of the disk or storage", id(name), storage.total_bytes);
            out.gauge("pve_disk_usage_bytes", "Used of the disk or storage", id(name), storage.used_bytes);
        }
    }
}

struct Usage {
    cpu: Option<f64>,
    cpu_cores: Option<f64>,
    mem: (Option<u64>, Option<u64>),
    disk: (Option<u64>, Option<u64>),
    uptime_s: Option<u64>,
}

fn usage(out: &mut Families, name: &str, usage: &Usage) {
    out.gauge("pve_cpu_usage_ratio", "Share of its CPUs in use", id(name), usage.cpu);
    out.gauge("pve_cpu_usage_limit", "CPUs it may use", id(name), usage.cpu_cores);
    out.gauge("pve_memory_usage_bytes", "Memory in use", id(name), usage.mem.0);
    out.gauge("pve_memory_size_bytes", "Memory it has", id(name), usage.mem.1);
    out.gauge("pve_disk_usage_bytes", "Used of the disk or storage", id(name), usage.disk.0);
    out.gauge("pve_disk_size_bytes", "Size of the disk or storage", id(name), usage.disk.1);
    out.gauge("pve_uptime_seconds", "Time since it started", id(name), usage.uptime_s);
}
