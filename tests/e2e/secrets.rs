//! Canaries in every slot that holds a secret: none of them is in an answer, a frame, a log, the audit or the database.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, Stage},
    daemon::PASSWORD,
    process::PATIENCE,
    screen::Screen,
    socket::Socket,
};
use reqwest::Method;
use serde_json::json;

/// A refused token shows by then.
const SHOWS: Duration = Duration::from_secs(60);

/// Secrets the daemon holds: by name, so that a failure does not print them.
fn held(stage: &Stage, api_token: &str) -> Result<Vec<(&'static str, String)>> {
    let cluster = stage.sim.acting_cluster()?;
    let proxmox = |file: &std::path::Path| -> Result<String> {
        let text = std::fs::read_to_string(file)?;
        Ok(text.trim().split_once('=').context("a token")?.1.to_owned())
    };
    let key = std::fs::read_to_string(stage.sim.ssh_key()?)?;
    // A line from the middle of the private key.
    let key_line = key.lines().nth(2).context("a private key")?.to_owned();
    Ok(vec![
        ("the reading token of Proxmox", proxmox(&cluster.token_file)?),
        ("the acting token of Proxmox", proxmox(cluster.act_token_file.as_deref().context("act")?)?),
        ("the private key for the nodes", key_line),
        ("the password", PASSWORD.to_owned()),
        ("the session", stage.cookie.split_once('=').context("a cookie")?.1.to_owned()),
        ("an API token", api_token.to_owned()),
        ("another API token", stage.token.clone()),
    ])
}

#[tokio::test]
async fn i30_no_secret_is_in_any_answer_frame_log_or_the_audit() -> Result<()> {
    let stage = Stage::whole(&[], OUTSIDE).await?;
    let mut socket = Socket::open(&stage.door()).await?;
    socket.until(PATIENCE, "guests", |s| s.records.get("guest").is_some_and(|g| g.len() == 21)).await?;
    let token = stage.new_token(&["read", "act"]).await?;
    let (vmid, node) = stage.guest("running", "qemu").await?;
    // What careless people write where everybody reads.
    let description = "the database has password=canary-9f3a71";
    let form = format!("description={description}");
    stage.sim.by_hand(Method::PUT, &format!("/nodes/{node}/qemu/{vmid}/config"), &form).await?;

    let mut said = Vec::new();
    for (tool, args) in reads(vmid) {
        said.push(stage.call(&stage.person(), tool, args).await?.text);
    }
    let done = stage.done("create_snapshot", json!({"vmid": vmid, "name": "canary"})).await?;
    said.push(done.to_string());
    // Answers to what failed: a wrong password, a wrong token, a refusal by Proxmox.
    let wrong = json!({"password": "canary-wrong-password"});
    let origin = stage.home.api();
    said.push(stage.bare().with("origin", &origin).post("/api/v1/login", &wrong).await?.text);
    said.push(stage.bare().token("jv_canary-wrong-token").get("/api/v1/cluster").await?.text);
    stage.sim.fault("auth_fail", json!({})).await?;
    let refused = |s: &Screen| !s.text("source", "resources", "error").is_empty();
    socket.until(SHOWS, "the refusal", refused).await?;
    for path in ["/readyz", "/healthz", "/api/v1/openapi.json"] {
        said.push(stage.bare().get(path).await?.text);
    }
    stage.sim.well_again().await?;
    for path in ["cluster", "events?limit=500", "approvals", "actions", "tokens", "audit?limit=200"] {
        let path = &format!("/api/v1/{path}");
        said.push(stage.person().get(path).await?.text);
    }
    said.push(stage.metrics().await?);
    socket.watch(Duration::from_secs(2)).await?;
    let screen = socket.drop_hard();
    let held = held(&stage, &token)?;
    let canaries = ["canary-9f3a71", "canary-wrong-password", "canary-wrong-token"];
    let places = [
        ("an answer", said.join("\n")),
        ("a frame", format!("{:?} {:?}", screen.records, screen.events)),
        ("the log", stage.process.log()),
        ("the audit", format!("{:?}", stage.audit()?)),
        ("the database", database(&stage)?),
    ];
    for (place, text) in &places {
        ensure!(text.len() > 100, "{place} is empty: the test looks at nothing");
        for (name, secret) in &held {
            ensure!(!text.contains(secret.as_str()), "{name} is in {place}");
        }
        for canary in canaries {
            ensure!(!text.contains(canary), "{canary} is in {place}");
        }
    }
    Ok(())
}

/// Every read that could carry one.
fn reads(vmid: u64) -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("guest", json!({"vmid": vmid})),
        ("guests", json!({})),
        ("cluster_status", json!({})),
        ("node_status", json!({"node": "pve"})),
        ("journal", json!({"node": "pve", "unit": "pveproxy", "lines": 1000})),
        ("processes", json!({"node": "pve"})),
        ("docker", json!({})),
        ("events", json!({})),
        ("audit", json!({})),
        ("storage_content", json!({"node": "pve", "storage": "backup"})),
        ("shares", json!({"node": "pve"})),
        ("services", json!({"node": "pve"})),
    ]
}

/// All of it, write-ahead log and all, as text.
fn database(stage: &Stage) -> Result<String> {
    let mut text = String::new();
    for entry in std::fs::read_dir(stage.home.data())? {
        let path = entry?.path();
        if path.is_file() {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(path)?));
        }
    }
    Ok(text)
}
