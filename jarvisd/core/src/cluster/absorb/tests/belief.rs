//! What is believed of answers that freeze, lag, leave out or contradict.

use super::*;

#[test]
fn i14_a_number_that_two_rows_bear_is_ambiguous_until_one_bears_it() {
    let matches = |state: &ClusterState| {
        crate::policy::evidence::matches(state, &crate::tools::Target::Guest(vmid(100)))
    };
    let state = healthy(5);
    assert_eq!(matches(&state), crate::policy::Fact::Known(1));
    for twin in [guest(100, "agent1", 3), bare(100, "agent1"), guest(100, "pve", 3)] {
        let mut answer = world(T0 + 6_000);
        answer.guests.push(twin);
        let both = state.absorb(&[rows(T0 + 6_000, answer)], T0 + 6_000);
        assert_eq!((both.guests.len(), matches(&both)), (state.guests.len(), crate::policy::Fact::Known(2)));
        let again = both.absorb(&[rows(T0 + 7_000, world(T0 + 7_000))], T0 + 7_000);
        assert_eq!(matches(&again), crate::policy::Fact::Known(1));
    }
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
    let moved_ms = state.memory.guests.get(&vmid(102)).unwrap().moved_ms;
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
        assert_eq!(guest.tags.as_str(), "lab", "tags at +{s}");
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
    assert!(one.memory.guests.get(&vmid(101)).is_none());
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
fn a_clock_set_back_makes_no_silence_fresh() {
    let sight = |s: &ClusterState| s.cluster.as_ref().unwrap().sight;
    let lost = healthy(20).absorb(&[], T0 + 60_000);
    assert_eq!(sight(&lost), SourceState::Lost);
    for s in [-7_200, -1, 0, 5, 19] {
        assert_eq!(sight(&lost.absorb(&[], T0 + s * 1_000)), SourceState::Lost, "set to {s} s");
    }
    let answered = lost.absorb(&[membership(T0, members(&ALL, true)), rows(T0, world(T0))], T0);
    assert_eq!(sight(&answered), SourceState::Fresh);

    let mut state = healthy(20);
    for (s, expected) in
        [(0, SourceState::Fresh), (2, SourceState::Fresh), (3, SourceState::Late), (6, SourceState::Lost)]
    {
        state = state.absorb(&[], T0 - 7_200_000 + s * 1_000);
        assert_eq!(sight(&state), expected, "{s} s after two hours were set back");
    }
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
        let paused = GuestRow { status: GuestStatus::Paused, ..guest(100, "pve", 400) };
        state = healthy(20).absorb(&[now(T0 + 20_500, paused)], T0 + 20_500);
        assert_eq!(g(&state, 100).status, GuestStatus::Paused);
        state = state.absorb(&[now(at, guest(100, "pve", 400))], at);
        assert_eq!(
            g(&state, 100).status,
            GuestStatus::Running,
            "{jump}: a newer look is not taken for an older one"
        );
    }
}
