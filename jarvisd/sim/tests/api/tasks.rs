//! Tasks: their ids, ends, logs and what they leave behind.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Lab, escape};

/// Path, form, and how the task ends.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);

async fn act(lab: &Lab, path: &str, form: &[(&str, &str)]) -> (String, String) {
    let upid = lab.post(path, form).await.data().as_str().unwrap().to_owned();
    let end = lab.end_of(&upid).await;
    (upid, end)
}

#[tokio::test]
async fn a_start_shows_at_once_in_the_state_and_at_the_next_push_in_the_list() {
    let lab = Lab::new(1.0).await;
    let listed = async || lab.get("/cluster/resources").await.row("id", "qemu/110")["status"].clone();
    assert_eq!(listed().await, "stopped");
    let upid = lab.post("/nodes/pve/qemu/110/status/start", &[]).await.data();
    let upid = upid.as_str().unwrap();
    assert!(upid.starts_with("UPID:pve:") && upid.ends_with(":qmstart:110:root@pam!full:"), "{upid}");
    let running = lab.get("/cluster/tasks").await.row("upid", upid);
    assert!(running.get("endtime").is_none() && running.get("status").is_none(), "{running}");
    assert_eq!((&running["user"], &running["tokenid"]), (&json!("root@pam"), &json!("full")));
    let active = lab.get("/nodes/pve/tasks?source=active").await;
    assert_eq!(active.row("upid", upid)["status"], "RUNNING");
    assert_eq!(lab.end_of(upid).await, "OK");
    assert_eq!(lab.get("/nodes/pve/qemu/110/status/current").await.data()["status"], "running");
    lab.advance(10.0).await;
    assert_eq!(listed().await, "running");
    let log = lab.get(&format!("/nodes/pve/tasks/{}/log", escape(upid))).await.json();
    assert_eq!(log, json!({"data": [{"n": 1, "t": "TASK OK"}], "total": 1}));
}

#[tokio::test]
async fn what_cannot_work_fails_in_the_task_and_not_in_the_call() {
    let lab = Lab::new(1.0).await;
    let cases: [Case; 7] = [
        ("/nodes/Home/qemu/100/status/start", &[], "VM 100 already running"),
        ("/nodes/pve/qemu/9000/status/start", &[], "you can't start a vm if it's a template"),
        (
            "/nodes/Home/qemu/999/status/start",
            &[],
            "Configuration file 'nodes/Home/qemu-server/999.conf' does not exist",
        ),
        ("/nodes/pve/qemu/110/status/shutdown", &[], "OK"),
        ("/nodes/pve/qemu/110/status/stop", &[], "OK"),
        ("/nodes/pve/qemu/110/snapshot/none/rollback", &[], "snapshot 'none' does not exist"),
        ("/nodes/pve/qemu/107/migrate", &[("target", "agent1")], "can't migrate running VM without --online"),
    ];
    for (path, form, end) in cases {
        assert_eq!(act(&lab, path, form).await.1, end, "{path}");
    }
}

#[tokio::test]
async fn a_locked_guest_refuses_and_a_busy_one_waits() {
    let lab = Lab::new(1.0).await;
    lab.fault(json!({"do": "lock", "vmid": 107, "kind": "backup"})).await;
    assert_eq!(lab.get("/cluster/resources").await.row("id", "qemu/107")["lock"], "backup");
    assert_eq!(act(&lab, "/nodes/pve/qemu/107/status/stop", &[]).await.1, "VM is locked (backup)");
    lab.fault(json!({"do": "unlock", "vmid": 107})).await;
    let first = lab.post("/nodes/pve/qemu/107/status/shutdown", &[]).await.data();
    let (_, second) = act(&lab, "/nodes/pve/qemu/107/status/start", &[]).await;
    assert_eq!(lab.end_of(first.as_str().unwrap()).await, "OK");
    assert_eq!(second, "OK", "the start waited for the shutdown and then worked");
}

