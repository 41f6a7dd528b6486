//! The whole API is gone: what is shown says how old it is, and nothing pretends.

use std::time::Duration;

use anyhow::{Result, ensure};
use jarvis_tests::{daemon::Jarvisd, process::PATIENCE, screen::Screen, sim::Sim, socket::Socket};

#[tokio::test]
async fn an_api_that_went_away_makes_everything_stale_and_comes_back_by_itself() -> Result<()> {
    let mut sim = Sim::restartable().await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    let fresh = |s: &Screen| s.text("cluster", "cluster", "sight") == "fresh";
    socket.until(PATIENCE, "fresh values", fresh).await?;
    let before = socket.screen.text("cluster", "cluster", "headline").to_owned();
    let epoch = socket.screen.epoch.clone();

    sim.process.kill()?;
    socket
        .until(Duration::from_secs(30), "values marked late", |s| {
            s.text("cluster", "cluster", "sight") != "fresh"
        })
        .await?;
    // Quorum and the guests' rows are two questions, each with its own age: sight is lost with the first of them.
    let unseen = "I have lost sight of the cluster.";
    socket
        .until(Duration::from_secs(60), "lost sight of all", |s| {
            s.text("cluster", "cluster", "headline") == unseen
        })
        .await?;
    ensure!(
        socket.screen.text("cluster", "cluster", "sight") == "lost",
        "the sentence knows more than the record"
    );
    let headline = socket.screen.text("cluster", "cluster", "headline").to_owned();
    ensure!(headline != before, "the headline still says {headline:?}");
    ensure!(socket.screen.text("cluster", "cluster", "health") != "ok", "health pretends to be ok");
    let error = socket.screen.text("source", "resources", "error").to_owned();
    ensure!(!error.is_empty(), "the source does not say what is wrong");
    let ready =
        jarvisd.readyz(PATIENCE, "that the cluster is out of sight", |status, _| status == 503).await?;
    ensure!(ready.contains("proxmox") || ready.contains("cluster"), "no reason in {ready}");
    println!("headline {headline:?}; source: {error:?}");
    // Guests keep their last state: a guest that was not seen is not down.
    let guests: Vec<_> = socket.screen.records.get("guest").into_iter().flatten().collect();
    ensure!(!guests.is_empty(), "the guests vanished");
    ensure!(guests.iter().all(|(_, g)| g["health"] != "ok"), "a guest pretends to be well: {guests:?}");

    sim.again().await?;
    socket.until(Duration::from_secs(60), "fresh values again", fresh).await?;
    ensure!(socket.screen.epoch == epoch && socket.snapshots == 1, "the screen had to start over");
    jarvisd.readyz(PATIENCE, "that it is ready again", |status, _| status == 200).await?;
    Ok(())
}
