//! Orders leave as Proxmox wants them, once, and every failure says how far they came.

use serde_json::{Value, json};

use super::super::tests::{
    CANARY, address, client,
    server::{Ca, Reply, Server, bare, http, json as answer},
    settings,
};
use super::*;
use crate::clients::testing::{Lets, op, order};

const UPID: &str = "UPID:pve:000002BF:0009E529:6B0330F7:qmstart:101:root@pam:";

fn place(kind: GuestKind, running: bool) -> Place {
    Place { node: "pve".parse().unwrap(), kind: Some(kind), running }
}

/// Every change there is in Proxmox's API, with what must leave for it.
fn table() -> Vec<(Operation, GuestKind, bool, &'static str, &'static str, &'static str)> {
    use GuestKind::{Lxc, Qemu};
    let vm = |name: &str| op(name, json!({"vmid": 101}));
    let snap = |name: &str| op(name, json!({"vmid": 101, "name": "before-update"}));
    let node = |name: &str| op(name, json!({"node": "pve"}));
    let to = || op("migrate_guest", json!({"vmid": 101, "to": "agent1"}));
    let backup = op("start_backup", json!({"vmid": 101, "storage": "nas-backup"}));
    let service = |unit: &str| op("restart_service", json!({"node": "pve", "unit": unit}));
    vec![
        (vm("start_guest"), Qemu, false, "POST", "/nodes/pve/qemu/101/status/start", ""),
        (vm("start_guest"), Lxc, false, "POST", "/nodes/pve/lxc/101/status/start", ""),
        (vm("resume_guest"), Qemu, true, "POST", "/nodes/pve/qemu/101/status/resume", ""),
        (vm("resume_guest"), Lxc, true, "POST", "/nodes/pve/lxc/101/status/resume", ""),
        (vm("suspend_guest"), Qemu, true, "POST", "/nodes/pve/qemu/101/status/suspend", ""),
        (vm("suspend_guest"), Lxc, true, "POST", "/nodes/pve/lxc/101/status/suspend", ""),
        (vm("shutdown_guest"), Qemu, true, "POST", "/nodes/pve/qemu/101/status/shutdown", ""),
        (vm("stop_guest"), Lxc, true, "POST", "/nodes/pve/lxc/101/status/stop", ""),
        (vm("reboot_guest"), Qemu, true, "POST", "/nodes/pve/qemu/101/status/reboot", ""),
        (to(), Qemu, false, "POST", "/nodes/pve/qemu/101/migrate", "target=agent1"),
        (
            to(),
            Qemu,
            true,
            "POST",
            "/nodes/pve/qemu/101/migrate",
            "online=1&target=agent1&with-local-disks=1",
        ),
        (to(), Lxc, true, "POST", "/nodes/pve/lxc/101/migrate", "restart=1&target=agent1"),
        (
            snap("create_snapshot"),
            Qemu,
            true,
            "POST",
            "/nodes/pve/qemu/101/snapshot",
            "snapname=before-update",
        ),
        (snap("create_snapshot"), Lxc, true, "POST", "/nodes/pve/lxc/101/snapshot", "snapname=before-update"),
        (snap("delete_snapshot"), Qemu, true, "DELETE", "/nodes/pve/qemu/101/snapshot/before-update", ""),
        (snap("delete_snapshot"), Lxc, true, "DELETE", "/nodes/pve/lxc/101/snapshot/before-update", ""),
        (
            backup,
            Qemu,
            true,
            "POST",
            "/nodes/pve/vzdump",
            "compress=zstd&mode=snapshot&remove=0&storage=nas-backup&vmid=101",
        ),
        (node("wake_node"), Qemu, false, "POST", "/nodes/pve/wakeonlan", ""),
        (node("reboot_node"), Qemu, false, "POST", "/nodes/pve/status", "command=reboot"),
        (node("shutdown_node"), Qemu, false, "POST", "/nodes/pve/status", "command=shutdown"),
        (service("pveproxy"), Qemu, false, "POST", "/nodes/pve/services/pveproxy/restart", ""),
        (service("ssh.service"), Qemu, false, "POST", "/nodes/pve/services/sshd/restart", ""),
    ]
}

