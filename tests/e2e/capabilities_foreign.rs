//! The eighteen capabilities of the first version against a Proxmox API that nobody here wrote: fakepve, told of by
//! the settings alone. What it cannot answer is told as clearly as it can.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, guards, request},
    daemon::{Cluster, Home, Jarvisd},
    fakepve::Fakepve,
};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Foreign {
    pve: Fakepve,
    jarvisd: Jarvisd,
    _dir: TempDir,
}

/// Two VMs and two containers on two nodes, configured as Proxmox configures what it makes.
fn guests() -> Value {
    let vm = |vmid: u32, name: &str, node: &str, status: &str| {
        json!({"vmid": vmid, "name": name, "node": node, "status": status, "config": {
            "smbios1": format!("uuid=5a1f0000-0000-4000-8000-000000000{vmid}"), "memory": "2048", "cores": 2,
            "scsi0": format!("local-lvm:vm-{vmid}-disk-0,size=8G"), "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0",
            "onboot": 1,
        }})
    };
    let ct = |vmid: u32, name: &str, node: &str, status: &str| {
        json!({"vmid": vmid, "name": name, "node": node, "type": "lxc", "status": status, "config": {
            "hostname": name, "memory": 512, "rootfs": format!("local-lvm:vm-{vmid}-disk-0,size=4G"),
            "net0": format!("name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:01:{},type=veth", vmid % 100), "onboot": 1,
        }})
    };
    json!([
        vm(100, "web", "pve1", "running"),
        vm(101, "lab", "pve2", "stopped"),
        ct(110, "dns", "pve1", "running"),
        ct(111, "db", "pve2", "stopped"),
    ])
}

async fn foreign(more: &str) -> Result<Foreign> {
    let pve = Fakepve::start(&guests()).await?;
    let dir = TempDir::new()?;
    let cluster = Cluster::laid_down(dir.path(), "pve1", &pve.url, &pve.ca_pem, &pve.token)?;
    let jarvisd = Jarvisd::at(Home::new(Some(&cluster), &format!("{OUTSIDE}{more}"))?).await?;
    jarvisd.seen().await?;
    Ok(Foreign { pve, jarvisd, _dir: dir })
}

#[tokio::test]
async fn the_first_versions_reads_work_on_a_foreign_api() -> Result<()> {
    let Foreign { pve: _pve, jarvisd, _dir } = foreign("").await?;
    let read =
        async |was: &str, tool: &str, args: Value| jarvisd.read(tool, args).await.context(was.to_owned());
    let vmids = |list: &Value| -> BTreeSet<u64> {
        list.as_array().into_iter().flatten().filter_map(|one| one["vmid"].as_u64()).collect()
    };
    let told = read("get_cluster_status", "cluster_status", json!({})).await?;
    ensure!(told["cluster"]["quorate"] == true && told["cluster"]["name"] == "fakecluster", "{told}");
    let told = read("get_node_status", "node_status", json!({"node": "pve2"})).await?;
    ensure!(told["node"]["status"] == "online" && vmids(&told["guests"]) == [101, 111].into(), "{told}");
    let told = read("get_vms", "guests", json!({"kind": "qemu"})).await?;
    ensure!(vmids(&told["guests"]) == [100, 101].into(), "{told}");
    let told = read("get_containers", "guests", json!({"kind": "lxc"})).await?;
    ensure!(vmids(&told["guests"]) == [110, 111].into(), "{told}");
    let told = read("get_storage", "storages", json!({})).await?;
    ensure!(told["storages"].as_array().is_some_and(|all| all.len() == 4), "{told}");
    let told = read("get_cluster_resources", "guests", json!({})).await?;
    ensure!(told["guests_total"] == 4, "{told}");
    let told = read("get_backups", "backups", json!({"node": "pve1", "storage": "local"})).await?;
    ensure!(told["backups_total"] == 0 && told["storages_unread"] == json!([]), "{told}");
    jarvisd.done("start_guest", json!({"vmid": 101})).await?;
    let told = read("get_recent_tasks", "tasks", json!({"node": "pve2"})).await?;
    ensure!(told["tasks"].to_string().contains("qmstart"), "{told}");
    let told = read("guest", "guest", json!({"vmid": 100})).await?;
    ensure!(told["config"]["scsi0"].as_str().is_some_and(|disk| disk.contains("vm-100-disk-0")), "{told}");
    Ok(())
}

