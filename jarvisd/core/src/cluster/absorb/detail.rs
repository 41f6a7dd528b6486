//! What a node says of itself on the slower loops: load, swap, kernel; temperature, shares, failed units.

use std::sync::Arc;

use crate::cluster::{
    ClusterState, Node,
    reading::{NodeDetail, Sensors},
    round,
};

pub(super) fn take(state: &mut ClusterState, detail: &NodeDetail, at_ms: i64) {
    let Some(node) = state.nodes.get_mut(&detail.node) else { return };
    let mut next = Node::clone(node);
    let [load1, load5, load15] = detail.load.map_or([None; 3], |l| l.map(round::load));
    next.load1 = load1;
    next.load5 = load5;
    next.load15 = load15;
    next.iowait = round::share(detail.iowait);
    next.swap_total_bytes = detail.swap_total_bytes;
    next.swap_used_bytes = round::used(detail.swap_used_bytes, detail.swap_total_bytes);
    next.cpu_model = detail.cpu_model.clone().or(next.cpu_model);
    next.kernel = detail.kernel.clone().or(next.kernel);
    next.pve_version = detail.pve_version.clone().or(next.pve_version);
    next.detail_as_of_ms = Some(at_ms);
    *node = Arc::new(next);
}

pub(super) fn sense(state: &mut ClusterState, sensors: &Sensors, at_ms: i64) {
    let Some(node) = state.nodes.get_mut(&sensors.node) else { return };
    let mut next = Node::clone(node);
    // A part that could not be read is not known now; the others are.
    next.temp_c = sensors.temp_c.and_then(round::celsius);
    next.shares_mounted = sensors.shares.as_ref().map(|shares| shares.count);
    next.shares_dead = sensors.shares.as_ref().map(|shares| shares.dead.clone());
    next.units_failed.clone_from(&sensors.units_failed);
    next.sensors_as_of_ms = Some(at_ms);
    *node = Arc::new(next);
}
