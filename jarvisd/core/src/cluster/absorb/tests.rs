use super::*;
use crate::cluster::{reading::Resources, testing::*, *};

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

/// The timeline of a node cut and back, as it was recorded: seconds, membership, node row, guest and
/// storage as Proxmox answers them; then what must be made of it.
#[test]
fn a_node_cut_and_back_reads_as_it_was() {
    struct Row(i64, bool, NodeStatus, &'static str, (NodeStatus, Health, GuestStatus, Health, StorageStatus));
    use {GuestStatus as G, Health as H, NodeStatus as N, StorageStatus as S};
    let lost = (N::Offline, H::Critical, G::Unknown, H::Unknown, S::Unknown);
    let coming = (N::Unknown, H::Unknown, G::Unknown, H::Unknown, S::Unknown);
    let live = (N::Online, H::Ok, G::Running, H::Ok, S::Available);
    let table = [
        Row(1, true, N::Online, "frozen", live),
        Row(7, true, N::Online, "frozen", live),
        Row(10, false, N::Offline, "frozen", lost),
        Row(30, false, N::Offline, "frozen", lost),
        Row(240, false, N::Offline, "frozen", lost),
        Row(295, false, N::Offline, "bare", lost),
        Row(302, false, N::Offline, "bare", lost),
        Row(306, true, N::Unknown, "bare", coming),
        Row(320, true, N::Online, "back", live),
    ];
    let cut_ms = T0 + 20_000;
    let mut state = healthy(20);
    let moved_ms = state.memory.guests[&vmid(102)].moved_ms;
    for Row(s, online, status, figures, expected) in table {
        let at = cut_ms + s * 1_000;
        let mut answer = world(at);
        let frozen = world(cut_ms);
        answer.nodes[1] = match status {
            N::Online if figures == "back" => node("agent1", 5),
            N::Online => frozen.nodes[1].clone(),
            away => node_gone("agent1", away),
        };
        answer.guests[2] = match figures {
            "frozen" => frozen.guests[2].clone(),
            "bare" => bare(102, "agent1"),
            _ => guest(102, "agent1", 3),
        };
        if figures == "bare" {
            answer.storages[1].status = S::Unknown;
            answer.storages[1].total_bytes = None;
        }
        let seen = members(&[("pve", true), ("agent1", online)], true);
        state = state.absorb(&[membership(at, seen), rows(at, answer), tasks(at, vec![])], at);
        let storage = &state.storages["agent1/local"];
        let (node, guest) = (n(&state, "agent1"), g(&state, 102));
        let is = (node.status, node.health, guest.status, guest.health, storage.status);
        assert_eq!(is, expected, "at +{s}");
        assert_eq!(guest.name.as_deref(), Some("guest102"), "the name is kept at +{s}");
        assert_eq!(*guest.tags, ["lab"], "tags at +{s}");
        assert_eq!(g(&state, 100).health, H::Ok, "others go on at +{s}");
        match expected.0 {
            N::Online => assert_eq!((guest.as_of_ms, node.as_of_ms, storage.as_of_ms), (None, None, None)),
            N::Offline => {
                assert_eq!(guest.as_of_ms, Some(moved_ms), "the time they last really moved, at +{s}");
                assert_eq!(node.as_of_ms, Some(moved_ms));
                assert_eq!(storage.as_of_ms, Some(moved_ms));
                assert_eq!(guest.cpu, Some(0.05), "frozen figures stay at +{s}");
                assert_eq!(guest.why.as_deref(), Some("node agent1 is offline"));
                assert_eq!(headline(&state), "I have lost sight of agent1.");
            }
            N::Unknown => {
                assert_eq!(headline(&state), "I am waiting for word from agent1.");
                assert_eq!(guest.as_of_ms, Some(moved_ms));
            }
        }
    }
    assert_eq!(headline(&state), "Everything is steady.");
    assert_eq!(g(&state, 102).started_ms, Some(cut_ms + 317_000), "it was started anew");
    assert_eq!(g(&state, 102).net_in_bps, None, "no rate across a restart");
}

#[test]
fn a_status_read_from_the_guest_stands_until_rows_can_know_better() {
    use GuestStatus as G;
    /// Seconds after the direct read, the row's status, whether it is a new round of figures, what is expected.
    type Step = (i64, GuestStatus, bool, GuestStatus);
    let cases: [(&str, G, &[Step]); 5] = [
        (
            "stopped, rows lag",
            G::Stopped,
            &[
                (0, G::Running, false, G::Stopped),
                (9, G::Running, false, G::Stopped),
                (10, G::Stopped, true, G::Stopped),
                (20, G::Stopped, false, G::Stopped),
            ],
        ),
        // A round that was written before the direct read changes the row and still lies.
        (
            "stopped, a stale round arrives",
            G::Stopped,
            &[(1, G::Running, true, G::Stopped), (11, G::Stopped, true, G::Stopped)],
        ),
        (
            "stopped, but it runs after all",
            G::Stopped,
            &[(1, G::Running, false, G::Stopped), (12, G::Running, true, G::Running)],
        ),
        (
            "rows agree, then it starts again",
            G::Stopped,
            &[(1, G::Stopped, true, G::Stopped), (2, G::Running, true, G::Running)],
        ),
        (
            "an answer that set out earlier",
            G::Stopped,
            &[(-3, G::Running, false, G::Stopped), (13, G::Running, false, G::Running)],
        ),
    ];
    for (what, direct, steps) in cases {
        let mut state = healthy(20);
        let t = T0 + 25_000;
        state = state.absorb(&[now(t, GuestRow { status: direct, ..stopped(100, "pve") })], t);
        assert_eq!(g(&state, 100).status, direct, "{what}: at once");
        assert_eq!(g(&state, 100).cpu, None);
        let mut uptime = 1_020;
        for (s, row, round, expected) in steps {
            let at = t + s * 1_000;
            if *round {
                uptime += 10;
            }
            let mut answer = world(at);
            answer.guests[0] =
                if *row == G::Running { guest(100, "pve", uptime) } else { stopped(100, "pve") };
            state = state.absorb(&[rows(at, answer)], at.max(t));
            assert_eq!(g(&state, 100).status, *expected, "{what}: at {s}");
        }
    }
}

use crate::cluster::reading::GuestRow;

#[test]
fn a_direct_start_shows_before_the_rows_know() {
    let mut state = healthy(20);
    let t = T0 + 25_000;
    let started = GuestRow { uptime_s: Some(2), ..guest(101, "pve", 2) };
    state = state.absorb(&[now(t, started)], t);
    assert_eq!((g(&state, 101).status, g(&state, 101).started_ms), (GuestStatus::Running, Some(t - 2_000)));
    for s in 1..=6 {
        let at = t + s * 1_000;
        state = state.absorb(&[rows(at, world(at))], at);
        assert_eq!(g(&state, 101).status, GuestStatus::Running, "the old row does not undo it, +{s}");
    }
    let at = t + 7_000;
    let mut answer = world(at);
    answer.guests[1] = guest(101, "pve", 5);
    state = state.absorb(&[rows(at, answer)], at);
    assert_eq!(
        g(&state, 101).started_ms,
        Some(t - 2_000),
        "the start time does not jump with an older figure"
    );
    let at = t + 30_000;
    state = state.absorb(&[rows(at, world(at))], at);
    assert_eq!(g(&state, 101).status, GuestStatus::Stopped, "with the hold over the rows rule again");
}

#[test]
fn a_pause_survives_rows_that_only_know_running() {
    let mut state = healthy(20);
    let t = T0 + 20_000;
    state = state.absorb(&[now(t, GuestRow { status: GuestStatus::Paused, ..guest(100, "pve", 1_020) })], t);
    assert_eq!((g(&state, 100).status, g(&state, 100).health), (GuestStatus::Paused, Health::Attention));
    for s in (10..=60).step_by(10) {
        let at = t + s * 1_000;
        let mut answer = world(at);
        answer.guests[0].cpu = Some(0.0);
        state = state.absorb(&[rows(at, answer)], at);
        assert_eq!(g(&state, 100).status, GuestStatus::Paused, "+{s}");
    }
    let at = t + 70_000;
    state = state.absorb(&[rows(at, world(at))], at);
    assert_eq!(g(&state, 100).status, GuestStatus::Running, "it computes, so it is awake");
}

#[test]
fn an_empty_or_stripped_answer_must_come_twice_to_be_believed() {
    let full = world(T0 + 21_000);
    let bare_nodes = full
        .nodes
        .iter()
        .map(|r| NodeRow { mem_total_bytes: None, ..node_gone(r.name.as_str(), NodeStatus::Online) });
    let stripped = Resources { nodes: bare_nodes.collect(), ..Resources::default() };
    for (what, answer, nodes_left) in [("empty", Resources::default(), 2), ("stripped", stripped, 2)] {
        let state = healthy(20);
        let at = T0 + 21_000;
        let once = state.absorb(&[rows(at, answer.clone())], at);
        assert_eq!((once.nodes.len(), once.guests.len(), once.storages.len()), (2, 3, 2), "{what}: once");
        assert_eq!(g(&once, 100).health, Health::Unknown, "{what}: doubted");
        assert_eq!(g(&once, 100).cpu, Some(0.05));
        assert!(once.sources[&SourceId::resources()].error.is_some(), "{what}");
        assert_eq!(headline(&once), "I may not be seeing the whole cluster.", "{what}");
        let back = once.absorb(&[rows(at + 1_000, full.clone())], at + 1_000);
        assert_eq!(g(&back, 100).health, Health::Ok, "{what}: a transient leaves no trace");
        assert_eq!(back.sources[&SourceId::resources()].error, None);
        let twice = once.absorb(&[rows(at + 1_000, answer)], at + 1_000);
        assert_eq!((twice.guests.len(), twice.storages.len()), (0, 0), "{what}: twice");
        assert_eq!(twice.nodes.len(), nodes_left, "{what}: members stay");
    }
}

use crate::cluster::reading::NodeRow;

#[test]
fn a_deleted_guest_goes_at_once_but_not_a_whole_nodes_worth() {
    let state = healthy(20);
    let at = T0 + 21_000;
    let without = |ids: &[u32]| {
        let mut answer = world(at);
        answer.guests.retain(|r| !ids.contains(&r.vmid.get()));
        answer
    };
    let one = state.absorb(&[rows(at, without(&[101]))], at);
    assert!(!one.guests.contains_key(&vmid(101)) && one.guests.len() == 2);
    assert!(!one.memory.guests.contains_key(&vmid(101)));
    let node = state.absorb(&[rows(at, without(&[100, 101]))], at);
    assert_eq!(node.guests.len(), 3, "all guests of a node at once are doubted");
    assert_eq!(g(&node, 100).why.as_deref(), Some("the last answer did not name it"));
    let again = node.absorb(&[rows(at + 1_000, without(&[100, 101]))], at + 1_000);
    assert_eq!(again.guests.len(), 1);
    let last = state.absorb(&[rows(at, without(&[102]))], at);
    assert_eq!(last.guests.len(), 2, "a node's only guest can be deleted");
}

#[test]
fn quorum_with_nobody_online_is_a_contradiction() {
    let mut state = healthy(20);
    for s in 21..45 {
        let at = T0 + s * 1_000;
        let mut answer = world(at);
        answer.nodes = vec![node_gone("pve", NodeStatus::Offline), node_gone("agent1", NodeStatus::Offline)];
        let seen = members(&[("pve", false), ("agent1", false)], true);
        state = state.absorb(&[membership(at, seen), rows(at, answer), tasks(at, vec![])], at);
        let cluster = state.cluster.as_ref().unwrap();
        assert!(cluster.contradiction.is_some());
        assert_eq!(
            (cluster.headline.as_str(), cluster.health),
            ("The cluster contradicts itself.", Health::Unknown)
        );
        assert_eq!(
            (n(&state, "pve").status, n(&state, "pve").health),
            (NodeStatus::Unknown, Health::Unknown)
        );
        assert_eq!((g(&state, 100).status, g(&state, 100).health), (GuestStatus::Running, Health::Unknown));
    }
    assert!(state.cluster.as_ref().unwrap().contradiction.as_ref().unwrap().contains("go on moving"));
    let at = T0 + 46_000;
    state = state.absorb(&[membership(at, members(&ALL, true)), rows(at, world(at)), tasks(at, vec![])], at);
    assert_eq!(headline(&state), "Everything is steady.");
}

#[test]
fn membership_and_rows_that_stay_at_odds_are_a_contradiction() {
    let mut state = healthy(20);
    let mut contradicted_at = None;
    for s in 0..40 {
        let at = T0 + (21 + s) * 1_000;
        let seen = members(&[("pve", true), ("agent1", false)], true);
        state = state.absorb(&[membership(at, seen), rows(at, world(at))], at);
        if state.cluster.as_ref().unwrap().contradiction.is_some() {
            contradicted_at.get_or_insert(s);
        } else {
            assert_eq!(n(&state, "agent1").status, NodeStatus::Offline);
        }
    }
    assert_eq!(contradicted_at, Some(30));
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

#[test]
fn a_guest_on_the_move_is_one_guest() {
    let at = T0 + 21_000;
    let mut answer = world(at);
    answer.guests.push(bare(100, "agent1"));
    let state = healthy(20).absorb(&[rows(at, answer.clone())], at);
    assert_eq!(g(&state, 100).node, name("pve"), "the row that says more wins");
    answer.guests.pop();
    answer.guests[0].node = name("agent1");
    let moved = state.absorb(&[rows(at + 1_000, answer)], at + 1_000);
    assert_eq!((g(&moved, 100).node.as_str(), g(&moved, 100).status), ("agent1", GuestStatus::Running));
}

#[test]
fn a_clock_that_jumps_ends_in_a_sane_state() {
    for jump in [-86_400_000, 86_400_000] {
        let mut state = healthy(20);
        state = state.absorb(&[now(T0 + 20_500, stopped(100, "pve"))], T0 + 20_500);
        let at = T0 + 21_000 + jump;
        let seen = [membership(at, members(&ALL, true)), rows(at, world(T0 + 30_000)), tasks(at, vec![])];
        state = state.absorb(&seen, at);
        assert_eq!(g(&state, 100).status, GuestStatus::Running, "{jump}: a hold does not outlive a jump");
        assert_eq!(headline(&state), "Everything is steady.", "{jump}");
    }
}
