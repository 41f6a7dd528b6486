//! Changes from their plan to their outcome, each invariant under its own name.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jarvis_tests::acting::{OUTSIDE, Stage, effect_request, guards, request};
use serde_json::{Value, json};

#[tokio::test]
async fn i03_i26_a_start_ends_with_its_tasks_own_end_a_fresh_look_and_its_rows_in_the_audit() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let vmid = stage.stopped("qemu").await?;
    let before = stage.audit()?.len();
    let done = stage.call(&stage.person(), "start_guest", json!({"vmid": vmid})).await?.ok()?;
    let action = &done["action"];
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
    ensure!(action["exit"] == "OK" && action["upid"].is_string(), "{action}");
    ensure!(!action["log"].as_array().context("log")?.is_empty(), "{action}");
    ensure!(stage.sim.guest_status(&vmid.to_string()).await? == "running", "it does not run");
    let kinds: Vec<Value> = stage.audit()?.iter().skip(before).map(|row| row["kind"].clone()).collect();
    ensure!(kinds == ["permitted", "intent", "outcome"], "{kinds:?}");
    stage.feed_tells(vmid, "user", "asked for by human/operator").await?;
    ensure!(stage.sim.effects().await?.len() == 1);
    stage.mediated().await
}

#[tokio::test]
async fn a_dry_run_sends_nothing_and_the_real_run_makes_exactly_its_calls() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (vm, _) = stage.guest("running", "qemu").await?;
    let (ct, _) = stage.guest("running", "lxc").await?;
    for (tool, args) in [
        ("create_snapshot", json!({"vmid": vm, "name": "before-update"})),
        ("delete_snapshot", json!({"vmid": vm, "name": "before-update"})),
        ("reboot_guest", json!({"vmid": ct})),
        ("shutdown_guest", json!({"vmid": ct})),
        ("start_guest", json!({"vmid": ct})),
    ] {
        let before = stage.sim.effects().await?.len();
        let planned = stage.plan(&stage.person(), tool, args.clone()).await?;
        let calls = planned["exact_calls"].as_array().context("calls")?.clone();
        ensure!(calls.len() == 1 && stage.sim.effects().await?.len() == before, "{tool}: {planned}");
        let answer = stage.call(&stage.person(), tool, args).await?;
        let action = match answer.status.as_u16() {
            200 => answer.value()?["action"].clone(),
            202 => stage.approved(&answer.value()?["approval"]).await?,
            _ => anyhow::bail!("{tool}: {} {}", answer.status, answer.text),
        };
        ensure!(action["state"] == "ok" && action["verified"] == "yes", "{tool}: {action}");
        let made: Vec<String> = stage.sim.effects().await?.iter().skip(before).map(effect_request).collect();
        ensure!(made == [request(&calls[0])], "{tool}: {made:?} {calls:?}");
    }
    stage.mediated().await
}

#[tokio::test]
async fn i09_i19_nothing_is_started_twice_nor_touched_while_locked() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (running, _) = stage.guest("running", "qemu").await?;
    let refused = stage.call(&stage.person(), "start_guest", json!({"vmid": running})).await?;
    ensure!(refused.status == 403 && guards(&refused).contains(&"state".into()), "{}", refused.text);
    let locked = stage.stopped("lxc").await?;
    stage.sim.fault("lock", json!({"vmid": locked, "kind": "backup"})).await?;
    let refused = stage.call(&stage.person(), "start_guest", json!({"vmid": locked})).await?;
    ensure!(refused.status == 403 && guards(&refused).contains(&"locks".into()), "{}", refused.text);
    let nobody = stage.call(&stage.person(), "start_guest", json!({"vmid": 999_999})).await?;
    ensure!(nobody.status == 403 && guards(&nobody).contains(&"target".into()), "{}", nobody.text);
    ensure!(stage.sim.effects().await?.is_empty(), "something was sent");
    Ok(())
}

