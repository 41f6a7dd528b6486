//! A node cut and back, and quorum lost and back, against the recorded timeline.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Lab, finish, shapes};

async fn rows(lab: &Lab) -> (Value, Value, Value, Value) {
    let all = lab.get("/cluster/resources").await;
    let member = lab.get("/cluster/status").await.row("name", "agent");
    (
        member["online"].clone(),
        all.row("id", "node/agent"),
        all.row("id", "lxc/111"),
        all.row("id", "storage/agent/local"),
    )
}

fn same_members(recorded: &Value, ours: &Value) {
    let mut wrong = Vec::new();
    // Other guests have other optional members.
    shapes::compare("row", recorded, ours, &["tags".to_owned()], &mut wrong);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn a_cut_node_freezes_is_forgotten_and_comes_back_as_recorded() {
    let lab = Lab::new(1.0).await;
    let recorded = shapes::recorded()["node_loss"].clone();
    lab.fault(json!({"do": "node_down", "node": "agent"})).await;
    lab.advance(7.0).await;
    let (online, node, _, _) = rows(&lab).await;
    assert_eq!((online, &node["status"]), (json!(1), &json!("online")), "nobody noticed yet");
    lab.advance(4.0).await;
    let (online, node, guest, storage) = rows(&lab).await;
    assert_eq!(online, json!(0));
    same_members(&recorded["offline_node"], &node);
    assert_eq!(node["status"], "offline");
    assert_eq!((&guest["status"], &storage["status"]), (&json!("running"), &json!("available")));
    let frozen = guest.clone();
    lab.advance(230.0).await;
    assert_eq!(rows(&lab).await.2, frozen, "frozen, uptime included");
    lab.advance(60.0).await;
    let (_, node, guest, storage) = rows(&lab).await;
    same_members(&recorded["forgotten_node"], &node);
    assert_eq!(
        guest,
        json!({"id": "lxc/111", "vmid": 111, "type": "lxc", "node": "agent", "status": "unknown", "tags": "mon"})
    );
    same_members(&recorded["forgotten_storage"], &storage);
    assert_eq!(storage["status"], "unknown");
    assert_eq!(
        lab.get("/cluster/resources").await.row("id", "network/agent/zone/localnetwork")["status"],
        "ok"
    );

    lab.fault(json!({"do": "node_up", "node": "agent"})).await;
    lab.advance(2.0).await;
    assert_eq!(rows(&lab).await.0, json!(0));
    lab.advance(4.5).await;
    let (online, node, _, _) = rows(&lab).await;
    assert_eq!((online, &node["status"]), (json!(1), &json!("unknown")));
    same_members(&recorded["returning_node"], &node);
    lab.advance(13.0).await;
    let (_, node, guest, _) = rows(&lab).await;
    assert_eq!((&node["status"], &guest["name"]), (&json!("online"), &json!("uptime-kuma")));
    assert!(guest["uptime"].as_u64() > frozen["uptime"].as_u64(), "it ran on meanwhile");
}

#[tokio::test]
async fn calls_passed_on_to_a_cut_node_hang_first_and_fail_soon_later() {
    let lab = Lab::new(0.01).await;
    lab.fault(json!({"do": "node_down", "node": "agent"})).await;
    let early = lab.get("/nodes/agent/status").await;
    assert_eq!((early.status, early.text.as_str()), (595, ""));
    assert!(["No route to host", "Connection timed out"].contains(&early.reason.as_str()), "{early:?}");
    assert!(early.took >= Duration::from_millis(100), "{early:?}");
    lab.advance(60.0).await;
    let late = lab.get("/nodes/agent/qemu").await;
    assert_eq!((late.status, late.reason.as_str(), late.text.as_str()), (595, "No route to host", ""));
    assert!(late.took < Duration::from_millis(200), "{late:?}");
}

#[tokio::test]
async fn a_cut_node_itself_hangs_then_refuses_then_answers_on_the_same_port() {
    let lab = Lab::new(1.0).await;
    let version = async |limit| {
        let url = format!("{}/api2/json/version", lab.url("agent"));
        finish(lab.client.get(url).header("Authorization", lab.token("read")).timeout(limit)).await
    };
    let second = Duration::from_secs(1);
    assert_eq!(version(second).await.unwrap().status, 200);
    lab.fault(json!({"do": "node_down", "node": "agent", "variant": "power"})).await;
    assert!(version(second).await.unwrap_err().is_timeout());
    lab.advance(21.0).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let fresh = crate::client_of(&std::fs::read(&lab.running.ready.ca_file).unwrap());
    let refused = fresh.get(lab.url("agent")).timeout(second).send().await.unwrap_err();
    assert!(refused.is_connect(), "{refused:?}");
    lab.fault(json!({"do": "node_up", "node": "agent"})).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let again = fresh
        .get(format!("{}/api2/json/version", lab.url("agent")))
        .header("Authorization", lab.token("read"));
    assert_eq!(finish(again).await.unwrap().status, 200);
    let on = lab.truth().await["guests"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|g| g["node"] == "agent" && g["status"] == "running")
        .count();
    assert_eq!(on, 0, "after a power loss its guests are off");
    lab.advance(20.0).await;
    let on = lab.truth().await["guests"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|g| g["node"] == "agent" && g["status"] == "running")
        .count();
    assert_eq!(on, 2, "and start with the machine");
}

#[tokio::test]
async fn a_dead_machine_wakes_by_its_address_through_another() {
    let lab = Lab::new(1.0).await;
    let set = lab
        .ask("Home", "full", reqwest::Method::PUT, "/nodes/pve/config", &[("wakeonlan", "58:47:CA:00:11:22")])
        .await;
    assert_eq!(set.data(), Value::Null);
    lab.fault(json!({"do": "node_down", "node": "pve", "variant": "power"})).await;
    lab.advance(30.0).await;
    // The call is about a dead node but sent by the one that answers.
    let woken = lab.post("/nodes/pve/wakeonlan", &[]).await;
    assert_eq!(woken.data(), "58:47:CA:00:11:22");
    lab.advance(70.0).await;
    assert_eq!(lab.get("/cluster/resources").await.row("id", "node/pve")["status"], "online");
}

#[tokio::test]
async fn without_quorum_reads_go_on_and_changes_fail_in_three_ways() {
    let lab = Lab::new(0.02).await;
    let quorate = async || lab.get("/cluster/status").await.row("type", "cluster")["quorate"].clone();
    let (_, answer) = lab.control(reqwest::Method::POST, "/clock", json!({"scale": 1.0})).await;
    assert_eq!(answer["scale"], json!(1.0));
    lab.fault(json!({"do": "quorum_lost"})).await;
    lab.advance(8.0).await;
    assert_eq!(quorate().await, json!(1));
    assert_eq!(lab.post("/nodes/Home/lxc/102/status/start", &[]).await.status, 200, "not noticed yet");
    lab.advance(4.0).await;
    assert_eq!(quorate().await, json!(0));
    let start = lab.post("/nodes/Home/lxc/102/status/start", &[]).await;
    assert_eq!((start.status, start.reason.as_str()), (500, "cluster not ready - no quorum?"));
    let config = lab
        .ask("Home", "full", reqwest::Method::PUT, "/nodes/Home/qemu/100/config", &[("description", "x")])
        .await;
    assert_eq!(
        config.reason,
        "unable to open file '/etc/pve/nodes/Home/qemu-server/100.conf.tmp.120' - Permission denied"
    );
    let _ = lab.control(reqwest::Method::POST, "/clock", json!({"scale": 0.02})).await;
    let storage =
        lab.ask("Home", "full", reqwest::Method::PUT, "/storage/local", &[("content", "iso")]).await;
    assert_eq!(storage.reason, "update storage failed: cfs-lock 'file-storage_cfg' error: no quorum!");
    assert!(storage.took >= Duration::from_millis(190), "{storage:?}");
    assert_eq!(
        lab.get("/cluster/ha/status/current").await.row("id", "quorum")["status"],
        "No quorum on node 'Home'!"
    );
    lab.fault(json!({"do": "quorum_back"})).await;
    lab.advance(7.0).await;
    assert_eq!(quorate().await, json!(1));
}

#[tokio::test]
async fn the_contradiction_of_a_cold_start_is_shown() {
    let lab = Lab::new(1.0).await;
    lab.fault(json!({"do": "contradiction"})).await;
    let status = lab.get("/cluster/status").await;
    assert_eq!(status.row("type", "cluster")["quorate"], 1);
    assert!(
        status.data().as_array().unwrap().iter().filter(|r| r["type"] == "node").all(|r| r["online"] == 0)
    );
    assert_eq!(lab.get("/cluster/resources").await.row("id", "node/Home")["status"], "offline");
    assert_eq!(lab.get("/cluster/resources").await.row("id", "lxc/102")["status"], "running");
}
