//! Actions built by proxmox-api leave as Proxmox wants them, once, and their answers are understood.

use proxmox_api::nodes::node::NodeClient;
use proxmox_api::nodes::node::qemu::vmid::config::PutParams;
use proxmox_api::nodes::node::qemu::vmid::status::{shutdown, start};
use proxmox_api::types::VmId;

use super::server::{Ca, Reply, Server, bare, http, json};
use super::*;
use crate::clients::proxmox::actions::Actions;

const UPID: &str = "UPID:Home:000002BF:0009E529:6B0330F7:qmstart:101:root@pam:";

fn node(proxmox: &Proxmox, name: &str) -> NodeClient<Actions> {
    NodeClient::new(proxmox.actions(), "/nodes", name)
}

#[tokio::test]
async fn a_start_goes_out_as_a_form_and_brings_its_upid() {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, |_, _| json(&format!(r#"{{"data":"{UPID}"}}"#))).await;
    let proxmox = client(&settings(&ca, &[("Home", &server)]));
    let vm = node(&proxmox, "Home").qemu().vmid(VmId::try_from(101).unwrap());
    let upid = vm.status().start().post(start::PostParams::default()).await.unwrap();
    assert_eq!(upid.parse::<jarvis_core::cluster::Upid>().unwrap().as_str(), UPID);
    let params = shutdown::PostParams { timeout: Some(30), forcestop: Some(true), ..Default::default() };
    vm.status().shutdown().post(params).await.unwrap();
    let seen = server.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].body.as_str()), ("POST", ""));
    assert_eq!(seen[0].path, "/api2/json/nodes/Home/qemu/101/status/start");
    assert!(seen[0].head.contains("content-type: application/x-www-form-urlencoded\r\n"), "{}", seen[0].head);
    assert!(seen[0].head.contains(&format!("authorization: PVEAPIToken=jarvis@pve!read={CANARY}\r\n")));
    assert_eq!(seen[1].path, "/api2/json/nodes/Home/qemu/101/status/shutdown");
    let mut parameters: Vec<&str> = seen[1].body.split('&').collect();
    parameters.sort_unstable();
    assert_eq!(parameters, ["forceStop=1", "timeout=30"]);
}

#[tokio::test]
async fn an_answer_without_data_is_success() {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, |_, _| json(r#"{"data":null}"#)).await;
    let proxmox = client(&settings(&ca, &[("Home", &server)]));
    let vm = node(&proxmox, "Home").qemu().vmid(VmId::try_from(101).unwrap());
    let params =
        PutParams { description: Some("a & b\n<c>".to_owned().try_into().unwrap()), ..Default::default() };
    vm.config().put(params).await.unwrap();
    let seen = server.seen();
    assert_eq!(
        (seen[0].method.as_str(), seen[0].body.as_str()),
        ("PUT", "description=a%20%26%20b%0A%3Cc%3E")
    );
}

#[tokio::test]
async fn nothing_that_changes_something_is_ever_sent_twice() {
    let ca = Ca::new("cluster");
    let home = Server::new(&ca, |_, _| Reply::Drop).await;
    let pve = Server::new(&ca, |_, _| json(&format!(r#"{{"data":"{UPID}"}}"#))).await;
    let proxmox = client(&settings(&ca, &[("Home", &home), ("pve", &pve)]));
    let vm = node(&proxmox, "Home").qemu().vmid(VmId::try_from(101).unwrap());
    let error = vm.status().start().post(start::PostParams::default()).await.unwrap_err();
    assert_eq!((error.word(), home.seen().len(), pve.seen().len()), ("interrupted", 1, 0), "{error}");
}

#[tokio::test]
async fn what_was_never_sent_may_go_to_another_node() {
    let ca = Ca::new("cluster");
    let pve = Server::new(&ca, |_, _| json(&format!(r#"{{"data":"{UPID}"}}"#))).await;
    let mut settings = settings(&ca, &[("pve", &pve)]);
    settings.nodes.insert(0, address("Home", "https://127.0.0.1:1"));
    let proxmox = client(&settings);
    let vm = node(&proxmox, "Home").qemu().vmid(VmId::try_from(101).unwrap());
    assert_eq!(vm.status().start().post(start::PostParams::default()).await.unwrap(), UPID);
}

#[tokio::test]
async fn a_refusal_keeps_its_reason() {
    let ca = Ca::new("cluster");
    let refused = r#"{"data":null,"message":"Permission check failed (/vms/101, VM.PowerMgmt)\n"}"#;
    for (reply, word, says) in [
        (http("403 x", "application/json", refused), "forbidden", "/vms/101, VM.PowerMgmt"),
        (
            bare("500 cluster not ready - no quorum?"),
            "no_quorum",
            "POST /nodes/Home/qemu/101/status/start at Home",
        ),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let server = Server::new(&ca, move |_, _| reply.lock().unwrap().take().unwrap()).await;
        let proxmox = client(&settings(&ca, &[("Home", &server)]));
        let vm = node(&proxmox, "Home").qemu().vmid(VmId::try_from(101).unwrap());
        let error = vm.status().start().post(start::PostParams::default()).await.unwrap_err();
        assert_eq!(error.word(), word);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_hostile_id_stays_in_its_segment() {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, |_, _| json(r#"{"data":null}"#)).await;
    let proxmox = client(&settings(&ca, &[("Home", &server)]));
    let task = node(&proxmox, "Home").tasks().upid("UPID:a b?x=1#y:%2e%2e");
    task.delete().await.unwrap();
    assert_eq!(server.seen()[0].path, "/api2/json/nodes/Home/tasks/UPID%3Aa%20b%3Fx%3D1%23y%3A%252e%252e");
    assert_eq!(node(&proxmox, "..").tasks().upid("x").delete().await.unwrap_err().word(), "misconfigured");
    assert_eq!(server.seen().len(), 1);
}
