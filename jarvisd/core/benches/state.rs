//! What one poll costs: absorbing an answer and finding what changed, by size of the cluster.
//!
//! Ten per cent or all guests changed since the last answer; a quiet answer is there for comparison.

#![expect(clippy::as_conversions, clippy::expect_used, reason = "made-up figures")]

use divan::{Bencher, black_box};
use jarvis_core::{
    cluster::{
        ClusterState, GuestKind, GuestStatus, NodeName, NodeStatus, SourceId, Vmid, activity, diff,
        reading::{GuestRow, Member, Membership, NodeRow, Part, Reading, Resources, StorageRow},
    },
    protocol::{Entities, ServerFrame},
};

const T0: i64 = 1_790_000_000_000;
const SIZES: [u32; 3] = [50, 2_000, 10_000];
const NODES: u32 = 50;

fn main() {
    divan::main();
}

fn node_name(i: u32) -> NodeName {
    format!("node{}", i % NODES).parse().expect("a node name")
}

fn vmid(i: u32) -> Vmid {
    (100 + i).try_into().expect("a VMID")
}

/// Row `i` after `round` rounds of ten seconds.
fn guest(i: u32, round: u64) -> GuestRow {
    let noise = (u64::from(i) * 7_919 + round * 104_729) % 1_000;
    GuestRow {
        vmid: vmid(i),
        kind: if i.is_multiple_of(3) { GuestKind::Lxc } else { GuestKind::Qemu },
        node: node_name(i),
        status: GuestStatus::Running,
        name: Some(format!("guest-{i}").into()),
        template: Some(false),
        tags: Some("docker;prod".into()),
        cpu: Some(noise as f64 / 1_000.0),
        cpu_cores: Some(4.0),
        mem_used_bytes: Some((1 << 30) + noise * (1 << 20)),
        mem_total_bytes: Some(8 << 30),
        mem_host_bytes: Some((1 << 30) + noise * (1 << 20)),
        disk_used_bytes: Some((4 << 30) + noise * (1 << 20)),
        disk_total_bytes: Some(32 << 30),
        uptime_s: Some(5_000 + round * 10),
        lock: None,
        pool: Some("lab".into()),
        ha_state: None,
        net_in_bytes: Some(round * 10_000_000 + noise * 10_000),
        net_out_bytes: Some(round * 1_000_000 + noise * 1_000),
        disk_read_bytes: Some(round * 500_000 + noise * 700),
        disk_write_bytes: Some(round * 900_000 + noise * 900),
    }
}

fn resources(guests: u32, changed: u32, round: u64, at_ms: i64) -> Reading {
    let nodes = (0..NODES).map(|i| NodeRow {
        name: node_name(i),
        status: NodeStatus::Online,
        cpu: Some(0.1 + round as f64 / 100.0),
        cpu_cores: Some(32),
        mem_used_bytes: Some((20 << 30) + round * (1 << 24)),
        mem_total_bytes: Some(128 << 30),
        disk_used_bytes: Some(20 << 30),
        disk_total_bytes: Some(100 << 30),
        uptime_s: Some(1_000_000 + round * 10),
    });
    let storages = (0..NODES).map(|i| StorageRow {
        node: node_name(i),
        storage: "local".into(),
        status: jarvis_core::cluster::StorageStatus::Available,
        shared: Some(false),
        plugin: Some("dir".into()),
        content: Some(vec!["backup".into()]),
        used_bytes: Some(10 << 30),
        total_bytes: Some(100 << 30),
    });
    // Proxmox gives rows in an order of its own: here, by a stride.
    let guests =
        (0..guests).map(|i| (i * 7_919) % guests).map(|i| guest(i, if i < changed { round } else { 0 }));
    let answer = Resources { nodes: nodes.collect(), guests: guests.collect(), storages: storages.collect() };
    let source = SourceId::resources();
    Reading { source, at_ms, interval_ms: 1_000, via: None, part: Ok(Part::Resources(answer)), odd_rows: 0 }
}

fn membership(at_ms: i64) -> Reading {
    let nodes = (0..NODES).map(|i| Member { local: i == 0, ..Member::named(node_name(i), true) }).collect();
    let answer = Membership { cluster_name: Some("bench".into()), quorate: Some(true), version: None, nodes };
    let source = SourceId::membership();
    Reading { source, at_ms, interval_ms: 1_000, via: None, part: Ok(Part::Membership(answer)), odd_rows: 0 }
}

/// A cluster that has been watched for two rounds, and the answer that follows.
fn next(guests: u32, changed: u32) -> (ClusterState, Vec<Reading>, i64) {
    let mut state = ClusterState::default();
    for round in 0..2 {
        let at = T0 + i64::try_from(round).expect("small") * 10_000;
        state = state.absorb(&[membership(at), resources(guests, changed, round, at)], at);
    }
    let at = T0 + 20_000;
    let last = if changed == 0 { 0 } else { 2 };
    (state, vec![resources(guests, changed, last, at)], at)
}

fn absorb_and_diff(bencher: Bencher, guests: u32, changed: u32) {
    let (state, readings, at) = next(guests, changed);
    bencher.bench_local(|| {
        let next = black_box(&state).absorb(black_box(&readings), at);
        let changes = diff(&state, &next);
        // The states are dropped later in the daemon, but somebody pays for it.
        (next, changes)
    });
}

#[divan::bench(args = SIZES)]
fn absorb_diff_quiet(bencher: Bencher, guests: u32) {
    absorb_and_diff(bencher, guests, 0);
}

#[divan::bench(args = SIZES)]
fn absorb_diff_tenth(bencher: Bencher, guests: u32) {
    absorb_and_diff(bencher, guests, guests / 10);
}

#[divan::bench(args = SIZES)]
fn absorb_diff_all(bencher: Bencher, guests: u32) {
    absorb_and_diff(bencher, guests, guests);
}

#[divan::bench(args = SIZES)]
fn activity_all(bencher: Bencher, guests: u32) {
    let (state, readings, at) = next(guests, guests);
    let after = state.absorb(&readings, at);
    bencher.bench_local(|| activity(black_box(&state), black_box(&after), at));
}

#[divan::bench(args = SIZES)]
fn change_frame_all(bencher: Bencher, guests: u32) {
    let (state, readings, at) = next(guests, guests);
    let (up, del) = diff(&state, &state.absorb(&readings, at));
    let frame = ServerFrame::Change { channel: "cluster".into(), seq: 1, ts_ms: at, up, del };
    bencher.bench_local(|| serde_json::to_string(black_box(&frame)));
}

#[divan::bench(args = SIZES)]
fn snapshot_frame(bencher: Bencher, guests: u32) {
    let (state, _, at) = next(guests, guests);
    bencher.bench_local(|| {
        let entities = Some(Entities::from(black_box(&state)));
        serde_json::to_string(&ServerFrame::Snapshot {
            channel: "cluster".into(),
            seq: 1,
            ts_ms: at,
            entities,
            events: None,
            acting: None,
        })
    });
}