#[tokio::test]
async fn each_change_is_one_request_and_the_dry_run_shows_that_very_one() {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, |_, _| answer(&format!(r#"{{"data":"{UPID}"}}"#))).await;
    let proxmox = client(&settings(&ca, &[("pve", &server)]));
    for (n, (operation, kind, running, method, path, body)) in table().into_iter().enumerate() {
        let place = place(kind, running);
        let shown = exact(&operation, &place, Route::Direct).unwrap();
        assert_eq!((shown.method.as_str(), shown.path.as_str(), shown.body.as_str()), (method, path, body));
        let sent = proxmox.send(order(&operation, false), &place).await.unwrap();
        assert_eq!(sent.upid.unwrap().as_str(), UPID);
        let seen = server.seen();
        assert_eq!(seen.len(), n + 1, "{operation:?}");
        let last = &seen[n];
        assert_eq!(last.method, method);
        assert_eq!(last.path, format!("/api2/json{path}"));
        assert_eq!(last.body, body);
        assert!(last.head.contains(&format!("authorization: PVEAPIToken=jarvis@pve!read={CANARY}\r\n")));
    }
}

#[tokio::test]
async fn i18_a_guest_under_ha_is_asked_for_through_the_ha_manager() {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, |_, _| answer(r#"{"data":null}"#)).await;
    let proxmox = client(&settings(&ca, &[("pve", &server)]));
    let start = op("start_guest", json!({"vmid": 101}));
    let stop = op("shutdown_guest", json!({"vmid": 101}));
    let to = op("migrate_guest", json!({"vmid": 101, "to": "agent1"}));
    for (n, (operation, kind, method, path, body)) in [
        (&start, GuestKind::Qemu, "PUT", "/cluster/ha/resources/vm%3A101", "state=started"),
        (&stop, GuestKind::Lxc, "PUT", "/cluster/ha/resources/ct%3A101", "state=stopped"),
        (&to, GuestKind::Qemu, "POST", "/cluster/ha/resources/vm%3A101/migrate", "node=agent1"),
    ]
    .into_iter()
    .enumerate()
    {
        let order = order(operation, true);
        assert_eq!(order.route(), Route::Ha);
        let place = place(kind, true);
        let shown = exact(operation, &place, Route::Ha).unwrap();
        assert_eq!((shown.method.as_str(), shown.path.as_str(), shown.body.as_str()), (method, path, body));
        assert_eq!(proxmox.send(order, &place).await.unwrap().upid, None);
        let seen = server.seen();
        assert_eq!((seen[n].method.as_str(), seen[n].body.as_str()), (method, body));
        assert_eq!(seen[n].path, format!("/api2/json{path}"));
    }
}

#[test]
fn what_proxmox_has_no_call_for_is_not_sent() {
    for (name, args) in [
        ("guests", json!({})),
        ("docker_restart", json!({"host": "management", "name": "redis"})),
        ("restart_service", json!({"node": "pve", "unit": "smbd"})),
        ("restart_service", json!({"node": "pve", "unit": "pveproxy.timer"})),
    ] {
        let error = exact(&op(name, args), &place(GuestKind::Qemu, true), Route::Direct).unwrap_err();
        assert!(matches!(error, SendError::NotSent(_)), "{error}");
    }
    let unknown = Place { kind: None, ..place(GuestKind::Qemu, true) };
    let error = exact(&op("stop_guest", json!({"vmid": 101})), &unknown, Route::Direct).unwrap_err();
    assert!(error.to_string().contains("VM or a container"), "{error}");
    let error = exact(&op("stop_guest", json!({"vmid": 101})), &place(GuestKind::Qemu, true), Route::Ha);
    assert!(error.is_err(), "HA has no request for a hard stop");
}

#[test]
fn no_argument_reaches_another_path() {
    let hostile = ["..", "a/b", "%2e%2e", "x?y=1", "x#y", "a b", "-x", "current", "a;b"];
    for text in hostile {
        let args: Value = json!({"vmid": 101, "name": text});
        // Refused as an argument, or one inert segment.
        let Ok(operation) = Operation::parse("delete_snapshot", &args) else { continue };
        let shown = exact(&operation, &place(GuestKind::Qemu, true), Route::Direct).unwrap();
        assert!(shown.path.starts_with("/nodes/pve/qemu/101/snapshot/"), "{}", shown.path);
        assert_eq!(shown.path.matches('/').count(), 6, "{}", shown.path);
    }
}

#[tokio::test]
async fn nothing_that_changes_something_is_ever_sent_twice() {
    let ca = Ca::new("cluster");
    let home = Server::new(&ca, |_, _| Reply::Drop).await;
    let other = Server::new(&ca, |_, _| answer(&format!(r#"{{"data":"{UPID}"}}"#))).await;
    let proxmox = client(&settings(&ca, &[("Home", &home), ("agent", &other)]));
    let start = op("start_guest", json!({"vmid": 101}));
    let error = proxmox.send(order(&start, false), &place(GuestKind::Qemu, false)).await.unwrap_err();
    assert!(error.may_have_acted(), "{error}");
    assert_eq!((home.seen().len(), other.seen().len()), (1, 0));
}

#[tokio::test]
async fn what_was_never_sent_goes_to_another_node() {
    let ca = Ca::new("cluster");
    let other = Server::new(&ca, |_, _| answer(&format!(r#"{{"data":"{UPID}"}}"#))).await;
    let mut settings = settings(&ca, &[("agent", &other)]);
    settings.nodes.insert(0, address("Home", "https://127.0.0.1:1"));
    let start = op("start_guest", json!({"vmid": 101}));
    let place = place(GuestKind::Qemu, false);
    let sent = client(&settings).send(order(&start, false), &place).await.unwrap();
    assert_eq!((sent.upid.unwrap().as_str(), other.seen().len()), (UPID, 1));
    settings.nodes = vec![address("Home", "https://127.0.0.1:1"), address("pve", "https://127.0.0.1:1")];
    let error = client(&settings).send(order(&start, false), &place).await.unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)) && !error.may_have_acted(), "{error}");
}

#[tokio::test]
async fn i01_a_switch_thrown_while_one_node_is_tried_keeps_the_change_from_the_next_one() {
    let ca = Ca::new("cluster");
    let other = Server::new(&ca, |_, _| answer(&format!(r#"{{"data":"{UPID}"}}"#))).await;
    let mut settings = settings(&ca, &[("agent", &other)]);
    settings.nodes.insert(0, address("Home", "https://127.0.0.1:1"));
    let start = op("start_guest", json!({"vmid": 101}));
    let place = place(GuestKind::Qemu, false);
    for (words, left) in [(0, 0), (1, 1)] {
        let client = client(&settings).guarded(Lets::leave(words));
        let sent = client.send(order(&start, false), &place).await;
        // What only makes the connection is no change, and it comes before the last word, also before a refusing one.
        let count = |method: &str| other.seen().iter().filter(|seen| seen.method == method).count();
        let changes = count("POST");
        assert_eq!(count("GET"), words + 1);
        assert_eq!((sent.is_ok(), changes), (left == 1, left), "{words}");
        if let Err(error) = sent {
            assert!(matches!(error, SendError::NotSent(_)), "{error}");
            assert!(error.to_string().contains("kill switch"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_node_that_shows_a_strangers_certificate_is_sent_nothing() {
    let (ca, strange) = (Ca::new("cluster"), Ca::new("strange"));
    let server = Server::new(&strange, |_, _| answer(r#"{"data":null}"#)).await;
    let proxmox = client(&settings(&ca, &[("pve", &server)]));
    let start = op("start_guest", json!({"vmid": 101}));
    let error = proxmox.send(order(&start, false), &place(GuestKind::Qemu, false)).await.unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)), "{error}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn every_failure_says_how_far_the_change_came() {
    let ca = Ca::new("cluster");
    let forbidden = r#"{"data":null,"message":"Permission check failed (/vms/101, VM.PowerMgmt)\n"}"#;
    let absent =
        r#"{"data":null,"message":"Configuration file 'nodes/pve/qemu-server/101.conf' does not exist\n"}"#;
    for (reply, word) in [
        (http("403 x", "application/json", forbidden), "refused"),
        (http("500 x", "application/json", absent), "refused"),
        (bare("500 cluster not ready - no quorum?"), "refused"),
        (bare("401 No ticket"), "refused"),
        (bare("595 No route to host"), "refused"),
        (bare("596 Connection timed out"), "unknown"),
        (bare("599 Too many redirections"), "unknown"),
        (bare("504 Gateway Timeout"), "unknown"),
        (http("200 OK", "text/html", "<html>"), "unknown"),
        (http("502 Bad Gateway", "text/html", "<html>proxy</html>"), "unknown"),
        (Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"data\":\"UPID:p".to_vec()), "unknown"),
        (Reply::Drop, "unknown"),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let server = Server::new(&ca, move |_, _| reply.lock().unwrap().take().unwrap()).await;
        let proxmox = client(&settings(&ca, &[("agent", &server)]));
        let stop = op("stop_guest", json!({"vmid": 101}));
        let error = proxmox.send(order(&stop, false), &place(GuestKind::Qemu, true)).await.unwrap_err();
        let is = match &error {
            SendError::NotSent(_) => "not sent",
            SendError::Refused(_) => "refused",
            SendError::Unknown(_) => "unknown",
        };
        assert_eq!(is, word, "{error}");
        assert_eq!(server.seen().len(), 1);
        assert!(!error.to_string().contains(CANARY));
    }
}

#[tokio::test]
async fn a_read_of_a_path_outside_the_table_is_not_sent() {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, |_, _| answer(r#"{"data":[]}"#)).await;
    let proxmox = client(&settings(&ca, &[("pve", &server)]));
    for path in
        [vec!["access", "users"], vec!["nodes", "pve", "apt", "update"], vec!["nodes", "..", "status"]]
    {
        assert!(proxmox.get_raw(&path, &[]).await.is_err(), "{path:?}");
    }
    assert!(server.seen().is_empty());
    proxmox.get_raw(&["nodes", "pve", "services"], &[]).await.unwrap();
    assert_eq!(server.seen().len(), 1);
}
