mod belief;

use super::*;
use crate::cluster::{
    reading::{GuestRow, NodeRow, Resources},
    testing::*,
    *,
};

fn g(state: &ClusterState, id: u32) -> &Guest {
    &state.guests[&vmid(id)]
}

fn n<'a>(state: &'a ClusterState, id: &str) -> &'a Node {
    &state.nodes[id]
}

fn headline(state: &ClusterState) -> &str {
    &state.cluster.as_ref().unwrap().headline
}

#[test]
fn a_healthy_cluster_is_steady_and_says_so() {
    let state = healthy(25);
    let cluster = state.cluster.as_ref().unwrap();
    assert_eq!(cluster.headline, "Everything is steady.");
    assert_eq!(cluster.detail, "2 of 2 nodes online, with quorum; 2 of 3 guests running.");
    assert_eq!((cluster.health, cluster.quorate, cluster.quorum), (Health::Ok, Some(true), Some(2)));
    assert_eq!((n(&state, "pve").status, n(&state, "pve").health), (NodeStatus::Online, Health::Ok));
    let guest = g(&state, 100);
    assert_eq!((guest.status, guest.health, guest.disk_used_bytes), (GuestStatus::Running, Health::Ok, None));
    assert_eq!((g(&state, 101).health, g(&state, 101).cpu), (Health::Off, None));
    assert_eq!(guest.net_in_bps, Some(1_000), "10,000 bytes in a round of 10 s");
    assert_eq!(guest.started_ms, Some(T0 - 1_000_000));
    assert_eq!(guest.as_of_ms, None);
}

#[test]
fn a_quiet_answer_changes_nothing_but_its_sources() {
    let a = healthy(20);
    let at = T0 + 21_000;
    let b = a.absorb(&[membership(at, members(&ALL, true)), rows(at, world(at)), tasks(at, vec![])], at);
    let (up, del) = diff(&a, &b);
    assert!(del.is_empty());
    assert!(up.iter().all(|u| matches!(u, crate::protocol::Upsert::Source(..))), "{up:?}");
    assert!(a.guests.iter().all(|(id, g)| std::sync::Arc::ptr_eq(g, &b.guests[id])), "records are shared");
}

#[test]
fn lost_quorum_is_said_first() {
    let at = T0 + 21_000;
    let seen = members(&[("pve", true), ("agent1", false)], false);
    let mut answer = world(at);
    answer.nodes[1] = node_gone("agent1", NodeStatus::Offline);
    let state = healthy(20).absorb(&[membership(at, seen), rows(at, answer)], at);
    assert_eq!(headline(&state), "The cluster has lost quorum.");
    assert!(state.cluster.as_ref().unwrap().detail.contains("Offline: agent1"));
}

#[test]
fn sources_age_and_no_value_pretends() {
    let fresh = healthy(20);
    for (s, sight, text) in [
        (2, SourceState::Fresh, "Everything is steady."),
        (3, SourceState::Late, "My view of the cluster is late."),
        (5, SourceState::Late, "My view of the cluster is late."),
        (6, SourceState::Lost, "I have lost sight of the cluster."),
    ] {
        let state = fresh.absorb(&[], T0 + (20 + s) * 1_000);
        let cluster = state.cluster.as_ref().unwrap();
        assert_eq!((cluster.sight, cluster.headline.as_str()), (sight, text), "+{s}");
        let lost = sight == SourceState::Lost;
        assert_eq!(g(&state, 100).health == Health::Unknown, lost, "+{s}");
        assert_eq!(g(&state, 100).as_of_ms.is_some(), lost);
        assert_eq!(n(&state, "pve").health == Health::Unknown, lost);
        assert_eq!(cluster.quorate.is_none(), lost);
        assert_eq!((cluster.nodes_online, cluster.guests_running), (2, 2), "not seen is never down");
        assert_eq!(g(&state, 100).status, GuestStatus::Running);
    }
    let mut state = fresh.clone();
    for s in 21..30 {
        let at = T0 + s * 1_000;
        state = state.absorb(&[failed(SourceId::resources(), at, "connection refused")], at);
    }
    let source = &state.sources[&SourceId::resources()];
    assert_eq!(source.error_since_ms, Some(T0 + 21_000), "since the first failure");
    assert_eq!(source.seen_ms, Some(T0 + 20_000));
    assert!(state.cluster.as_ref().unwrap().detail.contains("Connection refused"));
    let at = T0 + 31_000;
    state = state.absorb(&[membership(at, members(&ALL, true)), rows(at, world(at)), tasks(at, vec![])], at);
    assert_eq!(headline(&state), "Everything is steady.");
    assert_eq!((g(&state, 100).health, g(&state, 100).as_of_ms), (Health::Ok, None));
    assert_eq!(state.sources[&SourceId::resources()].error, None);
}

