//! Nodes that misbehave over SSH: each kind of trouble is named, costs its own node its answer, and no other anything.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jarvis_tests::acting::{OUTSIDE, Stage};
use serde_json::{Value, json};

/// A node that is well answers within this while another one does not.
const QUICK: Duration = Duration::from_secs(4);

/// The fault and its fields, the read that meets it, and the words that name it.
fn troubles() -> Vec<(&'static str, Value, &'static str, Value, &'static str)> {
    let processes = json!({"node": "pve"});
    vec![
        ("ssh_host_key", json!({}), "processes", processes.clone(), "host key that is not the pinned one"),
        ("ssh_denied", json!({}), "processes", processes.clone(), "refused user"),
        ("ssh_refuse", json!({}), "processes", processes.clone(), "sshd"),
        ("ssh_sessions", json!({"count": 0}), "processes", processes.clone(), "pve"),
        ("ssh_hang", json!({}), "processes", processes.clone(), "did not finish within"),
        ("ssh_cut", json!({}), "processes", processes.clone(), "session broke"),
        ("ssh_fail", json!({"status": 3, "message": "no"}), "processes", processes, "ended with 3"),
    ]
}

#[tokio::test]
async fn i32_a_node_in_trouble_is_named_and_the_others_answer_meanwhile() -> Result<()> {
    let stage = Stage::whole(&[], OUTSIDE).await?;
    stage.read("processes", json!({"node": "agent1"})).await?;
    for (fault, mut fields, tool, args, words) in troubles() {
        fields["node"] = json!("pve");
        // Trouble with the door is met by who comes to it: the session that is open is broken first.
        stage.sim.fault("ssh_cut", json!({"node": "pve", "times": 1})).await?;
        let cut = stage.call(&stage.person(), tool, args.clone()).await?;
        ensure!(cut.status == 502, "{}", cut.text);
        stage.sim.fault(fault, fields).await?;
        let person = stage.person();
        let ill = tokio::spawn(async move {
            person.post(&format!("/api/v1/tools/{tool}"), &json!({"args": args})).await
        });
        let begun = Instant::now();
        stage.read("processes", json!({"node": "agent1"})).await?;
        stage.read("cluster_status", json!({})).await?;
        ensure!(begun.elapsed() < QUICK, "{fault}: others waited {:?}", begun.elapsed());
        let answer = ill.await??;
        ensure!(
            answer.status == 502 && answer.kind() == "upstream",
            "{fault}: {} {}",
            answer.status,
            answer.text
        );
        ensure!(answer.text.contains(words), "{fault}: {}", answer.text);
        // All nodes at once: the ill one is named beside the answers of the others.
        // A program that fails there is a machine without sensors.
        if fault != "ssh_fail" {
            let person = stage.person().patient(Duration::from_secs(30));
            let all = stage.call(&person, "temperatures", json!({})).await?.ok()?["value"].clone();
            let nodes = all["nodes"].as_array().context("nodes")?;
            let unread = nodes.iter().filter(|n| n["unread"].is_string()).count();
            ensure!(nodes.len() == 4 && unread == 1, "{fault}: {all}");
        }
        stage.sim.well_again().await?;
        let well = stage.until("it answers again", async || {
            Ok(stage.call(&stage.person(), tool, json!({"node": "pve"})).await?.status == 200)
        });
        well.await.context(fault)?;
    }
    ensure!(stage.sim.attempts().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn i32_fifty_megabytes_are_cut_on_either_stream_and_held_by_nobody() -> Result<()> {
    let stage = Stage::whole(&[], OUTSIDE).await?;
    stage.read("journal", json!({"node": "pve", "unit": "pveproxy"})).await?;
    for variant in ["stdout", "stderr"] {
        let before = memory_kib(&stage)?;
        let fields = json!({"node": "pve", "variant": variant, "path": "journalctl", "times": 1});
        stage.sim.fault("ssh_flood", fields).await?;
        let answer = stage
            .call(&stage.person(), "journal", json!({"node": "pve", "unit": "pveproxy", "lines": 1000}))
            .await?;
        ensure!(answer.status.is_success() || answer.kind() == "upstream", "{variant}: {}", answer.text);
        ensure!(answer.text.len() < 100 * 1024, "{variant}: {} bytes", answer.text.len());
        let grown = memory_kib(&stage)?.saturating_sub(before);
        ensure!(grown < 20 * 1024, "{variant}: {grown} KiB more");
        stage.sim.well_again().await?;
        stage.read("journal", json!({"node": "pve", "unit": "pveproxy"})).await?;
    }
    Ok(())
}

const SERVICES: &str = "[services]\nrestart = [{ node = \"pve\", unit = \"nfs-server\" }]\n";

/// The command is carried out and nobody says so: it is not sent again, and what a look shows is told.
#[tokio::test]
async fn i08_a_node_that_hangs_mid_command_is_not_asked_twice() -> Result<()> {
    let stage = Stage::whole(&[], &format!("{OUTSIDE}{SERVICES}")).await?;
    let args = json!({"node": "pve", "unit": "nfs-server"});
    for fault in ["ssh_cut", "ssh_hang"] {
        stage.sim.fault(fault, json!({"node": "pve", "path": "restart", "times": 1})).await?;
        let before = stage.sim.attempts().await?.len();
        let person = stage.person().patient(Duration::from_secs(60));
        let answer = stage.call(&person, "restart_service", args.clone()).await?;
        let told = answer.value()?;
        let action = if answer.status == 200 { &told["action"] } else { &told["error"]["details"]["action"] };
        // Restarted it was, and a look shows it.
        ensure!(matches!(action["state"].as_str(), Some("ok" | "unknown")), "{fault}: {}", answer.text);
        ensure!(action["verified"] == "yes", "{fault}: {}", answer.text);
        ensure!(stage.sim.attempts().await?.len() == before + 1, "{fault}: it was sent again");
        // Two restarts within one second look like one to systemd.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    // A session that is open is broken first: a key is looked at by who comes to the door.
    stage.sim.fault("ssh_cut", json!({"node": "pve", "times": 1})).await?;
    let cut = stage.call(&stage.person(), "processes", json!({"node": "pve"})).await?;
    ensure!(cut.status == 502, "{}", cut.text);
    stage.sim.fault("ssh_host_key", json!({"node": "pve"})).await?;
    let refused = stage.call(&stage.person(), "restart_service", args).await?;
    ensure!(refused.status == 403 && refused.text.contains("host key"), "{}", refused.text);
    stage.mediated().await
}

fn memory_kib(stage: &Stage) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", stage.process.pid()))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("VmRSS")?;
    line.split_whitespace().next().and_then(|n| n.parse().ok()).context("a number")
}
