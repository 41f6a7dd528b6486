use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{
    graph::testing::{guest, node, vmid},
    policy::testing::NOW,
};

fn from<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn state() -> ClusterState {
    let mut state = ClusterState {
        cluster: Some(Arc::new(from(json!({
            "name": "home", "nodes_total": 3, "nodes_online": 3, "guests_total": 2, "guests_running": 2, "health": "ok",
            "headline": "", "detail": "", "sight": "fresh", "quorate": true,
        })))),
        ..ClusterState::default()
    };
    for name in ["pve", "pve2", "agent1"] {
        state.nodes.insert(name.parse().unwrap(), Arc::new(node(name)));
    }
    for n in [100, 101] {
        state.guests.insert(vmid(n), Arc::new(guest(n, "pve")));
    }
    let tasks = json!({ "id": "tasks", "state": "fresh", "interval_ms": 5_000 });
    state.sources.insert(SourceId::tasks(), Arc::new(from(tasks)));
    state
}

fn edit(state: &mut ClusterState, change: impl FnOnce(&mut Cluster)) {
    change(Arc::make_mut(state.cluster.as_mut().unwrap()));
}

fn add_task(
    state: &mut ClusterState,
    kind: &str,
    user: &str,
    status: TaskStatus,
    minutes_ago: i64,
    vmid: Option<u32>,
) {
    let id = vmid.map(|n| n.to_string()).unwrap_or_default();
    let upid: Upid =
        format!("UPID:pve:0000ABCD:{:08X}:66000000:{kind}:{id}:{user}:", state.tasks.len()).parse().unwrap();
    let start_ms = NOW.wall_ms - minutes_ago * 60_000;
    let task = json!({
        "upid": upid, "node": "pve", "kind": kind, "user": user, "status": status, "start_ms": start_ms,
        "end_ms": start_ms + 1_000, "vmid": vmid,
    });
    state.tasks.insert(upid, Arc::new(from(task)));
}

fn target(n: u32) -> Target {
    Target::Guest(vmid(n))
}

fn own() -> BTreeSet<String> {
    ["jarvis@pve!act".to_owned()].into()
}

fn configs() -> BTreeMap<Vmid, GuestConfig> {
    let config = GuestConfig { identity: Some("uuid".into()), onboot: true, ..GuestConfig::default() };
    [(vmid(100), config.clone()), (vmid(101), config)].into()
}

#[test]
fn i15_a_late_view_is_no_view() {
    let mut state = state();
    assert!(sight(&state).known().is_some() && condition(&state, &target(100)).known().is_some());
    edit(&mut state, |cluster| cluster.sight = SourceState::Late);
    assert!(sight(&state).known().is_none() && votes(&state).known().is_none());
    assert!(
        condition(&state, &target(100)).known().is_none() && matches(&state, &target(100)).known().is_none()
    );
    assert!(trouble(&state, &BTreeSet::new(), false).known().is_none());
    assert!(sight(&ClusterState::default()).known().is_none());
}

#[test]
fn i15_unknown_is_not_down() {
    let mut state = state();
    Arc::make_mut(state.guests.get_mut(&vmid(100)).unwrap()).status = GuestStatus::Unknown;
    assert!(condition(&state, &target(100)).known().is_none());
    assert!(condition(&state, &target(999)).known().is_none());
    edit(&mut state, |cluster| cluster.quorate = None);
    assert!(sight(&state).known().is_none(), "a cluster of which quorum is not known");
    edit(&mut state, |cluster| cluster.name = String::new());
    assert!(sight(&state).known().is_none(), "three nodes that name no cluster");
    edit(&mut state, |cluster| cluster.nodes_total = 1);
    assert_eq!(sight(&state).known().unwrap().quorate, None, "a node alone has none");
    assert_eq!(votes(&state), Fact::Known(Votes::Standalone));
}

#[test]
fn i14_templates_and_absent_guests_are_no_targets() {
    let mut state = state();
    assert_eq!(matches(&state, &target(100)), Fact::Known(1));
    assert_eq!(matches(&state, &target(999)), Fact::Known(0));
    Arc::make_mut(state.guests.get_mut(&vmid(100)).unwrap()).template = true;
    assert_eq!(matches(&state, &target(100)), Fact::Known(0));
}

