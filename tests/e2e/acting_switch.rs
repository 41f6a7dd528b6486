//! The kill switch: whoever asks, however far it has come, and from the command line with or without the daemon.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jarvis_tests::acting::{OUTSIDE, Stage, guards};
use reqwest::Method;
use serde_json::json;

/// As the operator's shell.
fn cli(stage: &Stage, word: &str) -> Result<String> {
    let output = stage.jarvisd.home.command(&["kill-switch", word])?.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn i01_thrown_on_the_command_line_nothing_leaves_and_what_waits_is_void_within_a_second() -> Result<()>
{
    let stage = Stage::new(OUTSIDE).await?;
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let asked = stage.asked(&stage.person(), "stop_guest", json!({"vmid": vmid})).await?;
    cli(&stage, "on")?;
    let thrown = Instant::now();
    let refused = stage.call(&stage.person(), "create_snapshot", json!({"vmid": vmid, "name": "no"})).await?;
    ensure!(refused.status == 403 && guards(&refused).contains(&"kill_switch".into()), "{}", refused.text);
    stage.until("it is void", async || Ok(stage.approval(&asked["id"]).await?["state"] == "voided")).await?;
    println!("void after {:?}", thrown.elapsed());
    ensure!(thrown.elapsed() < Duration::from_secs(5), "{:?}", thrown.elapsed());
    let late = stage.decide(&stage.person(), &asked, "approve").await?;
    ensure!(late.status == 409, "{} {}", late.status, late.text);
    ensure!(stage.sim.effects().await?.is_empty());
    let rows = stage.audit()?;
    ensure!(rows.iter().any(|row| row["kind"] == "kill_switch"), "not recorded");
    Ok(())
}

#[tokio::test]
async fn i04_releasing_the_switch_or_raising_the_level_runs_nothing_old() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let one = stage.asked(&stage.person(), "stop_guest", json!({"vmid": vmid})).await?;
    stage.switch(true).await?;
    stage.switch(false).await?;
    ensure!(stage.approval(&one["id"]).await?["state"] == "voided");
    let two = stage.asked(&stage.person(), "stop_guest", json!({"vmid": vmid})).await?;
    stage.set_level(3).await?;
    ensure!(stage.approval(&two["id"]).await?["state"] == "voided");
    for old in [&one, &two] {
        ensure!(stage.decide(&stage.person(), old, "approve").await?.status == 409);
    }
    ensure!(stage.sim.effects().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn i02_a_switch_that_is_gone_or_spoiled_counts_as_on_and_reads_go_on() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let file = stage.jarvisd.home.data().join("kill-switch");
    for spoiled in [None, Some(""), Some("off\n"), Some("off 1 x"), Some("maybe 1 x\n")] {
        match spoiled {
            None => std::fs::remove_file(&file)?,
            Some(text) => std::fs::write(&file, text)?,
        }
        let refused =
            stage.call(&stage.person(), "create_snapshot", json!({"vmid": vmid, "name": "no"})).await?;
        ensure!(
            refused.status == 403 && guards(&refused).contains(&"kill_switch".into()),
            "{spoiled:?}: {}",
            refused.text
        );
        let view = stage.jarvisd.rest().json("/api/v1/kill-switch").await?;
        ensure!(view["on"] == true && view["unreadable"].is_string(), "{view}");
        stage.jarvisd.rest().json("/api/v1/cluster").await?;
    }
    cli(&stage, "off")?;
    stage.call(&stage.person(), "create_snapshot", json!({"vmid": vmid, "name": "yes"})).await?.ok()?;
    ensure!(stage.sim.effects().await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn i01_an_action_that_waits_in_line_does_not_outlive_the_switch() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    stage.sim.fault("task_slow", json!({"amount": 2})).await?;
    let truth = stage.sim.truth().await?;
    let guests = truth["guests"].as_array().context("guests")?;
    let running = guests.iter().filter(|g| g["status"] == "running" && g["type"] == "lxc");
    let two: Vec<u64> = running.filter_map(|g| g["vmid"].as_u64()).take(2).collect();
    let mut ids = Vec::new();
    for vmid in &two {
        let asked = stage.asked(&stage.person(), "reboot_guest", json!({"vmid": vmid})).await?;
        let view = stage.decide(&stage.person(), &asked, "approve").await?.ok()?;
        ids.push(view["action"].as_str().context("an action")?.to_owned());
    }
    stage.until("the first is sent", async || Ok(stage.sim.effects().await?.len() == 1)).await?;
    stage.switch(true).await?;
    let first = stage.ended(&ids[0]).await?;
    ensure!(first["state"] == "ok", "what is on the wire may finish: {first}");
    let second = stage.ended(&ids[1]).await?;
    ensure!(second["state"] == "failed" && second["sent_ms"].is_null(), "{second}");
    stage.switch(false).await?;
    tokio::time::sleep(Duration::from_millis(800)).await;
    ensure!(stage.sim.effects().await?.len() == 1, "something old was run");
    Ok(())
}

#[tokio::test]
async fn i05_no_token_whatever_its_scopes_changes_the_switch_the_level_or_decides() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let all = ["read", "chat", "act", "mcp", "metrics"];
    let program = stage.bare().token(&stage.new_token(&all).await?);
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let asked = stage.asked(&program, "stop_guest", json!({"vmid": vmid})).await?;
    let id = asked["id"].as_str().context("an id")?;
    let before = stage.person().json("/api/v1/autonomy").await?;
    let decision = json!({"decision": "approve", "hash": asked["hash"]});
    for (method, path, body) in [
        (Method::PUT, "/api/v1/kill-switch".to_owned(), json!({"on": true})),
        (Method::PUT, "/api/v1/kill-switch".to_owned(), json!({"on": false})),
        (Method::PUT, "/api/v1/autonomy".to_owned(), json!({"level": 4})),
        (Method::POST, format!("/api/v1/approvals/{id}"), decision),
        (Method::POST, format!("/api/v1/approvals/{id}/extend"), json!({})),
        (Method::POST, "/api/v1/tokens".to_owned(), json!({"name": "more", "scopes": all})),
    ] {
        let answer = program.send(method, &path, Some(&body)).await?;
        ensure!(answer.status == 403 && answer.kind() == "session_needed", "{path}: {}", answer.text);
    }
    for tool in ["set_autonomy", "release_kill_switch", "approve", "unprotect", "set_budget", "edit_policy"] {
        let answer = stage.call(&program, tool, json!({})).await?;
        ensure!(answer.status == 403 && answer.kind() == "black", "{tool}: {}", answer.text);
    }
    ensure!(stage.person().json("/api/v1/autonomy").await? == before);
    ensure!(stage.person().json("/api/v1/kill-switch").await?["on"] == false);
    ensure!(stage.approval(&asked["id"]).await?["state"] == "pending");
    ensure!(stage.sim.attempts().await?.is_empty());
    Ok(())
}
