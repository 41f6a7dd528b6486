use super::*;
use crate::cluster::{
    GuestStatus,
    reading::{GuestRow, Reading, Resources},
    testing::*,
};

/// The lines of one further second, as `kind: title | detail`.
fn after(a: &ClusterState, readings: &[Reading], at_ms: i64) -> (ClusterState, Vec<String>) {
    let b = a.absorb(readings, at_ms);
    let lines = activity(a, &b, at_ms).into_iter().map(|e| {
        let detail = e.detail.map(|d| format!(" | {d}")).unwrap_or_default();
        format!("{:?}: {}{detail}", e.kind, e.title)
    });
    let lines = lines.collect();
    (b, lines)
}

fn poll(a: &ClusterState, s: i64, change: impl FnOnce(&mut Resources)) -> (ClusterState, Vec<String>) {
    let at = T0 + s * 1_000;
    let mut answer = world(at);
    change(&mut answer);
    after(a, &[rows(at, answer)], at)
}

fn find(answer: &mut Resources, id: u32) -> &mut GuestRow {
    answer.guests.iter_mut().find(|g| g.vmid.get() == id).unwrap()
}

#[test]
fn the_first_sight_is_one_line_in_whatever_order_the_parts_come() {
    let start = ClusterState::default();
    let parts = [
        membership(T0, members(&ALL, true)),
        rows(T0, world(T0)),
        tasks(T0, vec![task("1", "vzdump", "100", T0)]),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let (mut state, mut lines) = (start.clone(), Vec::new());
        for i in order {
            let (next, new) = after(&state, std::slice::from_ref(&parts[i]), T0);
            state = next;
            lines.extend(new);
        }
        assert_eq!(lines.len(), 1, "{order:?}: {lines:?}");
        assert!(lines[0].starts_with("System: Watching homelab: 2 nodes, 3 guests"), "{lines:?}");
    }
}

#[test]
fn a_lost_node_is_one_line_and_its_return_another() {
    let mut state = healthy(20);
    let mut told = Vec::new();
    for (s, online, status) in [
        (21, false, NodeStatus::Offline),
        (315, false, NodeStatus::Offline),
        (326, true, NodeStatus::Unknown),
        (340, true, NodeStatus::Online),
    ] {
        let at = T0 + s * 1_000;
        let mut answer = world(at);
        if status != NodeStatus::Online {
            answer.nodes[1] = node_gone("agent1", status);
        }
        if s > 300 && s < 340 {
            answer.guests[2] = bare(102, "agent1");
            answer.storages[1].status = StorageStatus::Unknown;
        }
        let seen = members(&[("pve", true), ("agent1", online)], true);
        let (next, lines) = after(&state, &[membership(at, seen), rows(at, answer), tasks(at, vec![])], at);
        state = next;
        told.extend(lines);
    }
    assert_eq!(
        told,
        [
            "NodeOffline: Node agent1 is offline | 1 guest ran on it: 102 guest102.",
            "NodeOnline: Node agent1 is online again",
        ]
    );
}

#[test]
fn a_guest_that_did_not_come_back_with_its_node_is_told() {
    let mut state = healthy(20);
    let gone = members(&[("pve", true), ("agent1", false)], true);
    let at = T0 + 21_000;
    let mut answer = world(at);
    answer.nodes[1] = node_gone("agent1", NodeStatus::Offline);
    state = after(&state, &[membership(at, gone), rows(at, answer)], at).0;
    let at = T0 + 60_000;
    let mut answer = world(at);
    answer.guests[2] = stopped(102, "agent1");
    let (_, lines) = after(&state, &[membership(at, members(&ALL, true)), rows(at, answer)], at);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with("GuestStopped: VM 102 guest102 stopped on agent1"), "{lines:?}");
}

#[test]
fn a_stop_tells_which_task_did_it_or_that_none_did() {
    let state = healthy(20);
    let (_, lines) = poll(&state, 21, |w| *find(w, 100) = stopped(100, "pve"));
    assert_eq!(
        lines,
        ["GuestStopped: VM 100 guest100 stopped on pve | nothing known did it: no task stopped it"]
    );

    let at = T0 + 21_000;
    let row = task("1", "qmstop", "100", at);
    let (state, lines) = after(&state, &[tasks(at, vec![row.clone()])], at);
    assert_eq!(lines, ["TaskStarted: qmstop of 100 guest100 by root@pam started"]);
    let (state, lines) = poll(&state, 22, |w| *find(w, 100) = stopped(100, "pve"));
    assert_eq!(lines, ["GuestStopped: VM 100 guest100 stopped on pve | by task qmstop of root@pam"]);
    let at = T0 + 23_000;
    let (state, lines) = after(&state, &[tasks(at, vec![ended(row, at - 500, "OK")])], at);
    assert_eq!(lines, ["TaskEnded: qmstop of 100 guest100 by root@pam ended: OK"]);
    let (_, lines) = poll(&state, 24, |w| find(w, 100).uptime_s = Some(3));
    assert_eq!(lines, ["GuestStarted: VM 100 guest100 was started on pve"]);
}

