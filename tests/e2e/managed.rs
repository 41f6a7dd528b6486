//! Guests under the HA manager: it is asked for a state and nobody works beside it.

use anyhow::{Context, Result, ensure};
use jarvis_tests::acting::{OUTSIDE, Stage, effect_request};
use serde_json::{Value, json};

#[tokio::test]
async fn i18_a_managed_guest_is_changed_by_a_request_to_the_manager_and_by_nothing_else() -> Result<()> {
    let stage = Stage::with(&["--time-scale", "0.1"], OUTSIDE).await?;
    let (vmid, node) = stage.guest("running", "qemu").await?;
    stage.sim.fault("ha_manage", json!({"vmid": vmid})).await?;

    // What has no request to the manager is refused, by anybody.
    for tool in ["stop_guest", "reboot_guest", "suspend_guest"] {
        stage.refused(&stage.person(), tool, json!({"vmid": vmid}), "ha").await?;
    }
    let action = stage.done("shutdown_guest", json!({"vmid": vmid})).await?;
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
    ensure!(stage.sim.guest(vmid).await?["status"] == "stopped");
    let action = stage.done("start_guest", json!({"vmid": vmid})).await?;
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
    ensure!(stage.sim.guest(vmid).await?["status"] == "running");
    let to = if node == "pve" { "agent1" } else { "pve" };
    let action = stage.done("migrate_guest", json!({"vmid": vmid, "to": to})).await?;
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
    ensure!(stage.sim.guest(vmid).await?["node"] == to);

    let made: Vec<String> = stage.sim.attempts().await?.iter().map(effect_request).collect();
    let resource = format!("/cluster/ha/resources/vm%3A{vmid}");
    let wanted = [
        format!("pve PUT {resource} state=stopped"),
        format!("pve PUT {resource} state=started"),
        format!("pve POST {resource}/migrate node={to}"),
    ];
    ensure!(made == wanted, "{made:?}");
    stage.mediated().await
}

#[tokio::test]
async fn i18_in_an_error_or_while_a_node_is_fenced_nothing_is_asked_of_the_manager() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (lost, node) = stage.guest("running", "lxc").await?;
    let broken = guest_elsewhere(&stage, &node).await?;
    for vmid in [lost, broken] {
        stage.sim.fault("ha_manage", json!({"vmid": vmid})).await?;
    }
    stage.sim.fault("ha_error", json!({"vmid": broken})).await?;
    let refused = stage.refused(&stage.person(), "shutdown_guest", json!({"vmid": broken}), "ha").await?;
    ensure!(refused.text.contains("error"), "{}", refused.text);
    stage.refused(&stage.person(), "start_guest", json!({"vmid": broken}), "ha").await?;

    stage.sim.fault("node_down", json!({"node": node})).await?;
    stage
        .until("its node is offline", async || {
            let all = stage.rest().json("/api/v1/nodes").await?;
            let mut nodes = all["items"].as_array().context("items")?.iter();
            Ok(nodes.any(|n| n["name"] == node.as_str() && n["status"] == "offline"))
        })
        .await?;
    for tool in ["start_guest", "shutdown_guest", "stop_guest"] {
        let refused = stage.call(&stage.person(), tool, json!({"vmid": lost})).await?;
        ensure!(refused.status == 403, "{tool}: {} {}", refused.status, refused.text);
    }
    ensure!(stage.sim.attempts().await?.is_empty(), "something was sent");
    Ok(())
}

async fn guest_elsewhere(stage: &Stage, node: &str) -> Result<u64> {
    let truth = stage.sim.truth().await?;
    let guests = truth["guests"].as_array().context("guests")?;
    let fits = |g: &&Value| g["node"] != node && g["status"] == "running" && g["type"] == "qemu";
    guests.iter().find(fits).and_then(|g| g["vmid"].as_u64()).context("a guest elsewhere")
}
