use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::testing::{guest, node, storage, vmid};
use super::*;
use crate::{
    cluster::{ClusterState, GuestStatus},
    tools::Operation,
};

fn op(name: &str, args: serde_json::Value) -> Operation {
    Operation::parse(name, &args).unwrap()
}

/// agent1 runs Jarvis (103) and a NAS (104) that serves `nas` to pve, where 100 and 101 (stopped) have their disks.
fn homelab() -> Graph {
    let mut state = ClusterState::default();
    for name in ["pve", "agent1"] {
        state.nodes.insert(name.parse().unwrap(), Arc::new(node(name)));
    }
    for (n, on) in [(100, "pve"), (101, "pve"), (102, "pve"), (103, "agent1"), (104, "agent1")] {
        let mut record = guest(n, on);
        if n == 101 {
            record.status = GuestStatus::Stopped;
        }
        state.guests.insert(vmid(n), Arc::new(record));
    }
    for (on, name) in [("pve", "nas"), ("pve", "local"), ("agent1", "local")] {
        state
            .storages
            .insert(format!("{on}/{name}").parse().unwrap(), Arc::new(storage(on, name, name == "nas")));
    }
    let config = |storage: &str| GuestConfig {
        storages: vec![storage.into()],
        bridges: vec!["vmbr0".into()],
        ..GuestConfig::default()
    };
    let mut guests: BTreeMap<_, _> =
        [(100, "nas"), (101, "nas"), (102, "local"), (103, "local"), (104, "local")]
            .map(|(n, s)| (vmid(n), config(s)))
            .into();
    guests.get_mut(&vmid(104)).unwrap().addresses = vec!["10.0.0.4".into()];
    guests.get_mut(&vmid(102)).unwrap().share_servers = vec!["10.0.0.4".into()];
    let storages = BTreeMap::from([("nas".to_owned(), StorageConfig { server: Some("10.0.0.4".into()) })]);
    let settings = OwnSettings {
        runs: Runs::Guest { vmid: vmid(103), identity: None },
        model_hosts: vec![Thing::Guest(vmid(100))],
        needs: vec![],
    };
    let own = Own::resolve(&settings, &state, &guests).unwrap();
    let containers = [ContainerPlace {
        host: "docker1".parse().unwrap(),
        name: "web".parse().unwrap(),
        on: Thing::Guest(vmid(102)),
        down: false,
    }];
    let inputs = Inputs {
        state: &state,
        guests: &guests,
        storages: &storages,
        containers: &containers,
        declared: &[],
        own: &own,
    };
    Graph::derive(&inputs)
}

fn names(struck: &[Struck]) -> Vec<String> {
    struck.iter().map(|s| s.thing.to_string()).collect()
}

#[test]
fn stopping_the_nas_takes_the_guests_on_its_storage_and_the_model_with_it() {
    let votes = Votes::Cluster { online: 2, needed: 2 };
    let blast = homelab().blast_radius(&op("stop_guest", json!({"vmid": 104})), votes, &Durations::new());
    assert_eq!(names(&blast.down), ["guest 104", "storage pve/nas", "guest 100", "Jarvis"]);
    assert_eq!(names(&blast.degraded), ["guest 102"]);
    assert!(blast.includes_jarvis);
    assert_eq!(blast.quorum, QuorumAfter::Kept { online: 2, needed: 2 });
    assert_eq!(blast.away.away_s, None);
}

#[test]
fn i16_rebooting_one_of_two_nodes_would_lose_the_quorum_and_says_so() {
    let votes = Votes::Cluster { online: 2, needed: 2 };
    let blast = homelab().blast_radius(&op("reboot_node", json!({"node": "pve"})), votes, &Durations::new());
    assert_eq!(blast.quorum, QuorumAfter::Lost { online: 1, needed: 2 });
    let down = names(&blast.down);
    for thing in ["node pve", "guest 100", "guest 102", "Docker on docker1", "container web on docker1"] {
        assert!(down.contains(&thing.to_owned()), "{thing} not in {down:?}");
    }
    assert!(!down.contains(&"guest 101".to_owned()), "a stopped guest does not go down");
    assert_eq!(blast.away.away_s, Some(300));
}

