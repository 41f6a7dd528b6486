//! The changes of guests that the first version did not have: each as it was shown, once, with its task's own end.

use anyhow::{Context, Result, ensure};
use jarvis_tests::acting::{OUTSIDE, Stage, effect_request, request};
use serde_json::{Value, json};

/// Shows it, has it done, and holds what was done against what was shown.
async fn as_shown(stage: &Stage, tool: &str, args: Value) -> Result<Value> {
    let seen = stage.sim.attempts().await?.len();
    let plan = stage.plan(&stage.person(), tool, args.clone()).await?;
    let calls = plan["exact_calls"].as_array().context("calls")?.clone();
    ensure!(calls.len() == 1, "{tool}: {plan}");
    let action = stage.done(tool, args).await?;
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{tool}: {action}");
    let made: Vec<String> = stage.sim.attempts().await?.iter().skip(seen).map(effect_request).collect();
    ensure!(made == [request(&calls[0])], "{tool}: {made:?} {calls:?}");
    Ok(action)
}

#[tokio::test]
async fn i03_a_guest_is_moved_while_it_runs_and_a_container_by_a_restart() -> Result<()> {
    let stage = Stage::with(&["--time-scale", "0.1"], OUTSIDE).await?;
    for (kind, word) in [("qemu", "online=1"), ("lxc", "restart=1")] {
        let (vmid, node) = stage.guest("running", kind).await?;
        let to = if node == "pve" { "agent1" } else { "pve" };
        let action = as_shown(&stage, "migrate_guest", json!({"vmid": vmid, "to": to})).await?;
        ensure!(action["sent"]["body"].as_str().is_some_and(|body| body.contains(word)), "{action}");
        let now = stage.sim.guest(vmid).await?;
        ensure!(now["node"] == to && now["status"] == "running", "{now}");
        // To where it is already: Proxmox says no, and that is told.
        let again = stage.call(&stage.person(), "migrate_guest", json!({"vmid": vmid, "to": to})).await?;
        match again.status.as_u16() {
            202 => {
                let action = stage.approved(&again.value()?["approval"]).await?;
                ensure!(action["state"] == "failed", "{action}");
            }
            status => ensure!(status == 403, "{}", again.text),
        }
    }
    ensure!(stage.sim.effects().await?.len() == 2);
    stage.mediated().await
}

#[tokio::test]
async fn i03_a_backup_ends_with_the_end_of_its_tasks_log_and_a_new_archive() -> Result<()> {
    let stage = Stage::with(&["--time-scale", "0.05"], OUTSIDE).await?;
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let archives = async || {
        let args = json!({"vmid": vmid, "storage": "backup"});
        anyhow::Ok(stage.read("backups", args).await?["backups_total"].as_u64())
    };
    let before = archives().await?;
    let action = as_shown(&stage, "start_backup", json!({"vmid": vmid, "storage": "backup"})).await?;
    ensure!(action["upid"].as_str().is_some_and(|upid| upid.contains(":vzdump:")), "{action}");
    let log: Vec<&str> = action["log"].as_array().context("log")?.iter().filter_map(Value::as_str).collect();
    ensure!(log.last() == Some(&"TASK OK"), "{log:?}");
    ensure!(log.iter().any(|line| line.contains("Finished Backup")), "{log:?}");
    ensure!(archives().await? == before.map(|n| n + 1), "no new archive");
    // Nothing is pruned for it.
    ensure!(action["sent"]["body"].as_str().is_some_and(|body| body.contains("remove=0")), "{action}");

    stage.sim.fault("storage_fill", json!({"storage": "backup", "amount": 0.97})).await?;
    stage
        .until("it is seen to be full", async || {
            let full = stage
                .call(&stage.person(), "start_backup", json!({"vmid": vmid, "storage": "backup"}))
                .await?;
            Ok(full.status == 403 && jarvis_tests::acting::guards(&full).contains(&"storage".into()))
        })
        .await?;
    stage.mediated().await
}

#[tokio::test]
async fn i03_a_snapshot_is_taken_and_deleted_and_a_guest_suspended_and_resumed() -> Result<()> {
    let stage = Stage::with(&["--time-scale", "0.2"], OUTSIDE).await?;
    let (vmid, _) = stage.guest("running", "qemu").await?;
    let snapshots = async || anyhow::Ok(stage.sim.guest(vmid).await?["snapshots"].as_u64());
    let before = snapshots().await?;
    let args = json!({"vmid": vmid, "name": "before-update"});
    as_shown(&stage, "create_snapshot", args.clone()).await?;
    ensure!(snapshots().await? == before.map(|n| n + 1));
    let told = stage.read("guest", json!({"vmid": vmid})).await?;
    ensure!(told["snapshots"].to_string().contains("before-update"), "{told}");
    as_shown(&stage, "delete_snapshot", args.clone()).await?;
    ensure!(snapshots().await? == before);
    let gone = stage.done("delete_snapshot", args).await?;
    ensure!(gone["state"] == "failed", "what is not there was deleted: {gone}");

    as_shown(&stage, "suspend_guest", json!({"vmid": vmid})).await?;
    ensure!(stage.sim.guest(vmid).await?["status"] == "paused");
    as_shown(&stage, "resume_guest", json!({"vmid": vmid})).await?;
    ensure!(stage.sim.guest(vmid).await?["status"] == "running");
    stage.mediated().await
}
