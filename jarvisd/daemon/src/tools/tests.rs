//! Every read of the catalogue, against the answers of a real cluster as they were recorded.

use std::collections::BTreeMap;

use jarvis_core::{
    cluster::{
        SourceId,
        reading::{Part, Reading},
    },
    tools::{ALL, routes},
};
use serde_json::json;

use super::*;
use crate::{
    clients::{
        docker,
        proxmox::tests::{
            CANARY, client,
            server::{Ca, Server, bare, json as answer},
            settings,
        },
    },
    store::Limits,
};

const RECORDED: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/recorded.jsonl"));

/// The first good answer of each path, queries left out.
fn recorded() -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    for line in RECORDED.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        if word("method") == "GET" && word("status_line").contains(" 200") {
            let path = word("path").split('?').next().unwrap().replace("%3A", ":").replace("%40", "@");
            answers.entry(path).or_insert_with(|| row["body"].to_string());
        }
    }
    answers
}

struct Stage {
    parts: Parts,
    server: Server,
    _dir: tempfile::TempDir,
}

impl Stage {
    /// A cluster that answers as it was recorded, and a state that has been read from it.
    async fn new() -> Self {
        let answers = recorded();
        let ca = Ca::new("cluster");
        let server = Server::new(&ca, move |request, _| {
            let path = request.path.trim_start_matches("/api2/json").split('?').next().unwrap();
            let path = path.replace("%3A", ":").replace("%40", "@").replace("%21", "!");
            match answers.get(&path) {
                Some(body) => answer(body),
                None => bare("501 not implemented"),
            }
        })
        .await;
        let proxmox = client(&settings(&ca, &[("pve", &server)]));
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Clock, Limits::default()).unwrap();
        let state = StateHub::new("e".into());
        let reading = |source, part| Reading {
            source,
            at_ms: Clock.now_ms(),
            interval_ms: 10_000,
            via: None,
            part: Ok(part),
            odd_rows: 0,
        };
        let resources = proxmox.resources().await.unwrap().value;
        let membership = proxmox.membership().await.unwrap().value;
        let tasks = proxmox.tasks().await.unwrap().value;
        let readings = vec![
            reading(SourceId::membership(), Part::Membership(membership)),
            reading(SourceId::resources(), Part::Resources(resources)),
            reading(SourceId::tasks(), Part::Tasks(tasks)),
        ];
        state.absorb(readings, Clock.now_ms());
        let parts = Parts::new(Clock, state, store, (Some(proxmox), None), None, no_docker());
        Self { parts, server, _dir: dir }
    }

    async fn read(&self, name: &str, args: Value) -> Result<ReadResult, ToolError> {
        read(&Operation::parse(name, &args).unwrap(), &self.parts).await
    }
}

fn no_docker() -> docker::Docker {
    docker::Docker::new(docker::Settings::default(), Clock).unwrap()
}

/// Each read with arguments that fit the recorded cluster.
fn reads() -> Vec<(&'static str, Value)> {
    let node = json!({"node": "Home"});
    vec![
        ("cluster_status", json!({})),
        ("node_status", node.clone()),
        ("guests", json!({"status": "running", "name": "open"})),
        ("guest", json!({"vmid": 100})),
        ("storages", node.clone()),
        ("storage_content", json!({"node": "pve", "storage": "local"})),
        ("backups", json!({})),
        ("tasks", json!({"node": "Home"})),
        ("task_log", json!({"upid": "UPID:Home:000002BF:0009E529:6B0330F7:qmstart:101:root@pam:"})),
        ("temperatures", json!({})),
        ("history", json!({"entity": "node/Home", "metric": "cpu"})),
        ("firewall", json!({})),
        ("services", node.clone()),
        ("disks", node.clone()),
        ("volumes", json!({"node": "Home", "kind": "zfs"})),
        ("journal", json!({"node": "Home", "unit": "pveproxy"})),
        ("processes", node.clone()),
        ("sockets", node.clone()),
        ("shares", json!({})),
        ("docker", json!({})),
        ("docker_logs", json!({"host": "management", "name": "redis"})),
        ("events", json!({})),
        ("incidents", json!({})),
        ("audit", json!({})),
    ]
}