#[tokio::test]
async fn snapshots_backups_and_migrations_leave_what_they_should() {
    let lab = Lab::new(1.0).await;
    let snapshot = "/nodes/agent1/qemu/103/snapshot";
    assert_eq!(act(&lab, snapshot, &[("snapname", "before"), ("description", "x")]).await.1, "OK");
    let list = lab.get(snapshot).await.data();
    assert_eq!(
        (&list[0]["name"], &list[1]["name"], &list[1]["parent"]),
        (&json!("before"), &json!("current"), &json!("before"))
    );
    let gone = lab.ask("Home", "full", Method::DELETE, &format!("{snapshot}/before"), &[]).await.data();
    assert_eq!(lab.end_of(gone.as_str().unwrap()).await, "OK");
    assert_eq!(lab.get(snapshot).await.data().as_array().unwrap().len(), 1);

    let upid = lab
        .post("/nodes/agent1/vzdump", &[("vmid", "104"), ("storage", "backup"), ("mode", "snapshot")])
        .await
        .data();
    assert_eq!(lab.get("/cluster/resources").await.row("id", "lxc/104")["lock"], "backup");
    assert_eq!(lab.end_of(upid.as_str().unwrap()).await, "OK");
    assert!(lab.get("/cluster/resources").await.row("id", "lxc/104").get("lock").is_none());

    let (_, end) = act(
        &lab,
        "/nodes/pve/qemu/107/migrate",
        &[("target", "agent1"), ("online", "1"), ("with-local-disks", "1")],
    )
    .await;
    assert_eq!(end, "OK");
    assert_eq!(lab.get("/cluster/resources").await.row("id", "qemu/107")["node"], "agent1");
    assert_eq!(lab.get("/nodes/pve/qemu/107/status/current").await.status, 500);
}

#[tokio::test]
async fn tasks_can_fail_warn_take_long_and_be_stopped() {
    let lab = Lab::new(1.0).await;
    lab.fault(json!([
        {"do": "task_fail", "kind": "vzreboot", "message": "no such luck", "times": 1},
        {"do": "task_warn", "kind": "vzdump", "count": 2, "times": 1},
    ]))
    .await;
    assert_eq!(act(&lab, "/nodes/Home/lxc/102/status/reboot", &[]).await.1, "no such luck");
    assert_eq!(act(&lab, "/nodes/Home/lxc/102/status/reboot", &[]).await.1, "OK");
    let (_, warned) = act(&lab, "/nodes/Home/vzdump", &[("vmid", "102"), ("storage", "backup")]).await;
    assert_eq!(warned, "WARNINGS: 2");
    let upid = lab.post("/nodes/agent1/vzdump", &[("vmid", "103"), ("storage", "backup")]).await.data();
    let path = format!("/nodes/agent1/tasks/{}", escape(upid.as_str().unwrap()));
    assert_eq!(lab.ask("Home", "full", Method::DELETE, &path, &[]).await.data(), Value::Null);
    assert_eq!(lab.end_of(upid.as_str().unwrap()).await, "received interrupt");
    let guests = lab.truth().await;
    let management = guests["guests"].as_array().unwrap().iter().find(|g| g["vmid"] == 103).unwrap().clone();
    assert_eq!(management["lock"], Value::Null);
}

#[tokio::test]
async fn a_guest_just_made_is_a_bare_row_until_the_next_push() {
    let lab = Lab::new(1.0).await;
    lab.fault(json!({"do": "guest_add", "vmid": 200, "name": "fresh", "node": "agent1"})).await;
    let bare = lab.get("/cluster/resources").await.row("vmid", 200);
    assert_eq!(
        bare,
        json!({"id": "lxc/200", "vmid": 200, "type": "lxc", "node": "agent1", "status": "unknown"})
    );
    lab.advance(14.0).await;
    let row = lab.get("/cluster/resources").await.row("vmid", 200);
    assert_eq!((&row["name"], &row["status"]), (&json!("fresh"), &json!("running")));
    lab.fault(json!({"do": "guest_remove", "vmid": 200})).await;
    lab.advance(2.0).await;
    let rows = lab.get("/cluster/resources?type=vm").await.data();
    assert!(rows.as_array().unwrap().iter().all(|r| r["vmid"] != 200));
}

#[tokio::test]
async fn the_task_list_remembers_the_nights_before_and_mixes_its_types() {
    let lab = Lab::new(1.0).await;
    let tasks = lab.get("/cluster/tasks").await.data();
    let tasks = tasks.as_array().unwrap();
    assert!(tasks.len() > 20, "{} tasks", tasks.len());
    assert!(tasks.iter().any(|t| t["saved"] == 1) && tasks.iter().any(|t| t["saved"] == "1"));
    let backup = tasks.iter().find(|t| t["type"] == "vzdump").unwrap();
    assert!(backup["endtime"].as_u64() > backup["starttime"].as_u64());
    assert_eq!(lab.get("/cluster/nextid").await.data(), "120");
    let journal = lab.get("/nodes/pve/journal?lastentries=5").await.data();
    assert_eq!(journal.as_array().unwrap().len(), 5);
}
