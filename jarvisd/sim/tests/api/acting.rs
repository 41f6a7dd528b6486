//! Changes through the API and what can become of them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Lab, finish};

async fn status_of(lab: &Lab, vmid: u32) -> Value {
    let truth = lab.truth().await;
    truth["guests"].as_array().unwrap().iter().find(|g| g["vmid"] == vmid).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_change_is_done_and_recorded_though_its_answer_is_lost() {
    let lab = Lab::new(0.02).await;
    let path = "/nodes/Home/lxc/102/status/stop";
    for variant in ["reset", "hang"] {
        lab.fault(json!({"do": "lost_answer", "variant": variant, "path": "/status/", "times": 1})).await;
        assert_eq!(
            lab.get("/nodes/Home/lxc/102/status/current").await.status,
            200,
            "reads are not concerned"
        );
        let request = lab.client.post(format!("{}/api2/json{path}", lab.url("Home")));
        let request = request.header("Authorization", lab.token("act")).timeout(Duration::from_millis(800));
        assert!(finish(request).await.is_err(), "{variant}");
    }
    let seen = lab.effects("?side=pve").await;
    let rows = seen["effects"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows.iter().all(|r| r["acted"] == true && r["upid"].as_str().unwrap().contains(":vzstop:102:")));
    assert_eq!((&rows[0]["target"], &rows[0]["by"]), (&json!("lxc/102"), &json!("jarvis@pve!act")));
    lab.end_of(rows[0]["upid"].as_str().unwrap()).await;
    assert_eq!(status_of(&lab, 102).await["status"], "stopped");
}

#[tokio::test]
async fn a_request_whose_asker_went_away_is_still_done_and_a_swallowed_one_is_not() {
    let lab = Lab::new(1.0).await;
    let ask = |path: &str| {
        let request = lab.client.post(format!("{}/api2/json{path}", lab.url("Home")));
        request.header("Authorization", lab.token("act")).timeout(Duration::from_millis(400))
    };
    lab.fault(json!({"do": "slow", "by_s": 1, "method": "POST", "times": 1})).await;
    assert!(finish(ask("/nodes/Home/lxc/102/status/stop")).await.unwrap_err().is_timeout());
    assert_eq!(lab.effects("").await["effects"], json!([]), "not yet");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(lab.effects("").await["effects"][0]["acted"], json!(true));
    for fault in ["hang", "reset"] {
        lab.fault(json!({"do": fault, "method": "POST", "times": 1})).await;
        assert!(finish(ask("/nodes/Home/lxc/108/status/stop")).await.is_err());
    }
    let rows = lab.effects("?since=1").await;
    let rows = rows["effects"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter().all(|r| r["acted"] == false && r["status"] == 0 && r["upid"] == Value::Null),
        "{rows:?}"
    );
    assert_eq!(status_of(&lab, 108).await["status"], "running");
}

#[tokio::test]
async fn a_task_that_never_ends_holds_its_guest_until_it_is_stopped() {
    let lab = Lab::new(1.0).await;
    lab.fault(json!({"do": "task_hang", "kind": "vzdump", "times": 1})).await;
    let backup = lab.post("/nodes/Home/vzdump", &[("vmid", "102"), ("storage", "backup")]).await.data();
    let upid = backup.as_str().unwrap().to_owned();
    lab.advance(86_400.0).await;
    let path = format!("/nodes/Home/tasks/{}", crate::escape(&upid));
    assert_eq!(lab.get(&format!("{path}/status")).await.data()["status"], "running");
    assert_eq!(status_of(&lab, 102).await["lock"], "backup");
    let start = lab.post("/nodes/Home/lxc/102/status/shutdown", &[]).await.data();
    assert_eq!(lab.end_of(start.as_str().unwrap()).await, "CT is locked (backup)");
    assert_eq!(lab.ask("Home", "full", Method::DELETE, &path, &[]).await.status, 200);
    assert_eq!(lab.end_of(&upid).await, "received interrupt");
    assert_eq!(status_of(&lab, 102).await["lock"], Value::Null);
}

#[tokio::test]
async fn a_guest_under_ha_is_stopped_and_started_by_the_manager_later() {
    let lab = Lab::new(1.0).await;
    lab.fault(json!({"do": "ha_manage", "vmid": 100})).await;
    assert_eq!(lab.get("/cluster/ha/resources").await.row("sid", "vm:100")["state"], "started");
    let current = lab.get("/nodes/Home/qemu/100/status/current").await.data();
    assert_eq!(current["ha"], json!({"managed": 1, "state": "started"}));
    // A power call becomes a request, whose task ends before anything has happened.
    let upid = lab.post("/nodes/Home/qemu/100/status/stop", &[]).await.data();
    let upid = upid.as_str().unwrap();
    assert!(upid.contains(":hastop:100:"), "{upid}");
    assert_eq!(lab.end_of(upid).await, "OK");
    assert_eq!(status_of(&lab, 100).await["status"], "running");
    let service = lab.get("/cluster/ha/status/current").await.row("id", "service:vm:100");
    assert_eq!((&service["state"], &service["request_state"]), (&json!("request_stop"), &json!("stopped")));
    lab.advance(25.0).await;
    assert_eq!(status_of(&lab, 100).await["ha"], "stopped");
    let done = lab.get("/cluster/tasks").await.row("type", "qmshutdown");
    assert_eq!((&done["user"], &done["status"]), (&json!("root@pam"), &json!("OK")));
    // The route for HA itself: no task, no body, privileges of its own.
    let put = async |token: &str, form: &[(&str, &str)]| {
        lab.ask("Home", token, Method::PUT, "/cluster/ha/resources/vm%3A100", form).await
    };
    assert_eq!(put("read", &[("state", "started")]).await.reason, "Permission check failed (/, Sys.Console)");
    assert_eq!(put("act", &[("state", "sideways")]).await.status, 400);
    assert_eq!(put("act", &[("state", "started"), ("digest", "0000")]).await.status, 500);
    assert_eq!(put("act", &[("state", "started")]).await.data(), Value::Null);
    assert_eq!(status_of(&lab, 100).await["ha"], "request_start");
    lab.advance(20.0).await;
    assert_eq!(status_of(&lab, 100).await["ha"], "started");
    assert_eq!(lab.get("/cluster/resources").await.row("id", "qemu/100")["hastate"], "started");
    lab.fault(json!({"do": "ha_error", "vmid": 100})).await;
    assert_eq!(lab.get("/cluster/resources").await.row("id", "qemu/100")["hastate"], "error");
    let none =
        lab.ask("Home", "act", Method::PUT, "/cluster/ha/resources/vm:106", &[("state", "stopped")]).await;
    assert_eq!(none.reason, "no such resource 'vm:106'");
    lab.fault(json!({"do": "quorum_lost", "variant": "votes"})).await;
    lab.advance(12.0).await;
    let (_, _) = lab.control(Method::POST, "/clock", json!({"scale": 0.02})).await;
    let refused = put("act", &[("state", "stopped")]).await;
    assert_eq!(refused.reason, "update resource failed: cfs-lock 'domain-ha' error: no quorum!");
}

#[tokio::test]
async fn guests_of_a_fenced_node_are_recovered_elsewhere() {
    let lab = Lab::new(1.0).await;
    lab.fault(json!([{"do": "ha_manage", "vmid": 106}, {"do": "node_down", "node": "pve"}])).await;
    lab.advance(30.0).await;
    assert_eq!(
        (status_of(&lab, 106).await["ha"].clone(), status_of(&lab, 106).await["node"].clone()),
        (json!("fence"), json!("pve"))
    );
    lab.advance(130.0).await;
    let guest = status_of(&lab, 106).await;
    assert_eq!((&guest["node"], &guest["status"]), (&json!("Home"), &json!("running")), "{guest}");
}

#[tokio::test]
async fn a_node_told_to_reboot_stops_its_guests_goes_away_and_comes_back() {
    let lab = Lab::new(1.0).await;
    let command =
        lab.ask("Home", "read", Method::POST, "/nodes/agent/status", &[("command", "reboot")]).await;
    assert_eq!(command.status, 403);
    let command = lab.ask("Home", "act", Method::POST, "/nodes/agent/status", &[("command", "reboot")]).await;
    assert_eq!(command.data(), Value::Null);
    let node = async || {
        let truth = lab.truth().await;
        truth["nodes"].as_array().unwrap().iter().find(|n| n["name"] == "agent").unwrap()["link"].clone()
    };
    assert_eq!(node().await, "up", "not at once");
    // What others plan or clear does not save it.
    lab.control(Method::DELETE, "/faults", Value::Null).await;
    lab.advance(17.0).await;
    assert_eq!(node().await, "dead");
    let stopped = lab.get("/cluster/tasks").await.row("type", "stopall");
    assert_eq!((&stopped["node"], &stopped["user"]), (&json!("agent"), &json!("root@pam")));
    lab.advance(10.0).await;
    assert_eq!(node().await, "booting");
    lab.advance(90.0).await;
    assert_eq!(lab.get("/cluster/resources").await.row("id", "node/agent")["status"], "online");
    assert_eq!(status_of(&lab, 111).await["status"], "running", "guests that start with it are back");
    let down = lab.post("/nodes/agent/status", &[("command", "shutdown")]).await;
    assert_eq!(down.status, 200);
    lab.advance(200.0).await;
    assert_eq!(node().await, "dead", "a shutdown is for good");
}

#[tokio::test]
async fn a_number_used_again_is_another_guest() {
    let lab = Lab::new(1.0).await;
    let config = async || lab.get("/nodes/Home/qemu/100/config").await.data();
    let before = config().await;
    lab.fault(json!({"do": "guest_remove", "vmid": 100})).await;
    lab.advance(5.0).await;
    assert_eq!(status_of(&lab, 100).await, Value::Null);
    lab.fault(
        json!({"do": "guest_add", "vmid": 100, "kind": "qemu", "node": "Home", "name": "home-assistant"}),
    )
    .await;
    lab.advance(5.0).await;
    let after = config().await;
    assert_eq!(before["name"], after["name"]);
    for key in ["smbios1", "vmgenid", "net0", "meta"] {
        assert_ne!(before[key], after[key], "{key}");
    }
}

#[tokio::test]
async fn services_are_restarted_by_a_task_with_its_own_privilege_even_without_quorum() {
    let lab = Lab::new(0.05).await;
    let path = "/nodes/pve/services/pveproxy/restart";
    let refused = lab.ask("Home", "read", Method::POST, path, &[]).await;
    assert_eq!(refused.reason, "Permission check failed (/nodes/pve, Sys.Modify)");
    lab.fault(json!([{"do": "service_fail", "node": "pve", "name": "pveproxy"}, {"do": "quorum_lost", "variant": "votes"}])).await;
    lab.advance(12.0).await;
    let upid = lab.ask("Home", "act", Method::POST, path, &[]).await.data();
    assert_eq!(lab.end_of(upid.as_str().unwrap()).await, "OK");
    assert_eq!(lab.get("/nodes/pve/services").await.row("service", "pveproxy")["state"], "running");
    let start = lab.ask("Home", "act", Method::POST, "/nodes/Home/lxc/102/status/stop", &[]).await;
    assert_eq!(start.reason, "cluster not ready - no quorum?", "guests need it");
}
