//! Changes that wait in line: each says for whom, the line moves on, and one can be taken back by itself.

use anyhow::{Context, Result, ensure};
use jarvis_tests::acting::{OUTSIDE, Stage};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn i10_who_waits_for_a_hung_task_says_so_and_is_taken_back_by_who_asked_or_a_person() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let truth = stage.sim.truth().await?;
    let guests = truth["guests"].as_array().context("guests")?;
    let running = guests.iter().filter(|g| g["status"] == "running" && g["type"] == "lxc");
    let vmids: Vec<u64> = running.filter_map(|g| g["vmid"].as_u64()).take(4).collect();
    let program = stage.program().await?;
    let its_number = stage.token_number("story").await?;
    let namesake = stage.bare().token(&stage.token_called("story", &["read", "act"]).await?);
    let stranger = stage.bare().token(&stage.token_called("stranger", &["read", "act"]).await?);

    // One hangs and holds the cluster's lane.
    stage.sim.fault("task_hang", json!({"kind": "vzreboot", "times": 1})).await?;
    let begin = async |by: &_, vmid: u64| -> Result<(String, Value)> {
        let asked = stage.asked(by, "reboot_guest", json!({"vmid": vmid})).await?;
        let view = stage.decide(&stage.person(), &asked, "approve").await?.ok()?;
        Ok((view["action"].as_str().context("an action")?.to_owned(), asked["id"].clone()))
    };
    let action = async |id: &str| stage.rest().json(&format!("/api/v1/actions/{id}")).await;
    let (hung, _) = begin(&stage.person(), vmids[0]).await?;
    stage.until("its task runs", async || Ok(action(&hung).await?["state"] == "running")).await?;
    let (second, second_approval) = begin(&program, vmids[1]).await?;
    let (third, _) = begin(&stage.person(), vmids[2]).await?;
    for (id, for_whom) in [(&second, &hung), (&third, &hung)] {
        stage
            .until("it says for whom it waits", async || Ok(action(id).await?["waits_for"].is_string()))
            .await?;
        let view = action(id).await?;
        ensure!(view["state"] == "waiting" && view["waits_for"] == for_whom.as_str(), "{view}");
        let (since, until) = (view["waits_since_ms"].as_i64(), view["waits_until_ms"].as_i64());
        let held_s = (until.context("until")? - since.context("since")?) / 1_000;
        ensure!(held_s == 420 && view["waits_until_at"].is_string(), "{view}");
        let said = view["message"].as_str().unwrap_or_default();
        ensure!(said.contains(&format!("guest {}", vmids[0])) && said.contains(for_whom.as_str()), "{said}");
    }

    // Neither somebody else's token nor what runs already.
    let path = |id: &str| format!("/api/v1/actions/{id}/take-back");
    for other in [&stranger, &namesake] {
        let refused = other.send(Method::POST, &path(&second), None).await?;
        ensure!(refused.kind() == "forbidden" && refused.text.contains("token/story"), "{}", refused.text);
    }
    let begun = stage.person().send(Method::POST, &path(&hung), None).await?;
    ensure!(begun.status == 409, "{}", begun.text);
    // Who asked for it, and a person.
    for (by, id, who) in [(&program, &second, "token/story"), (&stage.person(), &third, "human/operator")] {
        let view = by.send(Method::POST, &path(id), None).await?.ok()?;
        let said = view["message"].as_str().unwrap_or_default();
        ensure!(view["state"] == "failed" && said.contains(&format!("{who} took it back")), "{view}");
        ensure!(view["waits_for"].is_null() && view["sent_ms"].is_null(), "{view}");
        ensure!(by.send(Method::POST, &path(id), None).await?.status == 409, "twice");
        let rows = stage.audit()?;
        let row = rows.last().context("a row")?;
        ensure!(row["kind"] == "taken_back" && row["who"] == who, "{row}");
    }
    ensure!(stage.approval(&second_approval).await?["state"] == "voided");
    // A token that goes takes along what it has in the line.
    let (last, _) = begin(&program, vmids[3]).await?;
    stage.until("it waits", async || Ok(action(&last).await?["waits_for"].is_string())).await?;
    stage.revoke(its_number)?;
    stage.until("it is over", async || Ok(action(&last).await?["state"] == "failed")).await?;
    let said = action(&last).await?["message"].to_string();
    ensure!(said.contains("story, which asked for it, was revoked"), "{said}");
    let nobody = stage.person().send(Method::POST, &path("act-0000000000000000"), None).await?;
    ensure!(nobody.status == 404, "{}", nobody.text);
    ensure!(stage.sim.effects().await?.len() == 1, "what was taken back was sent");
    stage.mediated().await
}
