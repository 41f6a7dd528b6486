//! `kill -9`, and started again: events are kept, screens learn that their numbers mean nothing any more.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jarvis_tests::{daemon::Jarvisd, process::PATIENCE, sim::Sim, socket::Socket};
use serde_json::json;

#[tokio::test]
async fn events_survive_kill_9_and_a_resume_gets_the_new_epochs_snapshot() -> Result<()> {
    let sim = Sim::start().await?;
    let mut jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    for vmid in stoppable(&socket, 3) {
        sim.fault("guest_stop_by_human", json!({"vmid": vmid.parse::<u32>()?})).await?;
        socket.until(PATIENCE, "it stopped", |s| s.text("guest", &vmid, "status") == "stopped").await?;
        socket
            .until(PATIENCE, "the event", |s| {
                s.events.values().any(|e| e["vmid"].as_u64() == vmid.parse().ok())
            })
            .await?;
    }
    let held = socket.screen.events.clone();
    let screen = socket.drop_hard();
    let (epoch, cookie) = (screen.epoch.clone(), jarvisd.cookie.clone());

    jarvisd.process.kill()?;
    jarvisd.again().await?;
    let mut socket = Socket::connect(&jarvisd.door(), screen).await?;
    socket.until(PATIENCE, "the new epoch's state", |s| s.epoch != epoch && s.seq.is_some()).await?;
    ensure!(socket.resumed_cluster == 0, "a number of another life was resumed");
    let feed = jarvisd.rest().json("/api/v1/events?limit=500").await?;
    let items = feed["items"].as_array().context("items")?;
    for (id, event) in &held {
        let kept =
            items.iter().find(|e| e["id"] == *id).with_context(|| format!("event {id} is lost: {event}"))?;
        ensure!(kept["title"] == event["title"], "event {id} changed: {kept}");
    }
    let session = jarvisd.bare().session(&cookie).get("/api/v1/session").await?;
    ensure!(session.status == 200, "the operator was logged out: {}", session.text);
    Ok(())
}

#[tokio::test]
async fn asked_to_stop_it_says_goodbye_and_ends_cleanly_at_once() -> Result<()> {
    let sim = Sim::start().await?;
    let mut jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    jarvisd.process.terminate()?;
    let status = jarvisd.process.ended(Duration::from_secs(8)).await?;
    ensure!(status.success(), "it ended with {status}\n{}", jarvisd.process.log());
    while socket.next().await?.is_some() {}
    let code = socket.closed.as_ref().map(|c| u16::from(c.code));
    ensure!(code == Some(1012), "the socket was closed with {code:?}, not 1012");
    Ok(())
}

fn stoppable(socket: &Socket, count: usize) -> Vec<String> {
    let guests = socket.screen.records.get("guest").into_iter().flatten();
    let running = guests.filter(|(_, g)| g["status"] == "running" && g["kind"] == "lxc");
    running.map(|(id, _)| id.clone()).take(count).collect()
}