#[test]
fn what_was_never_seen_is_not_steady() {
    let at = T0 + 1_000;
    let seen = [membership(at, members(&ALL, true)), rows(at, world(at))];
    let blind = failed(SourceId::tasks(), at, "permission check failed");
    let state = ClusterState::default().absorb(&seen, at).absorb(&[blind], at);
    let cluster = state.cluster.as_ref().unwrap();
    assert_eq!((headline(&state), cluster.health), ("I cannot see running tasks.", Health::Attention));
    assert!(cluster.detail.starts_with("Permission check failed. 2 of 2 nodes online"), "{}", cluster.detail);

    let mut silent = members(&ALL, true);
    silent.quorate = None;
    let at = T0 + 21_000;
    let state = healthy(20).absorb(&[membership(at, silent), rows(at, world(at))], at);
    let cluster = state.cluster.as_ref().unwrap();
    assert_eq!(headline(&state), "I do not know whether the cluster has quorum.");
    assert_eq!((cluster.quorate, cluster.health), (None, Health::Attention));
}

#[test]
fn before_the_first_answer_nothing_is_claimed() {
    let state = ClusterState::default().absorb(&[], T0);
    assert!(state.cluster.is_none());
    let state = state.absorb(&[failed(SourceId::resources(), T0, "certificate is not trusted")], T0);
    let cluster = state.cluster.as_ref().unwrap();
    assert_eq!(
        (cluster.headline.as_str(), cluster.sight),
        ("I cannot see the cluster.", SourceState::Waiting)
    );
    assert_eq!(cluster.detail, "certificate is not trusted");
    let token = Resources {
        nodes: vec![NodeRow { mem_total_bytes: None, ..node_gone("pve", NodeStatus::Online) }],
        ..Resources::default()
    };
    let half = ClusterState::default()
        .absorb(&[rows(T0, token.clone()), failed(SourceId::membership(), T0, "no right to it")], T0);
    assert_eq!(headline(&half), "I cannot see quorum and membership.", "the rows are there");
    let state = ClusterState::default()
        .absorb(&[membership(T0, members(&[("pve", true)], true)), rows(T0, token)], T0);
    assert_eq!(headline(&state), "I may not be seeing the whole cluster.", "a token without rights is named");
}

#[test]
fn a_start_time_does_not_jitter_with_the_age_of_the_uptime() {
    let mut state = healthy(0);
    let mut starts = std::collections::BTreeSet::new();
    for s in 1..200 {
        let at = T0 + s * 1_000 + (s * 137) % 900;
        state = state.absorb(&[membership(at, members(&ALL, true)), rows(at, world(at))], at);
        starts.insert((g(&state, 100).started_ms, n(&state, "pve").started_ms));
    }
    assert_eq!(starts.len(), 1, "{starts:?}");
}

#[test]
fn a_counter_that_went_back_gives_no_rate() {
    let state = healthy(20);
    let at = T0 + 30_000;
    let mut answer = world(at);
    answer.guests[0] = guest(100, "pve", 4);
    let reset = state.absorb(&[rows(at, answer)], at);
    let guest_now = g(&reset, 100);
    assert_eq!((guest_now.net_in_bps, guest_now.disk_read_bps), (None, None));
    assert_eq!(guest_now.started_ms, Some(at - 4_000));
    let at = at + 10_000;
    let mut answer = world(at);
    answer.guests[0] = guest(100, "pve", 14);
    let next = reset.absorb(&[rows(at, answer)], at);
    assert_eq!(g(&next, 100).net_in_bps, Some(1_000));
    assert_eq!(next.counters(vmid(100)).unwrap().net_in_bytes, 14_000, "metrics get the exact counter");
}

#[test]
fn templates_and_stopped_guests_never_alarm() {
    let at = T0 + 21_000;
    let mut answer = world(at);
    answer.guests[1].template = Some(true);
    let state = healthy(20).absorb(&[rows(at, answer)], at);
    assert_eq!(g(&state, 101).health, Health::Off);
    let cluster = state.cluster.as_ref().unwrap();
    assert_eq!((cluster.guests_total, cluster.headline.as_str()), (2, "Everything is steady."));
}

#[test]
fn a_full_storage_and_a_busy_node_are_named() {
    let at = T0 + 21_000;
    let mut answer = world(at);
    answer.storages[0].used_bytes = Some(10 * GIB - 1);
    answer.guests[0].mem_used_bytes = Some(4 * GIB - 1);
    let state = healthy(20).absorb(&[rows(at, answer)], at);
    assert_eq!(state.storages["pve/local"].health, Health::Critical);
    assert_eq!(headline(&state), "Storage local on pve needs you.");
    assert_eq!(g(&state, 100).why.as_deref(), Some("its memory is nearly full"));
    let mut state = healthy(20);
    for s in 21..90 {
        let at = T0 + s * 1_000;
        let mut answer = world(at);
        answer.nodes[0].cpu = Some(0.99);
        state = state.absorb(&[membership(at, members(&ALL, true)), rows(at, answer), tasks(at, vec![])], at);
        let busy = n(&state, "pve").health == Health::Attention;
        assert_eq!(busy, s >= 81, "a burst is nothing, a minute is: {s}");
    }
    assert_eq!(headline(&state), "Node pve needs a look.");
}

