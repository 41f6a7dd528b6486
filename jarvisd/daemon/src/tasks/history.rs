//! Every ten seconds one sample of every live figure goes to the store.
//!
//! Only what is really known now: a frozen, late or unknown figure leaves a gap, which a chart then shows as
//! a gap. Not here: how samples are kept and rolled up (`store::history`).

use std::time::Duration;

use jarvis_core::cluster::{
    ClusterState, Guest, GuestKind, Node, NodeStatus, SourceId, SourceState, Storage,
};

use crate::{
    clock::Clock,
    state::StateHub,
    store::{Sample, Store},
    supervisor::{Loop, OnStop, Supervisor},
};

/// Proxmox renews its figures every 10 s; more samples would only repeat them.
pub const PERIOD: Duration = Duration::from_secs(10);

pub fn start(supervisor: &Supervisor, state: StateHub, store: Store, clock: Clock) {
    let this = Loop::every("history", PERIOD, OnStop::Finish);
    supervisor.start(this, move || {
        let (state, store) = (state.clone(), store.clone());
        async move {
            let taken = samples(&state.current().1, clock.now_ms());
            if taken.is_empty() {
                return;
            }
            match store.history().append(taken).await {
                Ok(done) if done.refused > 0 => {
                    tracing::warn!(refused = done.refused, "samples were refused: there are too many series");
                }
                Ok(_) => {}
                // The gap in the chart says the rest.
                Err(error) => tracing::warn!(%error, "history could not be stored"),
            }
        }
    });
}

/// Every live figure of a state, at `t_ms`.
pub fn samples(state: &ClusterState, t_ms: i64) -> Vec<Sample> {
    let fresh = |id: &SourceId| state.sources.get(id).is_some_and(|s| s.state == SourceState::Fresh);
    if !fresh(&SourceId::resources()) {
        return Vec::new();
    }
    let mut out = Samples { t_ms, all: Vec::new() };
    let mut whole = Whole::default();
    // An offline node that was never seen alive has no time since when; it has no figures either.
    for node in state.nodes.values().filter(|n| n.as_of_ms.is_none() && n.status == NodeStatus::Online) {
        out.node(node, fresh(&SourceId::node(&node.name)));
        if fresh(&SourceId::sensors(&node.name)) {
            out.put(&format!("node/{}", node.name), "temp_c", node.temp_c);
        }
        whole.node(node);
    }
    for guest in state.guests.values().filter(|g| g.as_of_ms.is_none()) {
        out.guest(guest);
        whole.guest(guest);
    }
    for storage in state.storages.values().filter(|s| s.as_of_ms.is_none()) {
        out.storage(storage);
    }
    out.whole(&whole);
    out.all
}

struct Samples {
    t_ms: i64,
    all: Vec<Sample>,
}

impl Samples {
    fn put(&mut self, entity: &str, metric: &'static str, value: Option<f64>) {
        if let Some(value) = value {
            self.all.push(Sample { entity: entity.to_owned(), metric, t_ms: self.t_ms, value });
        }
    }

    fn node(&mut self, node: &Node, details: bool) {
        let entity = format!("node/{}", node.name);
        self.put(&entity, "cpu", node.cpu);
        self.put(&entity, "mem_used_bytes", node.mem_used_bytes.map(real));
        self.put(&entity, "mem_total_bytes", node.mem_total_bytes.map(real));
        self.put(&entity, "disk_used_bytes", node.disk_used_bytes.map(real));
        if details {
            self.put(&entity, "load1", node.load1);
            self.put(&entity, "iowait", node.iowait);
        }
    }

    fn guest(&mut self, guest: &Guest) {
        let entity = match guest.kind {
            GuestKind::Qemu => format!("qemu/{}", guest.vmid),
            GuestKind::Lxc => format!("lxc/{}", guest.vmid),
        };
        self.put(&entity, "cpu", guest.cpu);
        self.put(&entity, "mem_used_bytes", guest.mem_used_bytes.map(real));
        // A guest that is off has a size, but nothing that moves: no line is drawn for it.
        if guest.mem_used_bytes.is_some() {
            self.put(&entity, "mem_total_bytes", guest.mem_total_bytes.map(real));
        }
        self.put(&entity, "disk_used_bytes", guest.disk_used_bytes.map(real));
        self.put(&entity, "net_in_bps", guest.net_in_bps.map(real));
        self.put(&entity, "net_out_bps", guest.net_out_bps.map(real));
        self.put(&entity, "disk_read_bps", guest.disk_read_bps.map(real));
        self.put(&entity, "disk_write_bps", guest.disk_write_bps.map(real));
    }