#[tokio::test]
async fn i20_what_jarvis_runs_in_is_not_touched_and_without_knowing_it_nothing_is() -> Result<()> {
    let stage = Stage::new("[own]\nvmid = 103\n[policy.limits]\nlooks_min = 1\n").await?;
    let own = stage.call(&stage.person(), "stop_guest", json!({"vmid": 103})).await?;
    ensure!(own.status == 403 && guards(&own).contains(&"protected".into()), "{}", own.text);
    let truth = stage.sim.truth().await?;
    let all = truth["guests"].as_array().context("guests")?;
    let home = all.iter().find(|g| g["vmid"] == 103).context("103")?["node"].clone();
    let node = stage.call(&stage.person(), "reboot_node", json!({"node": home})).await?;
    ensure!(node.status == 403 && guards(&node).contains(&"protected".into()), "{}", node.text);

    let lost = Stage::new("[policy.limits]\nlooks_min = 1\n").await?;
    let vmid = lost.stopped("qemu").await?;
    let refused = lost.call(&lost.person(), "start_guest", json!({"vmid": vmid})).await?;
    ensure!(refused.status == 403 && refused.text.contains("own.vmid"), "{}", refused.text);
    ensure!(stage.sim.effects().await?.is_empty() && lost.sim.effects().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn i15_two_looks_are_taken_before_a_program_acts_and_i25_a_persons_hand_keeps_it_away() -> Result<()> {
    let stage = Stage::new("[own]\noutside = true\n").await?;
    stage.set_level(3).await?;
    let program = stage.program().await?;
    let vmid = stage.stopped("lxc").await?;
    let asked = stage.asked(&program, "start_guest", json!({"vmid": vmid})).await?;
    let said: Vec<&str> = asked["objections"]
        .as_array()
        .context("objections")?
        .iter()
        .filter_map(|o| o["guard"].as_str())
        .collect();
    ensure!(said.contains(&"hands_off") && said.contains(&"meant_off"), "{said:?}");
    let action = stage.approved(&asked).await?;
    ensure!(action["state"] == "ok" && action["caller"] == "token/story", "{action}");
    Ok(())
}

#[tokio::test]
async fn i25_a_persons_hand_through_jarvis_keeps_programs_away_too_and_from_no_other_target() -> Result<()> {
    let mut stage = Stage::new(OUTSIDE).await?;
    stage.set_level(3).await?;
    let program = stage.program().await?;
    let (vmid, _) = stage.guest("running", "qemu").await?;
    let (other, _) = stage.guest("running", "lxc").await?;
    stage.call(&stage.person(), "create_snapshot", json!({"vmid": vmid, "name": "mine"})).await?.ok()?;
    for name in ["theirs", "after-a-restart"] {
        let asked = stage.asked(&program, "create_snapshot", json!({"vmid": vmid, "name": name})).await?;
        let said = asked["objections"].as_array().context("objections")?;
        ensure!(said.len() == 1 && said[0]["guard"] == "hands_off", "{asked}");
        // Kept in the store, not in a list of tasks that forgets.
        stage.jarvisd.process.kill()?;
        stage.jarvisd.again().await?;
        stage.seen().await?;
    }
    let free = json!({"vmid": other, "name": "theirs"});
    stage.call(&program, "create_snapshot", free.clone()).await?.ok()?;
    // Its own act is no person's hand.
    stage.call(&program, "delete_snapshot", free).await?;
    let again = json!({"vmid": other, "name": "again"});
    stage.call(&program, "create_snapshot", again.clone()).await?.ok()?;
    stage.call(&stage.person(), "create_snapshot", json!({"vmid": vmid, "name": "mine-too"})).await?.ok()?;
    stage.mediated().await
}

#[tokio::test]
async fn i11_a_program_does_so_much_in_an_hour_and_a_restart_does_not_forgive_it() -> Result<()> {
    let mut stage = Stage::new(OUTSIDE).await?;
    stage.set_level(3).await?;
    let program = stage.program().await?;
    let (vmid, _) = stage.guest("running", "qemu").await?;
    for n in 0..3 {
        let name = format!("snap-{n}");
        let answer = stage.call(&program, "create_snapshot", json!({"vmid": vmid, "name": name})).await?;
        answer.ok().with_context(|| format!("snapshot {n}"))?;
    }
    stage.jarvisd.process.kill()?;
    stage.jarvisd.again().await?;
    stage.seen().await?;
    let full = stage.call(&program, "create_snapshot", json!({"vmid": vmid, "name": "snap-3"})).await?;
    ensure!(full.status == 403 && guards(&full).contains(&"rate".into()), "{}", full.text);
    let person =
        stage.call(&stage.person(), "create_snapshot", json!({"vmid": vmid, "name": "mine"})).await?;
    person.ok()?;
    ensure!(stage.sim.effects().await?.len() == 4);
    stage.mediated().await
}

#[tokio::test]
async fn i08_an_answer_that_is_lost_is_settled_by_reading_and_nothing_is_sent_twice() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (vmid, _) = stage.guest("running", "qemu").await?;
    for (fault, name) in [("reset", "cut"), ("hang", "mute")] {
        let fields = json!({"path": "/snapshot", "method": "POST", "times": 1});
        stage.sim.fault(fault, fields).await?;
        let args = json!({"vmid": vmid, "name": name});
        let answer = stage.person().post("/api/v1/tools/create_snapshot", &json!({"args": args})).await;
        // A call that hangs outlives this client's patience; the action goes on all the same.
        drop(answer);
        stage
            .until("the action is over", async || {
                let all = stage.actions().await?;
                let own = all.iter().find(|a| a["args"]["name"] == name);
                Ok(own.is_some_and(jarvis_tests::acting::is_over))
            })
            .await?;
        let all = stage.actions().await?;
        let own = all.iter().find(|a| a["args"]["name"] == name).context("the action")?;
        let effects = stage.sim.effects().await?;
        let made = effects.iter().filter(|e| e["params"]["snapname"] == name).count();
        ensure!(made <= 1, "{fault}: {made} times");
        let told = own["state"].as_str().unwrap_or_default();
        ensure!(
            (made == 1 && told == "ok") || (made == 0 && told == "unknown"),
            "{fault}: seen {made} times, told {own}"
        );
    }
    stage.mediated().await
}

#[tokio::test]
async fn i26_a_task_that_fails_or_lies_is_no_success() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let vmid = stage.stopped("qemu").await?;
    stage.sim.fault("task_fail", json!({"kind": "qmstart", "message": "no space left", "times": 1})).await?;
    let failed = stage.call(&stage.person(), "start_guest", json!({"vmid": vmid})).await?;
    ensure!(!failed.status.is_success() && failed.kind() == "action_failed", "{}", failed.text);
    let action = failed.value()?["error"]["details"]["action"].clone();
    ensure!(
        action["state"] == "failed" && action["exit"].as_str().is_some_and(|e| e.contains("no space")),
        "{action}"
    );
    stage.sim.fault("task_warn", json!({"kind": "qmstart", "count": 2, "times": 1})).await?;
    let warned = stage.call(&stage.person(), "start_guest", json!({"vmid": vmid})).await?.ok()?;
    ensure!(warned["action"]["state"] == "warnings" && warned["action"]["verified"] == "yes", "{warned}");
    stage.mediated().await
}