#[test]
fn another_guests_task_or_an_old_one_explains_nothing() {
    for row in [
        task("1", "qmstop", "102", T0 + 20_000),
        task("2", "qmstart", "100", T0 + 20_000),
        task("4", "vzdump", "102", T0 + 20_000),
        // Of a whole pool, while this guest is not the one in work.
        task("5", "vzdump", "", T0 + 20_000),
        ended(task("3", "qmstop", "100", T0 - 60_000), T0 - 50_000, "OK"),
    ] {
        let at = T0 + 21_000;
        let (state, _) = after(&healthy(20), &[tasks(at, vec![row])], at);
        let (_, lines) = poll(&state, 22, |w| *find(w, 100) = stopped(100, "pve"));
        assert!(lines[0].contains("nothing known did it"), "{lines:?}");
    }
}

/// A backup in mode stop and a move with a restart turn the guest off themselves, without a task for that.
#[test]
fn a_backup_or_a_move_that_stops_its_guest_is_what_stopped_it() {
    for (kind, about, locked) in
        [("vzdump", "100", None), ("vzdump", "", Some("backup")), ("vzmigrate", "100", Some("migrate"))]
    {
        let at = T0 + 21_000;
        let (state, _) = after(&healthy(20), &[tasks(at, vec![task("1", kind, about, at)])], at);
        let (_, lines) = poll(&state, 22, |w| {
            *find(w, 100) = stopped(100, "pve");
            find(w, 100).lock = locked.map(str::to_owned);
        });
        let told = format!("GuestStopped: VM 100 guest100 stopped on pve | by task {kind} of root@pam");
        assert!(lines.contains(&told), "{kind} {about:?}: {lines:?}");
    }
}

#[test]
fn guests_come_go_move_and_are_locked() {
    let state = healthy(20);
    let (state, lines) = poll(&state, 21, |w| w.guests.push(bare(200, "pve")));
    assert_eq!(lines, ["GuestAdded: VM 200 is new on pve"]);
    let (state, lines) = poll(&state, 22, |w| {
        w.guests.push(stopped(200, "pve"));
        find(w, 200).lock = Some("backup".into());
    });
    assert_eq!(lines, ["GuestLocked: VM 200 guest200 is locked (backup)"]);
    let (state, lines) = poll(&state, 23, |w| {
        w.guests.push(stopped(200, "pve"));
        find(w, 100).node = name("agent1");
    });
    assert_eq!(
        lines,
        [
            "GuestMoved: VM 100 guest100 moved from pve to agent1",
            "GuestUnlocked: VM 200 guest200 is no longer locked (backup)",
        ]
    );
    let (_, lines) = poll(&state, 24, |w| find(w, 100).node = name("agent1"));
    assert_eq!(lines, ["GuestRemoved: VM 200 guest200 is gone from pve"]);
}