    fn storage(&mut self, storage: &Storage) {
        let entity = format!("storage/{}/{}", storage.node, storage.storage);
        self.put(&entity, "disk_used_bytes", storage.used_bytes.map(real));
    }

    fn whole(&mut self, whole: &Whole) {
        let cpu = (whole.cores > 0.0).then(|| whole.busy / whole.cores);
        self.put("cluster", "cpu", cpu);
        self.put("cluster", "mem_used_bytes", whole.mem_used.map(real));
        self.put("cluster", "mem_total_bytes", whole.mem_total.map(real));
        self.put("cluster", "net_in_bps", whole.net_in.map(real));
        self.put("cluster", "net_out_bps", whole.net_out.map(real));
    }
}

/// Sums over what is live.
#[derive(Default)]
struct Whole {
    busy: f64,
    cores: f64,
    mem_used: Option<u64>,
    mem_total: Option<u64>,
    net_in: Option<u64>,
    net_out: Option<u64>,
}

impl Whole {
    fn node(&mut self, node: &Node) {
        if let (Some(cpu), Some(cores)) = (node.cpu, node.cpu_cores) {
            self.busy += cpu * f64::from(cores);
            self.cores += f64::from(cores);
        }
        add(&mut self.mem_used, node.mem_used_bytes);
        add(&mut self.mem_total, node.mem_total_bytes);
    }

    fn guest(&mut self, guest: &Guest) {
        add(&mut self.net_in, guest.net_in_bps);
        add(&mut self.net_out, guest.net_out_bps);
    }
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

#[expect(clippy::as_conversions, reason = "no lossless conversion exists; exact up to 2^53, which is 8 PiB")]
fn real(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use jarvis_core::cluster::reading::{NodeRow, Part, Reading, Resources};

    use super::*;

    fn state(at_ms: i64, status: NodeStatus) -> ClusterState {
        let live = status == NodeStatus::Online;
        let node = NodeRow {
            name: "pve".parse().unwrap(),
            status,
            cpu: live.then_some(0.25),
            cpu_cores: Some(8),
            mem_used_bytes: live.then_some(1 << 30),
            mem_total_bytes: Some(1 << 34),
            disk_used_bytes: None,
            disk_total_bytes: None,
            uptime_s: live.then_some(100),
        };
        let part = Part::Resources(Resources { nodes: vec![node], ..Resources::default() });
        let source = SourceId::resources();
        let reading = Reading { source, at_ms, interval_ms: 1_000, via: None, part: Ok(part), odd_rows: 0 };
        ClusterState::default().absorb(&[reading], at_ms)
    }

    #[test]
    fn live_figures_are_sampled_under_the_names_of_proxmox() {
        let taken = samples(&state(1_000, NodeStatus::Online), 10_000);
        let names: Vec<String> =
            taken.iter().map(|s| format!("{} {} {}", s.entity, s.metric, s.value)).collect();
        assert_eq!(
            names,
            [
                "node/pve cpu 0.25",
                "node/pve mem_used_bytes 1073741824",
                "node/pve mem_total_bytes 17179869184",
                "cluster cpu 0.25",
                "cluster mem_used_bytes 1073741824",
                "cluster mem_total_bytes 17179869184",
            ]
        );
        assert!(taken.iter().all(|s| s.t_ms == 10_000));
    }

    #[test]
    fn what_is_frozen_late_or_lost_leaves_a_gap() {
        let live = state(1_000, NodeStatus::Online);
        assert!(!samples(&live.absorb(&[], 2_500), 2_500).is_empty());
        for now_ms in [3_100, 5_900, 60_000] {
            assert!(samples(&live.absorb(&[], now_ms), now_ms).is_empty(), "{now_ms}");
        }
        let gone = state(1_000, NodeStatus::Offline);
        assert!(samples(&gone, 1_000).iter().all(|s| s.entity != "node/pve" && s.metric != "cpu"), "offline");
    }
}