#[tokio::test]
async fn i10_disruptive_changes_wait_in_line_and_none_is_dropped() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    stage.sim.fault("task_slow", json!({"amount": 2})).await?;
    let truth = stage.sim.truth().await?;
    let guests = truth["guests"].as_array().context("guests")?;
    let running = guests.iter().filter(|g| g["status"] == "running" && g["type"] == "lxc");
    let three: Vec<u64> = running.filter_map(|g| g["vmid"].as_u64()).take(3).collect();
    let mut ids = Vec::new();
    for vmid in &three {
        let asked = stage.asked(&stage.person(), "reboot_guest", json!({"vmid": vmid})).await?;
        let view = stage.decide(&stage.person(), &asked, "approve").await?.ok()?;
        ids.push(view["action"].as_str().context("an action")?.to_owned());
    }
    let mut spans = Vec::new();
    for id in &ids {
        let action = stage.ended(id).await?;
        ensure!(action["state"] == "ok", "{action}");
        spans.push((
            action["sent_ms"].as_i64().context("sent")?,
            action["ended_ms"].as_i64().context("ended")?,
        ));
    }
    spans.sort_unstable();
    for pair in spans.windows(2) {
        ensure!(pair[0].1 <= pair[1].0, "two at once: {spans:?}");
    }
    ensure!(stage.sim.effects().await?.len() == 3);
    stage.mediated().await
}

#[tokio::test]
async fn i32_a_node_that_hangs_holds_up_neither_the_switch_nor_other_nodes() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (hung, node) = stage.guest("running", "qemu").await?;
    let truth = stage.sim.truth().await?;
    let guests = truth["guests"].as_array().context("guests")?;
    let other = guests
        .iter()
        .find(|g| g["status"] == "running" && g["node"] != node && g["type"] == "qemu")
        .context("a guest elsewhere")?["vmid"]
        .as_u64()
        .context("vmid")?;
    stage.sim.fault("hang", json!({"path": format!("/qemu/{hung}/"), "for_s": 60})).await?;
    let person = stage.person();
    let slow = tokio::spawn(async move {
        let body = json!({"args": {"vmid": hung, "name": "hung"}});
        person.post("/api/v1/tools/create_snapshot", &body).await
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    stage.call(&stage.person(), "create_snapshot", json!({"vmid": other, "name": "fine"})).await?.ok()?;
    stage.switch(true).await?;
    ensure!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let refused = slow.await??;
    ensure!(!refused.status.is_success(), "{}", refused.text);
    ensure!(stage.sim.effects().await?.len() == 1);
    Ok(())
}
