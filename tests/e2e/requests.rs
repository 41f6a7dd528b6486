//! What the daemon asks of Proxmox: little while nobody looks, and never more for more viewers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, Stage},
    daemon::Jarvisd,
    process::PATIENCE,
    sim::Sim,
    socket::Socket,
};
use serde_json::json;

const MINUTE: Duration = Duration::from_secs(60);

/// Four nodes, nobody looking.
const IDLE_MAX: u64 = 24;

/// A round every ten seconds, and a busy machine's delay.
const ROUND_MS_MAX: u64 = 14_000;

/// A busy test machine skips a tick now and then. Then another minute is counted; a viewer that cost requests would
/// cost them in each.
const MINUTES_MAX: u32 = 3;

#[tokio::test]
async fn unwatched_a_minute_costs_at_most_24_requests_whatever_happens() -> Result<()> {
    let sim = Sim::start().await?;
    let cluster = sim.cluster()?;
    ensure!(cluster.nodes.len() == 4, "the budget is for four nodes");
    let jarvisd = Jarvisd::start(&cluster).await?;
    jarvisd.readyz(PATIENCE, "that it is ready", |status, _| status == 200).await?;
    let guests = jarvisd.rest().json("/api/v1/guests?status=running&limit=100").await?;
    let items = guests["items"].as_array().context("items")?;
    let running: Vec<u64> =
        items.iter().filter(|g| g["kind"] == "lxc").filter_map(|g| g["vmid"].as_u64()).collect();

    let before = total(&sim).await?;
    // Things happen: tasks begin and end, and each wants a look at its guest.
    for vmid in running.iter().take(8) {
        sim.fault("guest_stop_by_human", json!({"vmid": vmid})).await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    tokio::time::sleep(MINUTE - Duration::from_secs(40)).await;
    let asked = total(&sim).await? - before;
    println!("nobody looking, eight guests stopped: {asked} requests in a minute");
    ensure!(asked <= IDLE_MAX, "{asked} requests in a minute: {}", sim.requests().await?);
    ensure!(asked >= 4, "{asked} requests in a minute: it does not look at all");
    Ok(())
}

/// Own actions are followed by the executor itself; what they poke comes out of what the regular rounds leave.
#[tokio::test]
async fn unwatched_a_flurry_of_own_actions_leaves_the_rounds_and_the_minute_as_they_are() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let (vmid, _) = stage.guest("running", "qemu").await?;
    for n in 0..10 {
        let args = json!({"vmid": vmid, "name": format!("flurry-{n}")});
        stage.call(&stage.person(), "create_snapshot", args).await?.ok()?;
    }
    let before = total(&stage.sim).await?;
    let (begun, mut oldest) = (Instant::now(), 0);
    while begun.elapsed() < MINUTE {
        oldest = oldest.max(age_ms(&stage).await?);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let asked = total(&stage.sim).await? - before;
    println!(
        "after ten actions, nobody looking: {asked} requests in a minute, figures at most {oldest} ms old"
    );
    ensure!(asked <= IDLE_MAX, "{asked} requests in a minute: {}", stage.sim.requests().await?);
    ensure!(oldest <= ROUND_MS_MAX, "figures stood still for {oldest} ms");
    Ok(())
}

/// Of what the cluster lists, as the daemon tells it.
async fn age_ms(stage: &Stage) -> Result<u64> {
    let whole = stage.rest().json("/api/v1/cluster").await?;
    let sources = whole["sources"].as_array().context("sources")?;
    let lists = sources.iter().find(|s| s["id"] == "resources").context("resources")?;
    lists["age_ms"].as_u64().context("an age")
}

#[tokio::test]
async fn fifty_viewers_cost_as_many_requests_as_one() -> Result<()> {
    let mut counted = Vec::new();
    for _ in 0..MINUTES_MAX {
        let (one, fifty) = tokio::try_join!(watched(1), watched(50))?;
        // One poll more or less at the edges of the minute.
        let poll = one.div_ceil(60);
        println!("requests in a minute: 1 viewer {one}, 50 viewers {fifty}, one poll about {poll}");
        if one.abs_diff(fifty) <= poll {
            return Ok(());
        }
        counted.push((one, fifty));
    }
    bail!("with 1 and with 50 viewers, minute by minute: {counted:?}");
}

async fn watched(viewers: usize) -> Result<u64> {
    let sim = Sim::start().await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    let mut sockets = Vec::new();
    for _ in 0..viewers {
        sockets.push(Socket::open(&jarvisd.door()).await?);
    }
    // The first polls after the first viewer are a burst of their own.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = total(&sim).await?;
    let reading = sockets.iter_mut().map(|s| s.watch(MINUTE));
    futures_util::future::try_join_all(reading).await?;
    Ok(total(&sim).await? - before)
}

async fn total(sim: &Sim) -> Result<u64> {
    sim.requests().await?["total"].as_u64().context("a total of requests")
}
