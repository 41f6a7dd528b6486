//! The eighteen capabilities of the first version, by their old names, each by what took its place, against the
//! simulated cluster: reads tell what is true there, changes are seen there, and nothing else is.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use jarvis_tests::acting::{OUTSIDE, Stage, effect_request, request};
use serde_json::{Value, json};

/// Ten of the eighteen only look.
#[tokio::test]
async fn i31_the_first_versions_reads_tell_what_is_true_and_change_nothing() -> Result<()> {
    let stage = Stage::whole(&[], OUTSIDE).await?;
    let truth = stage.sim.truth().await?;
    let read =
        async |was: &str, tool: &str, args: Value| stage.read(tool, args).await.context(was.to_owned());

    let told = read("get_cluster_status", "cluster_status", json!({})).await?;
    ensure!(told["cluster"]["quorate"] == true, "{told}");
    ensure!(names(&told["nodes"], "name") == names(&truth["nodes"], "name"), "{told}");

    let told = read("get_node_status", "node_status", json!({"node": "pve"})).await?;
    ensure!(told["node"]["name"] == "pve" && told["node"]["status"] == "online", "{told}");
    ensure!(numbers(&told["guests"]) == guests_where(&truth, "node", "pve"), "{told}");

    let told = read("get_vms", "guests", json!({"kind": "qemu"})).await?;
    ensure!(numbers(&told["guests"]) == guests_where(&truth, "type", "qemu"), "{told}");
    let told = read("get_containers", "guests", json!({"kind": "lxc"})).await?;
    ensure!(numbers(&told["guests"]) == guests_where(&truth, "type", "lxc"), "{told}");

    let told = read("get_storage", "storages", json!({})).await?;
    ensure!(names(&told["storages"], "storage") == names(&truth["storages"], "storage"), "{told}");
    // Each of the four on each of the four nodes.
    ensure!(told["storages"].as_array().is_some_and(|all| all.len() == 16), "{told}");

    let told = read("get_cluster_resources", "guests", json!({})).await?;
    ensure!(told["guests_total"] == 21, "{told}");

    let told = read("get_node_temperature", "temperatures", json!({})).await?;
    for node in told["nodes"].as_array().context("nodes")? {
        ensure!(node["temp_c"].as_f64().is_some_and(|t| (25.0..95.0).contains(&t)), "{node}");
    }
    ensure!(names(&told["nodes"], "node") == names(&truth["nodes"], "name"), "{told}");

    let told = read("get_recent_tasks", "tasks", json!({"limit": 5})).await?;
    let tasks = told["tasks"].as_array().context("tasks")?;
    ensure!(!tasks.is_empty() && tasks.len() <= 5, "{told}");
    for task in tasks {
        ensure!(task["upid"].as_str().is_some_and(|upid| upid.starts_with("UPID:")), "{task}");
    }

    let told = read("get_backups", "backups", json!({"node": "pve", "storage": "backup"})).await?;
    let real = truth["storages"].as_array().and_then(|all| all.iter().find(|s| s["storage"] == "backup"));
    ensure!(told["backups_total"] == real.context("the storage")?["volumes"], "{told}");

    // The free-form command is gone on purpose and says so; what it was used for are tools of their own.
    let gone = stage.call(&stage.person(), "execute_ssh", json!({"node": "pve", "command": "id"})).await?;
    ensure!(gone.status == 403 && gone.kind() == "black" && gone.text.contains("journal"), "{}", gone.text);
    let told =
        read("execute_ssh", "journal", json!({"node": "pve", "unit": "pveproxy", "lines": 20})).await?;
    ensure!(told["lines"].as_array().is_some_and(|lines| (1..=20).contains(&lines.len())), "{told}");
    for tool in ["processes", "sockets", "shares", "disks", "services"] {
        read("execute_ssh", tool, json!({"node": "pve"})).await?;
    }
    ensure!(stage.sim.attempts().await?.is_empty(), "a read asked for a change");
    // Each command was one of the table, and none of them the one that changes something.
    let commands = stage.sim.commands().await?;
    let reads = |c: &Value| c["inert"] == true && c["shape"].as_str().is_some_and(|s| s != "restart_service");
    ensure!(commands.len() > 8 && commands.iter().all(reads), "{commands:?}");
    Ok(())
}