/// Proxmox says only that nobody reports it; a storage that was never seen is no alarm.
#[test]
fn a_lost_storage_needs_a_person() {
    let unreported = |state: &ClusterState, s: i64| {
        let at = T0 + s * 1_000;
        let mut answer = world(at);
        answer.storages[0].status = StorageStatus::Unknown;
        state.absorb(&[membership(at, members(&ALL, true)), rows(at, answer)], at)
    };
    let lost = unreported(&healthy(20), 21);
    let storage = &lost.storages["pve/local"];
    assert_eq!(
        (storage.health, storage.why.as_deref()),
        (Health::Critical, Some("it is not available on pve"))
    );
    assert_eq!(headline(&lost), "Storage local on pve needs you.");
    let still = unreported(&lost, 400);
    assert_eq!(still.storages["pve/local"].health, Health::Critical, "for as long as it is lost");
    let back = still.absorb(&[rows(T0 + 401_000, world(T0 + 401_000))], T0 + 401_000);
    assert_eq!(back.storages["pve/local"].health, Health::Ok);

    let never = unreported(&unreported(&ClusterState::default(), 0), 20);
    assert_eq!(never.storages["pve/local"].health, Health::Unknown);
}

#[test]
fn tasks_are_kept_bounded_and_an_end_is_final() {
    let mut state = healthy(1);
    let many: Vec<_> = (0..300)
        .map(|i| ended(task(&format!("{i:03}"), "qmstart", "100", T0 + i), T0 + i + 5, "OK"))
        .chain([task("F00", "vzdump", "102", T0 - 9_000_000)])
        .collect();
    state = state.absorb(&[tasks(T0 + 2_000, many)], T0 + 2_000);
    assert_eq!(state.tasks.len(), FINISHED_TASKS_MAX + 1);
    let oldest = state.tasks.values().filter_map(|t| t.end_ms).min();
    assert_eq!(oldest, Some(T0 + 205), "the newest hundred");
    let running = state.tasks.values().find(|t| t.status == TaskStatus::Running).unwrap();
    assert_eq!((running.kind.as_str(), running.vmid), ("vzdump", Some(vmid(102))));

    let done = ended(task("F00", "vzdump", "102", T0 - 9_000_000), T0 + 3_000, "WARNINGS: 2");
    state = state.absorb(&[tasks(T0 + 3_000, vec![done.clone()])], T0 + 3_000);
    state =
        state.absorb(&[tasks(T0 + 4_000, vec![task("F00", "vzdump", "102", T0 - 9_000_000)])], T0 + 4_000);
    assert_eq!(state.tasks[&done.upid].status, TaskStatus::Warnings, "an older list does not revive it");
}

#[test]
fn a_running_task_that_vanishes_ends_as_unknown_at_the_second_answer() {
    let row = task("1", "qmigrate", "100", T0);
    let state = healthy(1).absorb(&[tasks(T0 + 2_000, vec![row.clone()])], T0 + 2_000);
    let once = state.absorb(&[tasks(T0 + 3_000, vec![])], T0 + 3_000);
    assert_eq!(once.tasks[&row.upid].status, TaskStatus::Running);
    let twice = once.absorb(&[tasks(T0 + 4_000, vec![])], T0 + 4_000);
    assert_eq!(twice.tasks[&row.upid].status, TaskStatus::Unknown);
    let back = twice.absorb(&[tasks(T0 + 5_000, vec![row.clone()])], T0 + 5_000);
    assert_eq!(back.tasks[&row.upid].status, TaskStatus::Running, "it was there after all");
}

#[test]
fn details_are_merged_with_their_own_time() {
    let detail = reading::NodeDetail {
        node: name("pve"),
        load: Some([0.123, 1.0, f64::NAN]),
        iowait: Some(0.012_34),
        swap_used_bytes: Some(0),
        swap_total_bytes: Some(GIB),
        cpu_model: Some("CPU".into()),
        kernel: Some("6.17".into()),
        pve_version: Some("9.2.11".into()),
    };
    let at = T0 + 21_000;
    let source = SourceId::node(&name("pve"));
    let state = healthy(20).absorb(&[reading(source.clone(), at, Part::NodeDetail(detail))], at);
    let node = n(&state, "pve");
    assert_eq!((node.load1, node.load15, node.iowait), (Some(0.12), None, Some(0.012)));
    assert_eq!(node.detail_as_of_ms, Some(at));
    assert_eq!(state.cluster.as_ref().unwrap().pve_version.as_deref(), Some("9.2.11"));
    assert!(state.sources.contains_key(&source));
}
