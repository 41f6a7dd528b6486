//! One approval: for exactly one action, once, in time, from a person in a session.

use anyhow::{Context, Result, ensure};
use jarvis_tests::acting::{OUTSIDE, Stage};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn i06_an_approval_binds_one_action_once_and_only_a_session_gives_it() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let program = stage.program().await?;
    stage.set_level(3).await?;
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let asked = stage.asked(&program, "stop_guest", json!({"vmid": vmid})).await?;
    let by_token = stage.decide(&program, &asked, "approve").await?;
    ensure!(by_token.status.is_client_error(), "a token decided: {}", by_token.text);

    let mut other = asked.clone();
    other["hash"] = json!("0".repeat(64));
    let altered = stage.decide(&stage.person(), &other, "approve").await?;
    ensure!(altered.status == 409, "{} {}", altered.status, altered.text);

    let action = stage.approved(&asked).await?;
    ensure!(action["state"] == "ok" && action["caller"] == "token/story", "{action}");
    ensure!(action["approval"] == asked["id"], "{action}");
    stage.feed_tells(vmid, "auto", "asked for by token/story, approved by operator").await?;
    let replayed = stage.decide(&stage.person(), &asked, "approve").await?;
    ensure!(replayed.status == 409 && replayed.text.contains("used"), "{}", replayed.text);
    ensure!(stage.sim.effects().await?.len() == 1);
    stage.mediated().await
}

#[tokio::test]
async fn i06_of_two_approvers_one_wins_and_the_other_is_told_who() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let asked = stage.asked(&stage.person(), "shutdown_guest", json!({"vmid": vmid})).await?;
    let (one, two) = (stage.person(), stage.person());
    let (first, second) =
        tokio::join!(stage.decide(&one, &asked, "approve"), stage.decide(&two, &asked, "deny"));
    let (first, second) = (first?, second?);
    let won = [&first, &second].iter().filter(|answer| answer.status.is_success()).count();
    ensure!(won == 1, "{} / {}", first.text, second.text);
    let lost = if first.status.is_success() { &second } else { &first };
    ensure!(
        lost.status == 409 && (lost.text.contains("approved by") || lost.text.contains("denied by")),
        "{}",
        lost.text
    );
    let twin = stage.approval(&asked["id"]).await?;
    ensure!(twin["by"].is_string() && twin["decided_ms"].is_i64(), "{twin}");
    Ok(())
}

