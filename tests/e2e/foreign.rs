//! The daemon against a Proxmox API that nobody here wrote: fakepve, and the recorded answers of a real
//! cluster. Configuration alone tells it which.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    daemon::{Cluster, Jarvisd},
    fakepve::Fakepve,
    process::PATIENCE,
    recorded::{self, Recorded},
    socket::Socket,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A moment of the recording in which all was well.
const HEALTHY: &str = "agent back +30s";
const TOKEN: &str = "jarvis@pve!read=6f2a1c3e-0000-4000-8000-00000000cafe";

#[tokio::test]
async fn fakepves_nodes_and_guests_are_shown_in_rest_stream_and_metrics() -> Result<()> {
    let guests = json!([
        {"vmid": 100, "name": "web", "node": "pve1", "status": "running"},
        {"vmid": 101, "name": "db", "node": "pve2", "type": "lxc", "status": "stopped"},
    ]);
    let pve = Fakepve::start(&guests).await?;
    let dir = TempDir::new()?;
    let cluster = Cluster::laid_down(dir.path(), "pve1", &pve.url, &pve.ca_pem, &pve.token)?;
    let jarvisd = Jarvisd::start(&cluster).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    socket
        .until(PATIENCE, "both guests", |s| {
            s.text("guest", "100", "name") == "web" && s.text("guest", "101", "name") == "db"
        })
        .await?;
    socket
        .until(PATIENCE, "both nodes online", |s| {
            s.text("node", "pve1", "status") == "online" && s.text("node", "pve2", "status") == "online"
        })
        .await?;
    ensure!(socket.screen.text("guest", "100", "status") == "running");
    ensure!(socket.screen.text("guest", "101", "kind") == "lxc");

    let rest = jarvisd.rest().json("/api/v1/cluster").await?;
    ensure!(rest.to_string().contains("\"web\""), "GET /api/v1/cluster lacks the guest: {rest}");
    let metrics = jarvisd.metrics().await?;
    for sample in ["pve_up{id=\"qemu/100\"} 1", "pve_up{id=\"lxc/101\"} 0", "pve_up{id=\"node/pve1\"} 1"] {
        ensure!(metrics.contains(sample), "/metrics lacks {sample}:\n{metrics}");
    }

    pve.post("/nodes/pve1/qemu/100/status/stop", "").await?;
    // fakepve's own tasks do not show in its cluster-wide list, so this waits for the ordinary poll.
    socket
        .until(Duration::from_secs(20), "the guest stopped", |s| {
            s.text("guest", "100", "status") == "stopped"
        })
        .await?;
    Ok(())
}

#[tokio::test]
async fn the_recorded_cluster_is_shown_as_it_was() -> Result<()> {
    let (_dir, recorded, jarvisd) = recorded_at(HEALTHY).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    let told = recorded::body(HEALTHY, "/cluster/resources")?;
    let rows = told["data"].as_array().context("rows")?;
    let guests: Vec<&Value> = rows.iter().filter(|r| r["type"] == "qemu" || r["type"] == "lxc").collect();
    let nodes: Vec<&Value> = rows.iter().filter(|r| r["type"] == "node").collect();
    ensure!(guests.len() > 3 && nodes.len() == 4, "the recording changed: {} guests", guests.len());
    socket
        .until(PATIENCE, "as many records", |s| {
            let count = |kind: &str| s.records.get(kind).map_or(0, |of| of.len());
            count("guest") == guests.len() && count("node") == nodes.len()
        })
        .await?;
    for row in &guests {
        let id = row["vmid"].to_string();
        let held = socket.screen.record("guest", &id).with_context(|| format!("guest {id}"))?;
        for field in ["name", "node", "status"] {
            ensure!(
                held[field] == row[field],
                "guest {id} {field}: shown {}, recorded {}",
                held[field],
                row[field]
            );
        }
        ensure!(held["template"] == (row["template"] == 1), "guest {id} template: {held}");
    }
    for row in &nodes {
        let id = row["node"].as_str().unwrap_or_default();
        ensure!(socket.screen.text("node", id, "status") == "online", "node {id} is not online");
    }
    drop(recorded);
    Ok(())
}

/// Seconds after the cut: the cluster's word on the node, while its guests still look alive.
#[tokio::test]
async fn a_real_node_loss_shows_its_guests_as_unknown_long_before_proxmox_does() -> Result<()> {
    let (_dir, recorded, jarvisd) = recorded_at(HEALTHY).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    socket.until(PATIENCE, "agent online", |s| s.text("node", "agent", "status") == "online").await?;
    let name = socket.screen.text("guest", "130", "name").to_owned();
    ensure!(!name.is_empty(), "guest 130 of agent has a name before");

    recorded.show("agent cut +60s");
    socket
        .until(PATIENCE, "agent offline and its guest unknown", |s| {
            s.text("node", "agent", "status") == "offline" && s.text("guest", "130", "health") == "unknown"
        })
        .await?;
    let guest = socket.screen.record("guest", "130").context("guest 130")?;
    ensure!(guest["as_of_ms"].is_i64(), "figures of a lost node's guest carry no age: {guest}");

    // Five minutes later its rows are bare; what was known of it is kept.
    recorded.show("agent cut +305s");
    socket.watch(Duration::from_secs(3)).await?;
    ensure!(socket.screen.text("guest", "130", "name") == name, "the name was lost with the rows");

    recorded.show(HEALTHY);
    socket
        .until(PATIENCE, "agent and its guest back", |s| {
            s.text("node", "agent", "status") == "online" && s.text("guest", "130", "status") == "running"
        })
        .await?;
    Ok(())
}

/// Right after a cold start a real cluster said quorate, every node offline, and figures moved.
#[tokio::test]
async fn sources_that_contradict_each_other_are_shown_as_a_contradiction() -> Result<()> {
    let (_dir, _recorded, jarvisd) = recorded_at("steady").await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    let contradiction =
        |s: &jarvis_tests::screen::Screen| !s.text("cluster", "cluster", "contradiction").is_empty();
    socket.until(PATIENCE, "the contradiction", contradiction).await?;
    Ok(())
}

async fn recorded_at(moment: &str) -> Result<(TempDir, Recorded, Jarvisd)> {
    let recorded = Recorded::start(moment).await?;
    let dir = TempDir::new()?;
    let cluster = Cluster::laid_down(dir.path(), "Home", &recorded.url(), &recorded.ca_pem, TOKEN)?;
    let jarvisd = Jarvisd::start(&cluster).await?;
    Ok((dir, recorded, jarvisd))
}