#[tokio::test]
async fn i31_every_read_answers_or_says_what_to_configure_and_sends_only_reads_of_the_table() {
    let stage = Stage::new().await;
    let mut done = std::collections::BTreeSet::new();
    for (name, args) in reads() {
        done.insert(name);
        match stage.read(name, args).await {
            Ok(result) => {
                assert!(result.value.is_object(), "{name}: {}", result.value);
                assert!(!result.value.to_string().contains(CANARY));
                let bytes_max = jarvis_core::tools::find(name).unwrap().bounds.output_bytes_max;
                assert!(result.value.to_string().len() <= usize::try_from(bytes_max).unwrap());
            }
            Err(error) => {
                let text = error.to_string();
                let told = match name {
                    "journal" | "processes" | "sockets" => text.contains("[ssh]") && text.contains("Home"),
                    "docker" | "docker_logs" => text.contains("[[docker.hosts]]"),
                    // Not among the recorded answers, and Proxmox's word is passed on.
                    "volumes" => text.contains("/disks/zfs"),
                    _ => false,
                };
                assert!(told, "{name}: {text}");
            }
        }
    }
    // The executor answers for its own actions.
    let all = ALL.iter().filter(|tool| tool.effect.tier() == Tier::Green && tool.name != "action");
    assert!(
        all.clone().all(|tool| done.contains(tool.name)),
        "{:?}",
        all.map(|t| t.name).collect::<Vec<_>>()
    );
    for request in stage.server.seen() {
        assert_eq!(request.method, "GET", "{}", request.path);
        assert!(routes::is_read_path(request.path.trim_start_matches("/api2/json")), "{}", request.path);
    }
}

#[tokio::test]
async fn a_guest_is_told_in_depth_and_one_part_that_fails_costs_no_other() {
    let stage = Stage::new().await;
    let value = stage.read("guest", json!({"vmid": 100})).await.unwrap().value;
    assert_eq!(value["guest"]["name"], "openwebui");
    assert_eq!(value["config"]["cores"], 4);
    assert_eq!(value["snapshots"], json!([]), "the pseudo snapshot `current` is none");
    assert!(value["now"]["pressure_cpusome_percent"].is_number(), "{}", value["now"]);
    assert!(value["guest"].get("started_ms").is_none() && value["guest"].get("src").is_none());
    // A guest of the list whose own answers were not recorded.
    let other = stage.parts.state.current().1.guests.keys().copied().find(|vmid| vmid.get() == 123);
    if let Some(vmid) = other {
        let value = stage.read("guest", json!({"vmid": vmid.get()})).await.unwrap().value;
        assert!(value["config_unread"].is_string() && value["guest"].is_object(), "{value}");
    }
    let error = stage.read("guest", json!({"vmid": 424_242})).await.unwrap_err().to_string();
    assert!(error.contains("424242") && error.contains("guests"), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_named_and_nothing_is_sent() {
    let stage = Stage::new().await;
    let before = stage.server.seen().len();
    for (name, args) in [
        ("node_status", json!({"node": "nosuch"})),
        ("services", json!({"node": "home"})),
        ("disks", json!({"node": "nosuch"})),
        ("firewall", json!({"vmid": 424_242})),
        ("tasks", json!({"vmid": 424_242})),
    ] {
        let error = stage.read(name, args).await.unwrap_err();
        assert!(matches!(error, ToolError::Absent { .. }), "{name}: {error}");
    }
    assert_eq!(stage.server.seen().len(), before);
    let change = Operation::parse("stop_guest", &json!({"vmid": 100})).unwrap();
    assert!(matches!(read(&change, &stage.parts).await, Err(ToolError::NotARead { .. })));
}

#[tokio::test]
async fn without_a_cluster_what_the_store_knows_is_still_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Clock, Limits::default()).unwrap();
    let parts = Parts::new(Clock, StateHub::new("e".into()), store, (None, None), None, no_docker());
    for (name, args) in reads() {
        let operation = Operation::parse(name, &args).unwrap();
        let outcome = read(&operation, &parts).await;
        match name {
            "history" | "events" | "incidents" | "audit" => assert!(outcome.is_ok(), "{name}"),
            "docker" | "docker_logs" => assert!(outcome.is_err(), "{name}"),
            "journal" | "processes" | "sockets" => {
                assert!(matches!(outcome, Err(ToolError::NoSsh { .. })), "{name}: {outcome:?}");
            }
            _ => assert!(matches!(outcome, Err(ToolError::NoCluster)), "{name}: {outcome:?}"),
        }
    }
}