#[test]
fn i13_lost_nodes_and_guests_of_unknown_state_count_as_trouble() {
    let mut state = state();
    Arc::make_mut(state.nodes.get_mut("pve2").unwrap()).status = NodeStatus::Unknown;
    Arc::make_mut(state.guests.get_mut(&vmid(100)).unwrap()).health = Health::Unknown;
    let trouble = trouble(&state, &[vmid(101)].into(), false);
    let expected =
        Trouble { nodes_unhealthy: 1, guests_total: 2, guests_unhealthy: 2, own_network_suspect: false };
    assert_eq!(trouble, Fact::Known(expected));
}

#[test]
fn i19_running_tasks_on_guest_storage_or_the_whole_node_are_in_the_way() {
    let mut state = state();
    add_task(&mut state, "vzdump", "root@pam", TaskStatus::Ok, 5, Some(100));
    assert_eq!(busy(&state, &target(100), &[]), Fact::Known(vec![]));
    add_task(&mut state, "vzdump", "root@pam", TaskStatus::Running, 1, None);
    assert_eq!(busy(&state, &target(100), &[]), Fact::Known(vec!["vzdump".into()]));
    assert_eq!(busy(&state, &Target::Node("pve2".parse().unwrap()), &[]), Fact::Known(vec![]));
    state.sources.clear();
    assert!(
        busy(&state, &target(100), &[]).known().is_none(),
        "a list of tasks that is not fresh says nothing"
    );
}

#[test]
fn i25_a_persons_task_is_told_from_ours_and_from_proxmox_own() {
    let mut state = state();
    add_task(&mut state, "qmstart", "jarvis@pve!act", TaskStatus::Ok, 1, Some(100));
    add_task(&mut state, "vzdump", "root@pam", TaskStatus::Ok, 2, Some(100));
    let mut seen = FirstSeen::default();
    seen.absorb(&state, &NOW);
    assert_eq!(human_task(&state, &target(100), &own(), &seen, &NOW), Fact::Known(None));
    add_task(&mut state, "qmconfig", "ann@pve", TaskStatus::Ok, 10, Some(100));
    seen.absorb(&state, &NOW);
    // I37: the wall clock jumps a day ahead, two minutes later.
    let later = Moment { wall_ms: NOW.wall_ms + 86_400_000, boot_ms: NOW.boot_ms + 120_000, boot: NOW.boot };
    seen.absorb(&state, &later);
    let Fact::Known(Some(at)) = human_task(&state, &target(100), &own(), &seen, &later) else { panic!() };
    assert_eq!(later.surely_since_ms(&at), 12 * 60_000 - 1_000);
    assert_eq!(human_task(&state, &target(101), &own(), &seen, &later), Fact::Known(None));
}

#[test]
fn i22_off_by_a_person_onboot_or_tag_is_off_on_purpose_and_off_by_itself_is_not() {
    let mut state = state();
    let why = |state: &ClusterState, configs: &BTreeMap<_, _>| meant_off(state, configs, &target(100));
    assert_eq!(why(&state, &configs()), Fact::Known(None));
    add_task(&mut state, "qmshutdown", "ann@pve", TaskStatus::Ok, 60, Some(100));
    assert!(why(&state, &configs()).known().unwrap().as_ref().is_some_and(|why| why.contains("ann@pve")));
    add_task(&mut state, "qmstart", "ann@pve", TaskStatus::Ok, 30, Some(100));
    assert_eq!(why(&state, &configs()), Fact::Known(None), "switched on again since");
    add_task(&mut state, "qmstop", "jarvis@pve!act", TaskStatus::Ok, 20, Some(100));
    assert!(why(&state, &configs()).known().unwrap().is_some(), "a person has approved that stop");
    add_task(&mut state, "qmstart", "root@pam", TaskStatus::Failed, 10, Some(100));
    assert!(why(&state, &configs()).known().unwrap().is_some(), "a start that failed takes nothing back");

    let mut off = configs();
    off.get_mut(&vmid(100)).unwrap().onboot = false;
    assert!(why(&state, &off).known().unwrap().is_some());
    Arc::make_mut(state.guests.get_mut(&vmid(100)).unwrap()).tags = TAG_HANDS_OFF.into();
    assert!(why(&state, &configs()).known().unwrap().is_some());
    assert!(why(&state, &BTreeMap::new()).known().is_none());
}

#[test]
fn i21_a_guest_without_name_or_birth_is_not_pinned() {
    let mut state = state();
    assert!(identity(&state, &configs(), &target(100)).known().is_some());
    assert!(identity(&state, &BTreeMap::new(), &target(100)).known().is_none());
    Arc::make_mut(state.guests.get_mut(&vmid(100)).unwrap()).name = None;
    assert!(identity(&state, &configs(), &target(100)).known().is_none());
}