#[test]
fn tasks_speak_proxmox_and_the_first_list_is_no_news() {
    let at = T0 + 21_000;
    let list = vec![
        ended(task("1", "qmstart", "100", at - 9_000), at - 5_000, "VM 100 already running"),
        ended(task("2", "vzdump", "", at - 9_000), at - 4_000, "WARNINGS: 2"),
        task("3", "imgcopy", "local", at - 3_000),
    ];
    let (_, lines) = after(&healthy(20), &[tasks(at, list.clone())], at);
    assert_eq!(
        lines,
        [
            "TaskFailed: qmstart of 100 guest100 by root@pam failed: VM 100 already running",
            "TaskEnded: vzdump on pve by root@pam ended: WARNINGS: 2",
            "TaskStarted: imgcopy of local by root@pam started",
        ]
    );
    let fresh =
        ClusterState::default().absorb(&[membership(T0, members(&ALL, true)), rows(T0, world(T0))], T0);
    let (_, lines) = after(&fresh, &[tasks(T0 + 1_000, list)], T0 + 1_000);
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn quorum_sight_and_contradictions_come_and_go_once() {
    let state = healthy(20);
    let step = |a: &ClusterState, s: i64, quorate: bool, online: bool| {
        let at = T0 + s * 1_000;
        let seen = members(&[("pve", online), ("agent1", online)], quorate);
        after(a, &[membership(at, seen), rows(at, world(at)), tasks(at, vec![])], at)
    };
    let (state, lines) = step(&state, 21, false, true);
    assert!(lines.len() == 1 && lines[0].starts_with("QuorumLost: The cluster has lost quorum"), "{lines:?}");
    let (state, lines) = step(&state, 22, true, true);
    assert_eq!(lines, ["QuorumBack: The cluster has quorum again"]);
    let (state, lines) = step(&state, 23, true, false);
    assert!(
        lines.len() == 1 && lines[0].starts_with("Contradiction: The cluster contradicts itself"),
        "{lines:?}"
    );
    let (state, lines) = step(&state, 24, true, false);
    assert!(lines.is_empty(), "{lines:?}");
    let (state, lines) = step(&state, 25, true, true);
    assert_eq!(lines, ["Contradiction: The cluster agrees with itself again"]);
    let (state, lines) = after(&state, &[], T0 + 60_000);
    assert!(
        lines.len() == 1 && lines[0].starts_with("SightLost: I have lost sight of the cluster"),
        "{lines:?}"
    );
    let (state, lines) = after(&state, &[], T0 + 61_000);
    assert!(lines.is_empty(), "{lines:?}");
    let (_, lines) = step(&state, 62, true, true);
    assert!(lines.len() == 1 && lines[0].starts_with("SightBack: I see the cluster again"), "{lines:?}");
}

#[test]
fn a_shared_storage_is_told_once_and_a_local_one_by_its_node() {
    let add = |w: &mut Resources, status: StorageStatus, used: u64| {
        for on in ["pve", "agent1"] {
            let mut row = storage(on, "nas", used, 100 * GIB);
            row.status = status;
            w.storages.push(row);
        }
    };
    let (state, _) = poll(&healthy(20), 21, |w| add(w, StorageStatus::Available, GIB));
    let (gone, lines) = poll(&state, 22, |w| add(w, StorageStatus::Unknown, GIB));
    assert_eq!(lines, ["StorageOffline: Storage nas is not available on agent1 and pve"]);
    let (_, lines) = poll(&gone, 23, |w| add(w, StorageStatus::Available, GIB));
    assert_eq!(lines, ["StorageOnline: Storage nas is available again on agent1 and pve"]);
    let (full, lines) = poll(&state, 22, |w| add(w, StorageStatus::Available, 96 * GIB));
    assert_eq!(lines, ["StorageFull: Storage nas is over 95 % full on agent1 and pve"]);
    let (_, lines) = poll(&full, 23, |w| add(w, StorageStatus::Available, 96 * GIB));
    assert!(lines.is_empty(), "{lines:?}");
    // Its nodes report one after another.
    let (one, lines) = poll(&state, 22, |w| {
        add(w, StorageStatus::Available, GIB);
        let first = w.storages.iter_mut().find(|row| row.storage == "nas").unwrap();
        first.used_bytes = Some(96 * GIB);
    });
    assert_eq!(lines, ["StorageFull: Storage nas is over 95 % full on pve"]);
    let (_, lines) = poll(&one, 23, |w| add(w, StorageStatus::Available, 96 * GIB));
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn a_flood_is_bounded_and_says_what_it_left_out() {
    let state = healthy(20);
    let at = T0 + 21_000;
    let many = (0..150).map(|i| task(&format!("{i}"), "qmstart", "100", at)).collect();
    let (_, lines) = after(&state, &[tasks(at, many)], at);
    assert_eq!(lines.len(), EVENTS_MAX + 1);
    assert_eq!(lines[EVENTS_MAX], "System: … and 50 other changes at the same moment");
    let (_, lines) = poll(&state, 21, |w| w.guests.extend((300..330).map(|i| stopped(i, "pve"))));
    assert_eq!(lines, ["GuestAdded: 30 guests appeared | 300 guest300, 301 guest301 and 28 others"]);
}

#[test]
fn a_pause_is_told_and_nothing_is_told_twice() {
    let state = healthy(20);
    let at = T0 + 21_000;
    let paused = GuestRow { status: GuestStatus::Paused, ..guest(100, "pve", 1_020) };
    let (state, lines) = after(&state, &[now(at, paused)], at);
    assert_eq!(lines, ["GuestStopped: VM 100 guest100 is paused on pve"]);
    let (_, lines) = poll(&state, 22, |_| {});
    assert!(lines.is_empty(), "{lines:?}");
}
