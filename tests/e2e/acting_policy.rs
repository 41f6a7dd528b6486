//! The policy while the daemon runs: it is tightened by a signal, loosened only by a person who has just logged in,
//! and holds remedies back when much falls at once.

use anyhow::{Context, Result, ensure};
use jarvis_tests::acting::{OUTSIDE, Stage, guards};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

/// Replaces this line of the settings, or appends to them.
fn set(stage: &Stage, line: &str, by: &str) -> Result<()> {
    let file = stage.jarvisd.home.settings();
    let text = std::fs::read_to_string(&file)?;
    ensure!(text.contains(line), "no `{line}` in {text}");
    std::fs::write(file, text.replacen(line, by, 1))?;
    Ok(())
}

fn hang_up(stage: &Stage) -> Result<()> {
    stage.jarvisd.process.signal(Signal::HUP)
}

fn reloads(stage: &Stage) -> Result<Vec<Value>> {
    let rows = stage.audit()?.into_iter().filter(|row| row["kind"] == "policy_reloaded");
    rows.map(|row| Ok(serde_json::from_str(row["detail"].as_str().unwrap_or_default())?)).collect()
}

#[tokio::test]
async fn i36_a_signal_tightens_at_once_and_voids_what_waits_and_only_a_fresh_log_in_loosens() -> Result<()> {
    let settings = format!("{OUTSIDE}actions_per_hour_max = 5\n");
    let stage = Stage::new(&settings).await?;
    let (vmid, _) = stage.guest("running", "qemu").await?;
    let asked = stage.asked(&stage.person(), "stop_guest", json!({"vmid": vmid})).await?;

    // Tighter: taken at once, and what was proposed before is void.
    set(&stage, "actions_per_hour_max = 5", "actions_per_hour_max = 2")?;
    hang_up(&stage)?;
    stage
        .until("the tighter policy holds", async || {
            Ok(stage.person().json("/api/v1/autonomy").await?["hour_max"] == 2)
        })
        .await?;
    ensure!(stage.approval(&asked["id"]).await?["state"] == "voided");
    let late = stage.decide(&stage.person(), &asked, "approve").await?;
    ensure!(late.status == 409, "{}", late.text);

    // Looser by a signal: not taken, and on record.
    set(&stage, "actions_per_hour_max = 2", "actions_per_hour_max = 4")?;
    hang_up(&stage)?;
    stage.until("the refusal is on record", async || Ok(reloads(&stage)?.len() == 2)).await?;
    ensure!(stage.person().json("/api/v1/autonomy").await?["hour_max"] == 2);
    let told = reloads(&stage)?;
    ensure!(told[0]["taken"] == true && told[0]["loosened"] == json!([]), "{told:?}");
    ensure!(told[1]["taken"] == false && told[1]["loosened"] == json!(["actions_per_hour_max"]), "{told:?}");

    // A program cannot ask for it, and a person may who has just logged in.
    let program = stage.program().await?;
    let refused = program.post("/api/v1/policy/reload", &json!({})).await?;
    ensure!(refused.kind() == "session_needed", "{}", refused.text);
    let loosened = stage.person().send(Method::POST, "/api/v1/policy/reload", None).await?.ok()?;
    ensure!(loosened == json!({"changed": true, "loosened": ["actions_per_hour_max"]}), "{loosened}");
    ensure!(stage.person().json("/api/v1/autonomy").await?["hour_max"] == 4);
    let same = stage.person().send(Method::POST, "/api/v1/policy/reload", None).await?.ok()?;
    ensure!(same == json!({"changed": false, "loosened": []}), "{same}");

    // What cannot be read changes nothing.
    set(&stage, "actions_per_hour_max = 4", "actions_per_hour_max = \"many\"")?;
    let unread = stage.person().send(Method::POST, "/api/v1/policy/reload", None).await?;
    ensure!(unread.status == 422 && unread.text.contains("actions_per_hour_max"), "{}", unread.text);
    ensure!(stage.person().json("/api/v1/autonomy").await?["hour_max"] == 4);
    ensure!(stage.sim.effects().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn i13_when_many_guests_fall_at_once_a_program_has_to_ask() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    stage.set_level(3).await?;
    let program = stage.program().await?;
    let (calm, _) = stage.guest("running", "qemu").await?;
    let args = json!({"vmid": calm, "name": "before"});
    stage.call(&program, "create_snapshot", args).await?.ok().context("in a calm cluster")?;
    let truth = stage.sim.truth().await?;
    let all = truth["guests"].as_array().context("guests")?;
    let running = all.iter().filter(|g| g["status"] == "running" && g["vmid"] != calm && g["vmid"] != 103);
    let fallen: Vec<u64> = running.filter_map(|g| g["vmid"].as_u64()).take(all.len() * 2 / 5).collect();
    for vmid in &fallen {
        stage.sim.fault("guest_crash", json!({"vmid": vmid})).await?;
    }
    for vmid in &fallen {
        stage.seen_as(*vmid, "stopped").await?;
    }
    let asked = stage.asked(&program, "create_snapshot", json!({"vmid": calm, "name": "in-it"})).await?;
    let objections = asked["objections"].as_array().context("objections")?;
    ensure!(objections.iter().any(|o| o["guard"] == "storm"), "{asked}");
    // A person is not held back by it.
    let args = json!({"vmid": calm, "name": "by-hand"});
    stage.call(&stage.person(), "create_snapshot", args).await?.ok()?;
    let refused = stage.call(&program, "start_guest", json!({"vmid": calm})).await?;
    ensure!(refused.status == 403 && guards(&refused).contains(&"storm".into()), "{}", refused.text);
    stage.mediated().await
}
