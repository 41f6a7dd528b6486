//! Whatever is put into a call: a short refusal that names what is wrong, nothing done on any side, and the next
//! caller served as if nothing had been.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jarvis_tests::acting::{OUTSIDE, Stage, guards};
use reqwest::Method;
use serde_json::{Value, json};

/// A refusal tells its reasons and never repeats what it was given at length.
const ANSWER_BYTES_MAX: usize = 4_000;

/// The tool, its arguments, the status, the kind, a word of the message.
type Row = (&'static str, Value, u16, &'static str, &'static str);

fn rows() -> Vec<Row> {
    let fine = json!({"vmid": 100});
    vec![
        // Out of range.
        ("start_guest", json!({"vmid": 99}), 422, "invalid", "99"),
        ("start_guest", json!({"vmid": 1_000_000_000}), 422, "invalid", "1000000000"),
        ("start_guest", json!({"vmid": -100}), 422, "invalid", "-100"),
        ("tasks", json!({"limit": 0}), 422, "invalid", "0"),
        ("journal", json!({"node": "pve", "lines": 1_001}), 422, "invalid", "1001"),
        // Of the wrong type.
        ("start_guest", json!({"vmid": "100"}), 422, "invalid", "vmid"),
        ("start_guest", json!({"vmid": 100.5}), 422, "invalid", "100.5"),
        ("start_guest", json!({"vmid": [100]}), 422, "invalid", "vmid"),
        ("start_guest", json!({"vmid": {"id": 100}}), 422, "invalid", "vmid"),
        ("start_guest", json!({"vmid": null}), 422, "invalid", "vmid"),
        ("tasks", json!({"failed": "yes"}), 422, "invalid", "yes"),
        ("start_guest", json!({}), 422, "invalid", "vmid"),
        // Keys that are none: nothing stands for an approval, a force or another node.
        ("stop_guest", json!({"vmid": 100, "confirmed": true}), 422, "invalid", "confirmed"),
        ("stop_guest", json!({"vmid": 100, "skiplock": 1}), 422, "invalid", "skiplock"),
        ("start_guest", json!({"vmid": 100, "node": "agent"}), 422, "invalid", "node"),
        // Tricks with paths.
        ("node_status", json!({"node": "../pve"}), 422, "invalid", "../pve"),
        ("node_status", json!({"node": "pve/../../access"}), 422, "invalid", "pve/../"),
        ("node_status", json!({"node": "pve%2f.."}), 422, "invalid", "pve%2f"),
        ("storage_content", json!({"node": "pve", "storage": "local/../../x"}), 422, "invalid", "local/"),
        ("create_snapshot", json!({"vmid": 100, "name": "../../current"}), 422, "invalid", "../../"),
        ("docker_logs", json!({"host": "management", "name": "redis/../../json"}), 422, "invalid", "redis/"),
        ("restart_service", json!({"node": "pve", "unit": "../../etc/x.service"}), 422, "invalid", "../../"),
        ("task_log", json!({"upid": "UPID:pve/../x:1:2:3:qmstart:100:root@pam:"}), 404, "not_found", "UPID"),
        // Options and other words of a shell.
        ("journal", json!({"node": "pve", "unit": "--output=/etc/x"}), 422, "invalid", "begins with `-`"),
        ("journal", json!({"node": "pve", "unit": "a;reboot"}), 422, "invalid", "a;reboot"),
        ("journal", json!({"node": "pve", "unit": "$(reboot)"}), 422, "invalid", "$(reboot)"),
        ("restart_service", json!({"node": "pve", "unit": "chrony\nreboot"}), 422, "invalid", "control"),
        // Characters that hide or turn text, and those that end it.
        ("node_status", json!({"node": "\u{202e}evp"}), 422, "invalid", "\\u{202e}"),
        ("guests", json!({"name": "web\u{200b}"}), 422, "invalid", "\\u{200b}"),
        ("guests", json!({"name": "a\u{0}b"}), 422, "invalid", "\\u{0}"),
        ("guests", json!({"name": "\u{1b}[2J"}), 422, "invalid", "\\u{1b}"),
        ("guests", json!({"na\u{202e}me": "x"}), 422, "invalid", "\\u{202e}"),
        // Long ones.
        ("guests", json!({"name": "x".repeat(50_000)}), 422, "invalid", "50000 bytes"),
        ("guests", json!({"name": "x".repeat(10_000_000)}), 413, "too_large", "larger than"),
        ("guests", many(100), 422, "invalid", "100"),
        // Tools there are not.
        ("frobnicate", fine.clone(), 404, "not_found", "frobnicate"),
        ("start_guest%00", fine.clone(), 404, "not_found", "start_guest"),
        ("..%2fkill-switch", fine.clone(), 404, "not_found", "kill-switch"),
        ("destroy_guest", fine.clone(), 403, "black", "cannot be undone"),
        ("approve", fine.clone(), 403, "black", "not Jarvis' to change"),
        // Things there are not.
        ("node_status", json!({"node": "PVE"}), 404, "not_found", "case-sensitive"),
        ("guest", json!({"vmid": 999_999}), 404, "not_found", "999999"),
        ("storage_content", json!({"node": "nowhere", "storage": "local"}), 404, "not_found", "nowhere"),
        ("docker_logs", json!({"host": "nowhere", "name": "redis"}), 404, "not_found", "management"),
        ("docker_logs", json!({"host": "management", "name": "nothing"}), 404, "not_found", "nothing"),
        ("journal", json!({"node": "pve", "unit": "nothing.service"}), 404, "not_found", "nothing.service"),
        ("start_guest", json!({"vmid": 999_999}), 403, "refused", "there is no"),
        ("reboot_node", json!({"node": "nowhere"}), 403, "refused", "there is no"),
        ("docker_stop", json!({"host": "management", "name": "nothing"}), 403, "refused", "there is no"),
    ]
}

fn many(keys: usize) -> Value {
    (0..keys).map(|n| (format!("key{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test]
async fn whatever_is_put_into_a_call_is_refused_by_name_and_nothing_is_done() -> Result<()> {
    let stage = Stage::whole(&[], OUTSIDE).await?;
    for (tool, args, status, kind, word) in rows() {
        let shown: String = args.to_string().chars().take(80).collect();
        let answer = stage.call(&stage.person(), tool, args).await?;
        let said = answer.text.replace("\\\\", "\\");
        ensure!(answer.status == status && answer.kind() == kind, "{tool} {shown}: {} {said}", answer.status);
        ensure!(said.contains(word), "{tool} {shown}: `{word}` is not named: {said}");
        ensure!(said.len() < ANSWER_BYTES_MAX, "{tool} {shown}: {} bytes of answer", said.len());
        ensure!(!said.chars().any(|c| c.is_control() || c == '\u{202e}'), "{tool} {shown}: {said:?}");
    }
    for (body, status) in
        [("[]", 422), ("{", 400), ("{\"args\":[]}", 422), ("{\"args\":{},\"approved\":true}", 422)]
    {
        let answer = raw(&stage, body).await?;
        ensure!(answer == status, "{body}: {answer}");
    }
    ensure!(stage.sim.attempts().await?.is_empty(), "something was done");
    let commands = stage.sim.commands().await?;
    ensure!(commands.iter().all(|c| c["inert"] == true && c["shape"].is_string()), "{commands:?}");
    let rows = stage.audit()?;
    ensure!(!rows.iter().any(|row| row["kind"] == "intent"), "an intent was recorded");
    stage.read("cluster_status", json!({})).await?;
    Ok(())
}

async fn raw(stage: &Stage, body: &str) -> Result<u16> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client
        .post(format!("{}/api/v1/tools/guests", stage.home.api()))
        .header("authorization", format!("Bearer {}", stage.token))
        .header("content-type", "application/json")
        .body(body.to_owned())
        .send()
        .await?;
    Ok(answer.status().as_u16())
}

#[tokio::test]
async fn i21_a_guest_that_moved_or_whose_number_is_another_guests_is_not_acted_on() -> Result<()> {
    let stage = Stage::with(&["--time-scale", "0.1"], OUTSIDE).await?;
    let (moved, node) = stage.guest("running", "qemu").await?;
    let (reused, _) = stage.guest("running", "lxc").await?;
    let first = stage.asked(&stage.person(), "reboot_guest", json!({"vmid": moved})).await?;
    let second = stage.asked(&stage.person(), "stop_guest", json!({"vmid": reused})).await?;

    let to = if node == "pve" { "agent1" } else { "pve" };
    let form = format!("target={to}&online=1&with-local-disks=1");
    stage.sim.by_hand(Method::POST, &format!("/nodes/{node}/qemu/{moved}/migrate"), &form).await?;
    stage.sim.fault("guest_remove", json!({"vmid": reused})).await?;
    stage
        .until("it moved and is gone", async || {
            let there = stage.sim.guest(moved).await?["node"] == to;
            Ok(there && stage.sim.guest(reused).await.is_err())
        })
        .await?;
    stage.sim.fault("guest_add", json!({"vmid": reused, "name": "another", "kind": "lxc"})).await?;
    stage
        .until("the other one is seen", async || {
            let told = stage.rest().get(&format!("/api/v1/guests/{reused}")).await?;
            Ok(told.status == 200 && told.value()?["name"] == "another")
        })
        .await?;

    for asked in [&first, &second] {
        let late = stage.decide(&stage.person(), asked, "approve").await?;
        if late.status.is_success() {
            let id = late.value()?["action"].as_str().context("an action")?.to_owned();
            let action = stage.ended(&id).await?;
            ensure!(action["state"] == "failed" && action["sent_ms"].is_null(), "{action}");
        } else {
            ensure!(late.status == 409, "{} {}", late.status, late.text);
        }
    }
    ensure!(stage.sim.attempts().await?.is_empty(), "the wrong guest was touched");
    // Asked for anew it is the guest where and what it is now.
    let plan = stage.plan(&stage.person(), "reboot_guest", json!({"vmid": moved})).await?;
    ensure!(plan["exact_calls"][0]["path"] == format!("/nodes/{to}/qemu/{moved}/status/reboot"), "{plan}");
    Ok(())
}

#[tokio::test]
async fn i10_a_task_that_never_ends_holds_its_guest_and_nobody_else() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (held, node) = stage.guest("running", "qemu").await?;
    let truth = stage.sim.truth().await?;
    let other = truth["guests"].as_array().into_iter().flatten();
    let other = other.filter(|g| g["node"] != node.as_str() && g["status"] == "running");
    let other = other.filter_map(|g| g["vmid"].as_u64()).next().context("a guest elsewhere")?;
    stage.sim.fault("task_hang", json!({"kind": "qmsnapshot", "vmid": held, "times": 1})).await?;
    let person = stage.person();
    let call = tokio::spawn(async move {
        let body = json!({"args": {"vmid": held, "name": "endless"}});
        person.patient(Duration::from_secs(3)).post("/api/v1/tools/create_snapshot", &body).await
    });
    stage
        .until("its task runs", async || {
            Ok(stage.actions().await?.iter().any(|a| a["state"] == "running" && a["upid"].is_string()))
        })
        .await?;
    let begun = Instant::now();
    stage.done("create_snapshot", json!({"vmid": other, "name": "fine"})).await?;
    ensure!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let same =
        stage.call(&stage.person(), "create_snapshot", json!({"vmid": held, "name": "second"})).await?;
    ensure!(same.status == 403 && guards(&same).contains(&"locks".into()), "{} {}", same.status, same.text);
    // The caller has long gone away; the operator ends the task, and its end is told.
    drop(call.await?);
    let action = running(&stage).await?;
    let upid = action["upid"].as_str().context("a task")?;
    stage.sim.by_hand(Method::DELETE, &format!("/nodes/{node}/tasks/{upid}"), "").await?;
    let ended = stage.ended(action["id"].as_str().context("an id")?).await?;
    ensure!(ended["state"] == "failed", "{ended}");
    stage.mediated().await
}

async fn running(stage: &Stage) -> Result<Value> {
    let all = stage.actions().await?;
    all.into_iter().find(|a| a["state"] == "running").context("nothing runs")
}