/// What this API cannot do: the old name, the tool, its arguments, the status and the words of the answer.
const OUT_OF_REACH: &[(&str, &str, &str, u16, &str)] = &[
    // Commands on nodes need SSH, which is not configured; the answer says how it is.
    ("get_node_temperature", "temperatures", r#"{"node": "pve1"}"#, 200, "[ssh]"),
    ("execute_ssh", "journal", r#"{"node": "pve1", "unit": "pveproxy"}"#, 409, "[ssh]"),
    // Nothing is listed, so nothing is restarted.
    ("restart_service", "restart_service", r#"{"node": "pve1", "unit": "chrony"}"#, 403, "services.restart"),
    // A fake node cannot be switched off through its API, and a member is not woken.
    ("wake_node", "wake_node", r#"{"node": "pve2"}"#, 403, "is not off"),
];

#[tokio::test]
async fn what_a_foreign_api_cannot_answer_is_said_clearly() -> Result<()> {
    let Foreign { pve: _pve, jarvisd, _dir } = foreign("").await?;
    for (was, tool, args, status, words) in OUT_OF_REACH {
        let answer = jarvisd.call(&jarvisd.person(), tool, serde_json::from_str(args)?).await?;
        ensure!(
            answer.status == *status && answer.text.contains(words),
            "{was}: {} {}",
            answer.status,
            answer.text
        );
    }
    ensure!(jarvisd.actions().await?.is_empty(), "something was begun");
    Ok(())
}

/// The old name, the tool, the guest, its way in Proxmox's API, how it is afterwards.
const POWER: &[(&str, &str, u32, &str, &str)] = &[
    ("start_vm", "start_guest", 101, "/nodes/pve2/qemu/101", "running"),
    ("restart_vm", "reboot_guest", 100, "/nodes/pve1/qemu/100", "running"),
    ("stop_vm", "stop_guest", 100, "/nodes/pve1/qemu/100", "stopped"),
    ("start_container", "start_guest", 111, "/nodes/pve2/lxc/111", "running"),
    ("restart_container", "reboot_guest", 110, "/nodes/pve1/lxc/110", "running"),
    ("stop_container", "stop_guest", 110, "/nodes/pve1/lxc/110", "stopped"),
    // Beyond the first version.
    ("", "suspend_guest", 101, "/nodes/pve2/qemu/101", "running"),
    ("", "resume_guest", 101, "/nodes/pve2/qemu/101", "running"),
    ("", "shutdown_guest", 101, "/nodes/pve2/qemu/101", "stopped"),
];

#[tokio::test]
async fn i26_the_first_versions_power_buttons_work_on_a_foreign_api() -> Result<()> {
    let Foreign { pve, jarvisd, _dir } = foreign("").await?;
    for (was, tool, vmid, path, after) in POWER {
        let args = json!({"vmid": vmid});
        let begun = pve.changes().await?.len();
        let plan = jarvisd.plan(&jarvisd.person(), tool, args.clone()).await?;
        ensure!(pve.changes().await?.len() == begun, "{was}: a dry run was sent");
        let red = plan["tier"] == "red";
        let answer = jarvisd.call(&jarvisd.person(), tool, args).await?;
        ensure!(answer.status == if red { 202 } else { 200 }, "{was}: {} {}", answer.status, answer.text);
        let action = match red {
            true => jarvisd.approved(&answer.value()?["approval"]).await?,
            false => answer.value()?["action"].clone(),
        };
        ensure!(action["state"] == "ok" && action["verified"] == "yes", "{was} {tool}: {action}");
        ensure!(action["exit"] == "OK" && action["log"].to_string().contains("TASK OK"), "{was}: {action}");
        let made = pve.changes().await?.split_off(begun);
        ensure!(
            made == [request(&plan["exact_calls"][0]).trim_start_matches("pve ").trim()],
            "{was}: {made:?} {plan}"
        );
        let now = pve.get(&format!("{path}/status/current")).await?;
        ensure!(now["status"] == *after, "{was} {tool}: {now}");
    }
    ensure!(jarvisd.audit()?.iter().filter(|row| row["kind"] == "outcome").count() == POWER.len());
    Ok(())
}

#[tokio::test]
async fn i19_a_foreign_lock_is_respected_and_i09_nothing_is_started_twice() -> Result<()> {
    let Foreign { pve, jarvisd, _dir } = foreign("").await?;
    pve.put("/nodes/pve2/qemu/101/config", "lock=backup").await?;
    let refused = jarvisd.call(&jarvisd.person(), "start_guest", json!({"vmid": 101})).await?;
    ensure!(refused.status == 403 && guards(&refused).contains(&"locks".into()), "{}", refused.text);
    let begun = pve.changes().await?.len();
    let refused = jarvisd.call(&jarvisd.person(), "start_guest", json!({"vmid": 110})).await?;
    ensure!(refused.status == 403 && guards(&refused).contains(&"state".into()), "{}", refused.text);
    ensure!(pve.changes().await?.len() == begun, "something was sent");
    Ok(())
}

const SERVICES: &str = "[services]\nrestart = [{ node = \"pve1\", unit = \"pveproxy\" }]\n";

/// A listed service, snapshots of both kinds, and a container moved to the other node.
#[tokio::test]
async fn i26_services_snapshots_and_moves_work_on_a_foreign_api() -> Result<()> {
    let Foreign { pve, jarvisd, _dir } = foreign(SERVICES).await?;
    let action = jarvisd.done("restart_service", json!({"node": "pve1", "unit": "pveproxy"})).await?;
    ensure!(action["state"] == "ok" && action["exit"] == "OK", "{action}");
    ensure!(pve.changes().await? == ["POST /nodes/pve1/services/pveproxy/restart"]);
    for (vmid, path) in [(100, "/nodes/pve1/qemu/100"), (110, "/nodes/pve1/lxc/110")] {
        let args = json!({"vmid": vmid, "name": "before-update"});
        let action = jarvisd.done("create_snapshot", args.clone()).await?;
        ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
        ensure!(pve.get(&format!("{path}/snapshot")).await?.to_string().contains("before-update"));
        let action = jarvisd.done("delete_snapshot", args).await?;
        ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
        ensure!(!pve.get(&format!("{path}/snapshot")).await?.to_string().contains("before-update"));
    }
    let action = jarvisd.done("migrate_guest", json!({"vmid": 110, "to": "pve2"})).await?;
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
    pve.get("/nodes/pve2/lxc/110/status/current").await?;
    // It answers for a backup and keeps none; a task's good word alone is no success.
    let action = jarvisd.done("start_backup", json!({"vmid": 100, "storage": "local"})).await?;
    ensure!(action["state"] == "failed" && action["verified"] == "no" && action["exit"] == "OK", "{action}");
    Ok(())
}
