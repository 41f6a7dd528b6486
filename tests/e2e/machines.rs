//! Whole machines: switched off and rebooted by a person alone, woken by anybody, at most once an hour.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, Stage, guards},
    rest::Rest,
    sim::Sim,
};
use reqwest::Method;
use serde_json::{Value, json};

/// A machine needs a minute of its own time to stop its guests, go, and boot. Its uptime is told in real seconds, so
/// that its clock may not run much faster than ours.
const PACE: &[&str] = &["--time-scale", "0.4"];

#[tokio::test]
async fn i16_only_a_person_takes_the_power_of_a_node_and_i24_a_wake_up_is_sent_once_an_hour() -> Result<()> {
    let sim = Sim::with(&[&["--ssh"], PACE].concat()).await?;
    let mac = sim.mac("agent")?;
    let settings = format!(
        "{OUTSIDE}{}[wake]\nbroadcast = {:?}\n[[wake.nodes]]\nname = \"agent\"\nmac = {mac:?}\n",
        sim.sides()?,
        sim.wake_address()
    );
    let stage = Stage::on(sim, &settings).await?;
    stage.set_level(4).await?;
    programs_may_not(&stage).await?;

    let asked = stage.asked(&stage.person(), "reboot_node", json!({"node": "pve"})).await?;
    let call = &asked["exact_calls"][0];
    ensure!(call["path"] == "/nodes/pve/status" && call["body"] == "command=reboot", "{asked}");
    ensure!(asked["blast"]["quorum"]["kept"] == true, "{asked}");
    ensure!(asked["blast"]["down"].to_string().contains("jellyfin"), "its guests go down with it: {asked}");
    let action = stage.approved(&asked).await?;
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
    ensure!(action["evidence"].as_str().is_some_and(|e| e.contains("up for")), "{action}");

    stage
        .until("the cluster is whole again", async || {
            let plan = stage.plan(&stage.person(), "shutdown_node", json!({"node": "agent"})).await?;
            Ok(plan["verdict"] == "ask")
        })
        .await?;
    let action = stage.done("shutdown_node", json!({"node": "agent"})).await?;
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
    ensure!(stage.sim.attempts().await?.len() == 2, "one request each");

    let wake = stage.done("wake_node", json!({"node": "agent"})).await?;
    ensure!(wake["state"] == "ok" && wake["verified"] == "yes", "{wake}");
    ensure!(wake["sent"]["via"] == "wake" && wake["sent"]["method"] == "magic_packet", "{wake}");
    let packets = packets(&stage).await?;
    ensure!(
        packets.len() == 1 && packets[0]["node"] == "agent" && packets[0]["acted"] == true,
        "{packets:?}"
    );

    stage.refused(&stage.person(), "wake_node", json!({"node": "agent"}), "wake").await?;
    stage.sim.fault("node_down", json!({"node": "agent", "variant": "power"})).await?;
    gone(&stage, "agent").await?;
    let again = stage.refused(&stage.person(), "wake_node", json!({"node": "agent"}), "wake").await?;
    ensure!(again.text.contains("within the last hour"), "{}", again.text);
    ensure!(packets_count(&stage).await? == 1, "it was woken twice");
    stage.mediated().await
}

#[tokio::test]
async fn a_node_on_another_segment_is_woken_by_a_living_one() -> Result<()> {
    let stage = Stage::with(&["--time-scale", "0.1"], OUTSIDE).await?;
    let mac = "58:47:ca:00:00:02";
    stage.sim.by_hand(Method::PUT, "/nodes/pve/config", &format!("wakeonlan={mac}")).await?;
    stage.sim.fault("node_down", json!({"node": "pve", "variant": "power"})).await?;
    gone(&stage, "pve").await?;
    let plan = stage.plan(&stage.person(), "wake_node", json!({"node": "pve"})).await?;
    ensure!(plan["exact_calls"][0]["path"] == "/nodes/pve/wakeonlan", "{plan}");
    let wake = stage.done("wake_node", json!({"node": "pve"})).await?;
    ensure!(wake["state"] == "ok" && wake["verified"] == "yes", "{wake}");
    let ours = stage.sim.attempts().await?;
    ensure!(ours.len() == 1 && ours[0]["path"] == "/nodes/pve/wakeonlan", "{ours:?}");
    ensure!(ours[0]["asked"] != "pve", "a machine that is off was asked: {ours:?}");
    stage.mediated().await
}

#[tokio::test]
async fn i16_nothing_that_would_cost_the_quorum_is_done_even_by_a_person() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    stage.sim.fault("node_down", json!({"node": "Home", "variant": "power"})).await?;
    gone(&stage, "Home").await?;
    for tool in ["reboot_node", "shutdown_node"] {
        stage
            .until("what would be left is weighed", async || {
                let refused = stage.call(&stage.person(), tool, json!({"node": "agent"})).await?;
                ensure!(refused.status == 403, "{tool}: {} {}", refused.status, refused.text);
                let named = guards(&refused).contains(&"quorum".into());
                Ok(named && refused.text.contains("lose its quorum"))
            })
            .await?;
    }
    ensure!(stage.sim.attempts().await?.is_empty());
    Ok(())
}

/// A token that may act, and an MCP client with the act profile.
async fn programs_may_not(stage: &Stage) -> Result<()> {
    let program = stage.program().await?;
    let mcp = stage.bare().token(&stage.new_token(&["mcp", "act"]).await?);
    for tool in ["reboot_node", "shutdown_node"] {
        let args = json!({"node": "agent"});
        let refused = stage.refused(&program, tool, args.clone(), "caller").await?;
        ensure!(guards(&refused).contains(&"caller".into()), "{}", refused.text);
        let told = over_mcp(&mcp, tool, args).await?;
        ensure!(told["isError"] == true && told.to_string().contains("logged-in session"), "{told}");
    }
    ensure!(stage.sim.attempts().await?.is_empty());
    ensure!(stage.person().json("/api/v1/approvals").await?["items"].as_array().is_some_and(Vec::is_empty));
    Ok(())
}

async fn over_mcp(by: &Rest, tool: &str, args: Value) -> Result<Value> {
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": args},
    });
    let by =
        by.with("accept", "application/json, text/event-stream").with("mcp-protocol-version", "2025-06-18");
    let answer = by.post("/mcp?profile=act", &body).await?;
    ensure!(answer.status.is_success(), "{} {}", answer.status, answer.text);
    // One event of a stream, or JSON.
    let line = answer.text.lines().find_map(|l| l.strip_prefix("data: ").filter(|d| d.starts_with('{')));
    let told: Value = serde_json::from_str(line.unwrap_or(&answer.text))?;
    Ok(told["result"].clone())
}

async fn packets(stage: &Stage) -> Result<Vec<Value>> {
    Ok(stage.sim.attempts().await?.into_iter().filter(|e| e["side"] == "wake").collect())
}

async fn packets_count(stage: &Stage) -> Result<usize> {
    // UDP: one that is under way has arrived by then.
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(packets(stage).await?.len())
}

async fn gone(stage: &Stage, node: &str) -> Result<()> {
    stage
        .until(&format!("{node} is offline"), async || {
            let all = stage.rest().json("/api/v1/nodes").await?;
            let mut nodes = all["items"].as_array().context("items")?.iter();
            Ok(nodes.any(|n| n["name"] == node && n["status"] == "offline"))
        })
        .await
}