#[test]
fn a_start_takes_nothing_down_and_estimates_come_from_what_was_seen() {
    let durations = Durations::from([(crate::tools::Effect::RebootGuest, vec![50, 20, 30])]);
    let graph = homelab();
    let start = graph.blast_radius(&op("start_guest", json!({"vmid": 101})), Votes::Standalone, &durations);
    assert!(start.down.is_empty() && !start.includes_jarvis);
    let reboot = graph.blast_radius(&op("reboot_guest", json!({"vmid": 102})), Votes::Standalone, &durations);
    assert_eq!(reboot.away.away_s, Some(30));
    assert!(reboot.away.basis.contains('3'));
}

#[test]
fn a_score_counts_what_was_missed() {
    let blast =
        homelab().blast_radius(&op("stop_guest", json!({"vmid": 104})), Votes::Standalone, &Durations::new());
    let seen = [Thing::Guest(vmid(104)), Thing::Guest(vmid(100)), Thing::Guest(vmid(102))].into();
    let score = Score::of(&blast, &seen);
    assert_eq!(score, Score { actions: 1, hits: 2, false_alarms: 2, missed: 1 });
    assert_eq!(score.plus(score).missed, 2);
}

fn thing(n: u8) -> Thing {
    Thing::Guest(vmid(100 + u32::from(n)))
}

fn graph_of(links: &[(u8, u8, bool)]) -> Graph {
    let mut graph = Graph::default();
    for (dependent, on, hard) in links {
        graph.link(thing(*dependent), thing(*on), if *hard { Need::Hard } else { Need::Soft });
    }
    graph
}

fn stop(n: u8) -> Operation {
    op("stop_guest", json!({"vmid": 100 + u32::from(n)}))
}

proptest! {
    // Any links at all, cycles and self-links included.
    #[test]
    fn the_blast_of_any_graph_ends_holds_its_target_and_grows_with_links(
        links in prop::collection::vec((0u8..12, 0u8..12, any::<bool>()), 0..60),
        more in prop::collection::vec((0u8..12, 0u8..12, any::<bool>()), 0..20),
        at in 0u8..12,
    ) {
        let blast = |links: &[(u8, u8, bool)]| graph_of(links).blast_radius(&stop(at), Votes::Standalone, &Durations::new());
        let one = blast(&links);
        prop_assert_eq!(&one, &blast(&links), "deterministic");
        let mut shuffled = links.clone();
        shuffled.reverse();
        let down: BTreeSet<_> = one.down.iter().map(|s| s.thing.clone()).collect();
        let struck: BTreeSet<_> = one.down.iter().chain(&one.degraded).map(|s| s.thing.clone()).collect();
        prop_assert_eq!(struck.len(), one.down.len() + one.degraded.len(), "nobody is told twice");
        prop_assert!(down.contains(&thing(at)));
        let again: BTreeSet<_> = blast(&shuffled).down.into_iter().map(|s| s.thing).collect();
        prop_assert_eq!(&down, &again, "the order of links does not matter");

        let all: Vec<_> = links.iter().chain(&more).copied().collect();
        let bigger = blast(&all);
        let more_down: BTreeSet<_> = bigger.down.iter().map(|s| s.thing.clone()).collect();
        let more_struck: BTreeSet<_> = bigger.down.iter().chain(&bigger.degraded).map(|s| s.thing.clone()).collect();
        prop_assert!(down.is_subset(&more_down) && struck.is_subset(&more_struck), "monotone");

        // An independent reckoning: repeat until nothing changes.
        let mut expected = BTreeSet::from([thing(at)]);
        loop {
            let before = expected.len();
            for (dependent, on, hard) in &links {
                if *hard && expected.contains(&thing(*on)) {
                    expected.insert(thing(*dependent));
                }
            }
            if expected.len() == before { break }
        }
        prop_assert_eq!(down, expected);
    }
}
