//! Every call the daemon may make has an answer here, and needs the privilege the daemon says it needs.

use jarvis_core::tools::{Effect, routes};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Lab;

/// A path of a table with values that exist.
fn filled(template: &str, upid: &str) -> String {
    let path = template
        .replace("{node}", "pve")
        .replace("{kind}", "qemu")
        .replace("{vmid}", "106")
        .replace("{storage}", "nas-pool")
        .replace("{service}", "pvestatd")
        .replace("{snapname}", "before")
        .replace("{sid}", "vm%3A106")
        .replace("{upid}", &crate::escape(upid));
    match path.rsplit('/').next() {
        Some("rrddata") => path + "?timeframe=hour",
        Some("smart") => path + "?disk=/dev/sda",
        _ => path,
    }
}

#[tokio::test]
async fn every_read_is_answered_to_a_token_that_may_only_audit() {
    let lab = Lab::new(0.005).await;
    let upid = lab.ask("pve", "read", Method::GET, "/nodes/pve/tasks?limit=1", &[]).await.data();
    let upid = upid[0]["upid"].as_str().unwrap().to_owned();
    for (template, privilege) in routes::READS {
        let path = filled(template, &upid);
        let got = lab.ask("Home", "read", Method::GET, &path, &[]).await;
        match *template {
            // As of a cluster that has none.
            "/cluster/ceph/status" => assert_eq!(got.reason, "binary not installed: /usr/bin/ceph-mon"),
            _ => assert!(!got.data().is_null(), "{path}"),
        }
        let bare = lab.ask("Home", "noacl", Method::GET, &path, &[]).await;
        if privilege.is_empty() {
            assert!([200, 403].contains(&bare.status), "{path}: {bare:?}");
        } else {
            assert_eq!(bare.status, 403, "{path}");
            assert!(bare.reason.contains(privilege), "{path}: {}", bare.reason);
        }
    }
}

/// What each change needs besides its path.
fn form(effect: Effect) -> Vec<(&'static str, &'static str)> {
    match effect {
        Effect::MigrateGuest => vec![("target", "Home"), ("online", "1"), ("with-local-disks", "1")],
        Effect::CreateSnapshot => vec![("snapname", "before")],
        Effect::StartBackup => vec![("vmid", "106"), ("storage", "backup"), ("mode", "snapshot")],
        Effect::RebootNode => vec![("command", "reboot")],
        Effect::ShutdownNode => vec![("command", "shutdown")],
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn every_change_needs_the_privilege_of_the_table_and_is_an_effect() {
    for effect in Effect::ALL {
        let Some(change) = effect.change() else { continue };
        let lab = Lab::new(0.005).await;
        if effect == Effect::WakeNode {
            let form = [("wakeonlan", "58:47:CA:00:11:22")];
            lab.ask("Home", "full", Method::PUT, "/nodes/pve/config", &form).await.data();
        }
        let before = lab.effects("").await["cursor"].clone();
        let (method, path) =
            (Method::from_bytes(change.method.text().as_bytes()).unwrap(), filled(change.path, ""));
        let refused = lab.ask("Home", "read", method.clone(), &path, &form(effect)).await;
        assert_eq!(refused.status, 403, "{effect:?}: {refused:?}");
        assert!(refused.reason.contains(change.privilege), "{effect:?}: {}", refused.reason);
        let done = lab.ask("Home", "act", method, &path, &form(effect)).await;
        assert_eq!(done.status, 200, "{effect:?}: {done:?}");
        let seen = lab.effects(&format!("?since={before}")).await;
        let acted: Vec<&Value> = seen["effects"].as_array().unwrap().iter().map(|e| &e["acted"]).collect();
        assert_eq!(acted, [&json!(false), &json!(true)], "{effect:?}");
    }
}

#[tokio::test]
async fn the_manager_is_asked_on_its_own_routes_and_moves_a_guest_later() {
    let lab = Lab::new(1.0).await;
    lab.fault(json!({"do": "ha_manage", "vmid": 106})).await;
    let asked = [
        (Effect::ShutdownGuest, vec![("state", "stopped")]),
        (Effect::StartGuest, vec![("state", "started")]),
        (Effect::MigrateGuest, vec![("node", "Home")]),
    ];
    for (effect, form) in &asked {
        let change = effect.ha_change().unwrap();
        let (method, path) =
            (Method::from_bytes(change.method.text().as_bytes()).unwrap(), filled(change.path, ""));
        let refused = lab.ask("Home", "read", method.clone(), &path, form).await;
        assert_eq!(refused.reason, format!("Permission check failed (/, {})", change.privilege));
        assert_eq!(lab.ask("Home", "act", method, &path, form).await.status, 200, "{effect:?}");
    }
    lab.advance(60.0).await;
    let truth = lab.truth().await;
    let guest = truth["guests"].as_array().unwrap().iter().find(|g| g["vmid"] == 106).unwrap();
    assert_eq!((&guest["node"], &guest["ha"]), (&json!("Home"), &json!("started")), "{guest}");
}

#[tokio::test]
async fn a_running_vm_with_disks_of_its_own_moves_only_when_that_is_said() {
    let lab = Lab::new(1.0).await;
    let migrate = async |form: &[(&str, &str)]| {
        let upid = lab.post("/nodes/Home/qemu/100/migrate", form).await.data();
        lab.end_of(upid.as_str().unwrap()).await
    };
    let refused = migrate(&[("target", "agent1"), ("online", "1")]).await;
    assert!(refused.contains("without with-local-disks option"), "{refused}");
    assert_eq!(migrate(&[("target", "agent1"), ("online", "1"), ("with-local-disks", "1")]).await, "OK");
    let upid = lab.post("/nodes/Home/vzdump", &[("vmid", "102"), ("storage", "local-lvm")]).await.data();
    let end = lab.end_of(upid.as_str().unwrap()).await;
    assert!(end.ends_with("can't use storage 'local-lvm' for backups - wrong content type"), "{end}");
}