/// The old name, the tool, what kind of guest, how it is before and after. Those that have long been running are
/// restarted first: their uptime tells.
type Power = (&'static str, &'static str, &'static str, &'static str, &'static str);

const POWER: &[Power] = &[
    ("restart_vm", "reboot_guest", "qemu", "running", "running"),
    ("stop_vm", "stop_guest", "qemu", "running", "stopped"),
    ("start_vm", "start_guest", "qemu", "stopped", "running"),
    ("restart_container", "reboot_guest", "lxc", "running", "running"),
    ("stop_container", "stop_guest", "lxc", "running", "stopped"),
    ("start_container", "start_guest", "lxc", "stopped", "running"),
];

/// Six of the eighteen turn guests on and off: a dry run, a person where it takes something away, one request, the
/// task's own end with its log, and the guest as it then really is.
#[tokio::test]
async fn i03_the_first_versions_power_buttons_do_as_they_say() -> Result<()> {
    let stage = Stage::with(&["--time-scale", "0.2"], OUTSIDE).await?;
    for (was, tool, kind, before, after) in POWER {
        let vmid = match *before {
            "stopped" => stage.stopped(kind).await?,
            _ => stage.guest(before, kind).await?.0,
        };
        let uptime_s = stage.sim.guest(vmid).await?["uptime_s"].as_u64();
        let args = json!({"vmid": vmid});
        let seen = stage.sim.attempts().await?.len();
        let plan = stage.plan(&stage.person(), tool, args.clone()).await?;
        let calls = plan["exact_calls"].as_array().context("calls")?.clone();
        ensure!(calls.len() == 1, "{was}: {plan}");
        let red = plan["tier"] == "red";
        ensure!(plan["verdict"] == if red { "ask" } else { "permit" }, "{was}: {plan}");
        ensure!(red == (*tool != "start_guest"), "{was}: {plan}");
        ensure!(stage.sim.attempts().await?.len() == seen, "{was}: a dry run was sent");

        let action = stage.done(tool, args).await.with_context(|| (*was).to_owned())?;
        ensure!(action["state"] == "ok" && action["verified"] == "yes", "{was}: {action}");
        ensure!(action["exit"] == "OK" && action["upid"].is_string(), "{was}: {action}");
        let log = action["log"].as_array().context("log")?;
        ensure!(log.last().is_some_and(|line| line == "TASK OK"), "{was}: {action}");
        let made: Vec<String> = stage.sim.attempts().await?.iter().skip(seen).map(effect_request).collect();
        ensure!(made == [request(&calls[0])], "{was}: {made:?} {calls:?}");
        let now = stage.sim.guest(vmid).await?;
        ensure!(now["status"] == *after, "{was}: {now}");
        if *tool == "reboot_guest" {
            ensure!(now["uptime_s"].as_u64() < uptime_s, "{was}: it was not restarted: {now}");
        }
    }
    stage.mediated().await
}

const SERVICES: &str = "[services]\nrestart = [{ node = \"pve\", unit = \"chrony\" }, { node = \"pve\", unit = \"nfs-server\" }]\n";

/// Proxmox restarts its own services by a task; every other unit is restarted by one command over SSH.
#[tokio::test]
async fn i03_restart_service_restarts_what_the_settings_list_and_nothing_else() -> Result<()> {
    let stage = Stage::whole(&["--time-scale", "0.2"], &format!("{OUTSIDE}{SERVICES}")).await?;
    stage.sim.fault("service_fail", json!({"node": "pve", "name": "nfs-server"})).await?;
    let failed = stage.read("services", json!({"node": "pve"})).await?;
    ensure!(failed["failed_units"].to_string().contains("nfs-server.service"), "{failed}");

    let action = stage.done("restart_service", json!({"node": "pve", "unit": "nfs-server"})).await?;
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
    let effects = stage.sim.attempts().await?;
    ensure!(effects.len() == 1 && effects[0]["side"] == "ssh" && effects[0]["acted"] == true, "{effects:?}");
    // What was shown is, byte for byte, what the node was given.
    let commands = stage.sim.commands().await?;
    let restart: Vec<&Value> = commands.iter().filter(|c| c["shape"] == "restart_service").collect();
    ensure!(restart.len() == 1 && restart[0]["line"] == action["sent"]["path"], "{restart:?} {action}");
    ensure!(commands.iter().all(|c| c["inert"] == true && c["shape"].is_string()), "{commands:?}");
    let well = stage.read("services", json!({"node": "pve"})).await?;
    ensure!(!well["failed_units"].to_string().contains("nfs-server"), "{well}");

    let action = stage.done("restart_service", json!({"node": "pve", "unit": "chrony.service"})).await?;
    ensure!(action["state"] == "ok" && action["upid"].is_string(), "{action}");
    let effects = stage.sim.attempts().await?;
    ensure!(effects.len() == 2 && effects[1]["side"] == "pve", "{effects:?}");

    for (node, unit) in [("pve", "pveproxy"), ("agent", "chrony"), ("pve", "zfs-zed")] {
        let args = json!({"node": node, "unit": unit});
        stage.refused(&stage.person(), "restart_service", args, "listed").await?;
    }
    ensure!(stage.sim.attempts().await?.len() == 2, "something unlisted was restarted");
    stage.mediated().await
}

fn names(list: &Value, key: &str) -> BTreeSet<String> {
    let all = list.as_array().into_iter().flatten();
    all.filter_map(|one| Some(one[key].as_str()?.to_owned())).collect()
}

fn numbers(list: &Value) -> BTreeSet<u64> {
    list.as_array().into_iter().flatten().filter_map(|one| one["vmid"].as_u64()).collect()
}

fn guests_where(truth: &Value, key: &str, is: &str) -> BTreeSet<u64> {
    let all = truth["guests"].as_array().into_iter().flatten();
    all.filter(|guest| guest[key] == is).filter_map(|guest| guest["vmid"].as_u64()).collect()
}
