//! Requests that arrive after nobody waits for them any more: their tasks are given back to their actions.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, Stage},
    socket::Socket,
};
use serde_json::{Value, json};

/// Looks for a task and at the target end 15 s after a send that nobody answered.
const LATE_S: u32 = 26;
/// With a stop and a start of the daemon in between.
const LATER_S: u32 = 34;

#[tokio::test]
async fn i08_a_task_that_turns_up_after_unknown_is_its_actions_and_nobody_elses() -> Result<()> {
    let mut stage = Stage::new(OUTSIDE).await?;
    stage.set_level(3).await?;
    let program = stage.program().await?.patient(Duration::from_secs(60));
    let (vmid, _) = stage.guest("running", "qemu").await?;
    for (name, by_s, restart) in [("late", LATE_S, false), ("later", LATER_S, true)] {
        let seen = stage.sim.effects().await?.len();
        let fields = json!({"path": "/snapshot", "method": "POST", "times": 1, "by_s": by_s});
        stage.sim.fault("late_change", fields).await?;
        let told = stage.call(&program, "create_snapshot", json!({"vmid": vmid, "name": name})).await?;
        ensure!(told.kind() == "action_unknown", "{}", told.text);
        let id = told.value()?["error"]["details"]["action"]["id"].as_str().context("an id")?.to_owned();
        ensure!(stage.sim.effects().await?.len() == seen, "{name} was not late");
        if restart {
            stage.jarvisd.process.kill()?;
            stage.jarvisd.again().await?;
            stage.seen().await?;
        }
        // Somebody looks, so the list of tasks is read every second.
        let _screen = Socket::open(&stage.door()).await?;
        let path = format!("/api/v1/actions/{id}");
        stage
            .until("its task is given back to it", async || {
                Ok(stage.rest().json(&path).await?["state"] == "ok")
            })
            .await?;
        let action = stage.rest().json(&path).await?;
        let effects = stage.sim.effects().await?;
        ensure!(effects.len() == seen + 1, "it was sent again: {effects:?}");
        ensure!(action["upid"] == effects[seen]["upid"] && action["verified"] == "yes", "{action}");
        let rows = of_intent(&stage, &id)?;
        let (before, late) = rows.split_at(2);
        ensure!(before[0].0 == "intent" && matches!(before[1].0.as_str(), Some("outcome")), "{rows:?}");
        // One row when it was seen to run, if it was, and one with its end.
        ensure!(
            late.iter().all(|(kind, _)| kind == "late_task") && (1..=2).contains(&late.len()),
            "{rows:?}"
        );
        let (_, late) = late.last().context("a row")?;
        ensure!(late["told_before"] == "unknown" && late["end"] == "ok", "{late}");
        ensure!(late["upid"] == action["upid"], "{late}");
        let feed = stage.rest().json("/api/v1/events?limit=50").await?;
        let lines = feed["items"].as_array().context("items")?;
        let told = lines.iter().filter(|line| {
            line["upid"] == action["upid"]
                && line["title"].as_str().is_some_and(|title| {
                    title.contains("had ended as unknown") && title.contains("seen to have worked")
                })
        });
        ensure!(told.count() == 1, "{feed}");
    }
    // It was nobody else's hand: the program is not held back by it.
    stage.call(&program, "create_snapshot", json!({"vmid": vmid, "name": "next"})).await?.ok()?;
    stage.mediated().await
}

/// Kinds and details of the rows about an intent, oldest first.
fn of_intent(stage: &Stage, id: &str) -> Result<Vec<(Value, Value)>> {
    let mut rows = Vec::new();
    for row in stage.audit()? {
        let detail: Value = serde_json::from_str(row["detail"].as_str().unwrap_or_default())?;
        if detail["intent"] == id {
            rows.push((row["kind"].clone(), detail));
        }
    }
    Ok(rows)
}