#[tokio::test]
async fn what_a_token_asked_for_is_void_once_it_is_revoked() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let program = stage.program().await?;
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let asked = stage.asked(&program, "stop_guest", json!({"vmid": vmid})).await?;
    let own = stage.asked(&stage.person(), "reboot_guest", json!({"vmid": vmid})).await?;
    let id = stage.token_number("story").await?;
    let gone = stage.person().send(Method::DELETE, &format!("/api/v1/tokens/{id}"), None).await?;
    ensure!(gone.status == 204, "{} {}", gone.status, gone.text);
    let late = stage.decide(&stage.person(), &asked, "approve").await?;
    ensure!(late.status == 409 && late.text.contains("revoked"), "{} {}", late.status, late.text);
    ensure!(stage.approval(&asked["id"]).await?["state"] == "voided");
    ensure!(stage.approval(&own["id"]).await?["state"] == "pending", "a person's question went with it");
    ensure!(stage.sim.effects().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_token_revoked_on_the_command_line_takes_its_questions_with_it_and_nothing_of_it_is_sent()
-> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let program = stage.program().await?;
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let asked = stage.asked(&program, "stop_guest", json!({"vmid": vmid})).await?;
    let other = stage.asked(&program, "reboot_guest", json!({"vmid": vmid})).await?;
    let id = stage.token_number("story").await?;
    stage.revoke(id)?;
    // Approved before the daemon has looked: policy sees it at its turn.
    let late = stage.decide(&stage.person(), &asked, "approve").await?;
    if late.status == 200 {
        let action = stage.ended(late.value()?["action"].as_str().context("it names no action")?).await?;
        let message = action["message"].as_str().unwrap_or_default();
        ensure!(
            action["state"] == "failed" && message.contains("story, which asked for it, was revoked"),
            "{action}"
        );
    } else {
        ensure!(late.status == 409 && late.text.contains("revoked"), "{} {}", late.status, late.text);
    }
    let void = async || Ok(stage.approval(&other["id"]).await?["state"] == "voided");
    stage.until("what nobody decided is void", void).await?;
    let why = stage.approval(&other["id"]).await?["why"].to_string();
    ensure!(why.contains("story, which asked for it, was revoked"), "{why}");
    ensure!(stage.sim.effects().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn one_program_cannot_take_every_seat_of_the_questions() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let program = stage.program().await?;
    let (vmid, _) = stage.guest("running", "qemu").await?;
    let asking = |n: u32| json!({"args": {"vmid": vmid, "name": format!("snap-{n}")}});
    let mut asked = 0;
    let refused = loop {
        let answer = program.post("/api/v1/tools/delete_snapshot", &asking(asked)).await?;
        if answer.status != 202 {
            break answer;
        }
        asked += 1;
        ensure!(asked <= 10, "an eleventh question was taken");
    };
    ensure!(asked == 10 && refused.status == 429, "{asked}: {} {}", refused.status, refused.text);
    stage.asked(&stage.person(), "stop_guest", json!({"vmid": vmid})).await?;
    Ok(())
}

#[tokio::test]
async fn i21_what_changes_before_the_decision_voids_the_question() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let asked = stage.asked(&stage.person(), "reboot_guest", json!({"vmid": vmid})).await?;
    stage.sim.fault("lock", json!({"vmid": vmid, "kind": "migrate"})).await?;
    stage.until("it is void", async || Ok(stage.approval(&asked["id"]).await?["state"] == "voided")).await?;
    let late = stage.decide(&stage.person(), &asked, "approve").await?;
    ensure!(late.status == 409, "{} {}", late.status, late.text);
    stage.sim.fault("unlock", json!({"vmid": vmid})).await?;
    ensure!(stage.sim.effects().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn i21_what_changes_after_the_decision_is_seen_by_the_last_look() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let asked = stage.asked(&stage.person(), "stop_guest", json!({"vmid": vmid})).await?;
    // The state as it is published lags behind; the look before the send does not.
    stage.sim.fault("guest_crash", json!({"vmid": vmid})).await?;
    let view = stage.decide(&stage.person(), &asked, "approve").await?;
    if view.status.is_success() {
        let id = view.value()?["action"].as_str().context("an action")?.to_owned();
        let action = stage.ended(&id).await?;
        ensure!(action["state"] == "failed", "{action}");
    }
    ensure!(stage.sim.effects().await?.is_empty(), "it was sent all the same");
    Ok(())
}

#[tokio::test]
async fn i06_a_late_approval_is_refused_and_an_extension_gives_it_its_full_time_again() -> Result<()> {
    let settings = "[own]\noutside = true\n[policy.limits]\nlooks_min = 1\napproval_ms = 3000\n";
    let stage = Stage::new(settings).await?;
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let asked = stage.asked(&stage.person(), "stop_guest", json!({"vmid": vmid})).await?;
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let id = asked["id"].as_str().context("an id")?;
    let extended = stage.person().post(&format!("/api/v1/approvals/{id}/extend"), &json!({})).await?.ok()?;
    ensure!(extended["expires_ms"].as_i64() > asked["expires_ms"].as_i64(), "{extended}");
    stage.until("it expires", async || Ok(stage.approval(&asked["id"]).await?["state"] == "expired")).await?;
    let late = stage.decide(&stage.person(), &asked, "approve").await?;
    ensure!(late.status == 409, "{} {}", late.status, late.text);
    ensure!(stage.sim.effects().await?.is_empty());
    Ok(())
}
