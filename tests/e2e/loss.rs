//! A node is lost: its guests are unknown at once, not "running" for five minutes as Proxmox says.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jarvis_tests::{daemon::Jarvisd, process::PATIENCE, screen::Screen, sim::Sim, socket::Socket};
use serde_json::json;

#[tokio::test]
async fn a_lost_nodes_guests_are_unknown_with_the_age_of_their_figures_and_come_back() -> Result<()> {
    let sim = Sim::start().await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    socket.until(PATIENCE, "four nodes online", |s| online(s) == 4).await?;
    let theirs = guests_of(&socket.screen, "pve");
    ensure!(theirs.len() > 2, "node pve has guests: {theirs:?}");

    sim.fault("node_down", json!({"node": "pve"})).await?;
    // Corosync needs 9 to 10 s to declare it dead; the rest is ours.
    let took = socket
        .until(Duration::from_secs(25), "pve offline", |s| s.text("node", "pve", "status") == "offline")
        .await?;
    println!("node loss on the screen {took:?} after the cable");
    socket
        .until(PATIENCE, "its guests unknown", |s| {
            theirs.iter().all(|(id, _)| s.text("guest", id, "health") == "unknown")
        })
        .await?;
    for (id, name) in &theirs {
        let guest = socket.screen.record("guest", id).with_context(|| format!("guest {id} vanished"))?;
        ensure!(guest["as_of_ms"].is_i64(), "figures without an age: {guest}");
        ensure!(guest["name"] == *name.as_str(), "the name was lost: {guest}");
    }
    let headline = socket.screen.text("cluster", "cluster", "headline");
    ensure!(headline.contains("pve"), "the headline does not name the node: {headline:?}");
    ensure!(socket.screen.text("cluster", "cluster", "health") != "ok");
    socket
        .until(PATIENCE, "the event of its loss", |s| {
            s.events.values().any(|e| e["type"] == "node_offline" && e["node"] == "pve")
        })
        .await?;

    // Five minutes later Proxmox drops everything it knew of them but the number.
    sim.advance(310).await?;
    socket.watch(Duration::from_secs(3)).await?;
    for (id, name) in &theirs {
        ensure!(socket.screen.text("guest", id, "name") == name, "the name of {id} went with its row");
    }

    sim.fault("node_up", json!({"node": "pve"})).await?;
    socket
        .until(Duration::from_secs(60), "all back", |s| {
            online(s) == 4
                && theirs.iter().all(|(id, _)| s.record("guest", id).is_some_and(|g| g["as_of_ms"].is_null()))
        })
        .await?;
    ensure!(socket.snapshots == 1, "it took {} snapshots: a loss needs none", socket.snapshots);
    Ok(())
}

/// A healthy cluster on a screen, and the node that is asked first.
async fn watched() -> Result<(Sim, Jarvisd, Socket, String)> {
    let sim = Sim::start().await?;
    let cluster = sim.cluster()?;
    let first = cluster.nodes[0].0.clone();
    let jarvisd = Jarvisd::start(&cluster).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    socket.until(PATIENCE, "four nodes online", |s| online(s) == 4).await?;
    Ok((sim, jarvisd, socket, first))
}

/// Its API answers well, but by its own view it is the others who are gone.
#[tokio::test]
async fn a_node_whose_corosync_is_apart_is_not_believed_over_the_others() -> Result<()> {
    let (sim, _jarvisd, mut socket, first) = watched().await?;
    ensure!(socket.screen.text("source", "membership", "via") == first, "it is not asked first");

    sim.fault("node_apart", json!({"node": first})).await?;
    socket
        .until(Duration::from_secs(40), "the first node offline, told by another", |s| {
            s.text("node", &first, "status") == "offline" && s.text("source", "membership", "via") != first
        })
        .await?;
    socket.watch(Duration::from_secs(5)).await?;
    ensure!(online(&socket.screen) == 3);
    let headline = socket.screen.text("cluster", "cluster", "headline");
    ensure!(headline == format!("I have lost sight of {first}."), "{headline}");
    let wrong: Vec<String> = socket
        .screen
        .events
        .values()
        .filter(|e| match e["type"].as_str() {
            Some("quorum_lost" | "contradiction" | "sight_lost") => true,
            Some("node_offline") => e["node"] != first.as_str(),
            _ => false,
        })
        .map(ToString::to_string)
        .collect();
    ensure!(wrong.is_empty(), "told of the others: {wrong:?}");
    Ok(())
}

#[tokio::test]
async fn the_cluster_stays_visible_when_the_first_node_is_down() -> Result<()> {
    let (sim, _jarvisd, mut socket, first) = watched().await?;

    sim.fault("node_down", json!({"node": first})).await?;
    socket
        .until(Duration::from_secs(60), "the first node offline, told by another", |s| {
            s.text("node", &first, "status") == "offline" && s.text("source", "resources", "via") != first
        })
        .await?;
    socket
        .until(PATIENCE, "sight of the cluster", |s| s.text("cluster", "cluster", "sight") == "fresh")
        .await?;
    ensure!(online(&socket.screen) == 3);
    Ok(())
}

fn online(screen: &Screen) -> usize {
    let nodes = screen.records.get("node").into_iter().flatten();
    nodes.filter(|(_, n)| n["status"] == "online").count()
}

/// Id and name of a node's guests.
fn guests_of(screen: &Screen, node: &str) -> Vec<(String, String)> {
    let guests = screen.records.get("guest").into_iter().flatten();
    // A template is off wherever its node is.
    let here = guests.filter(|(_, g)| g["node"] == node && g["template"] == false);
    here.map(|(id, g)| (id.clone(), g["name"].as_str().unwrap_or_default().to_owned())).collect()
}
