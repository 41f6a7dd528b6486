//! Fifty connections cut without a word while things happen: nothing is lost and nothing is wrong.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jarvis_tests::{
    daemon::Jarvisd,
    process::PATIENCE,
    screen::{Records, Screen},
    sim::Sim,
    socket::{Door, Socket},
};
use serde_json::{Value, json};

const DROPS: u64 = 50;

#[tokio::test]
async fn after_fifty_forced_drops_under_load_the_screen_equals_the_server_and_no_event_is_lost() -> Result<()>
{
    let sim = Sim::with(&["--guests", "300"]).await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    let door = jarvisd.door();
    let mut socket = Socket::open(&door).await?;
    socket.until(PATIENCE, "300 guests", |s| s.records.get("guest").is_some_and(|g| g.len() >= 300)).await?;
    let first = socket.screen.events.keys().next_back().copied().unwrap_or(0);
    let busy: Vec<u32> = containers(&socket.screen).into_iter().take(40).collect();
    ensure!(busy.len() == 40, "only {} containers to keep busy", busy.len());

    let load = async {
        for (n, vmid) in busy.iter().cycle().enumerate() {
            let stopped = (n / busy.len()) % 2 == 1;
            let fault = if stopped { "guest_start_by_human" } else { "guest_stop_by_human" };
            sim.fault(fault, json!({"vmid": vmid})).await?;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        anyhow::Ok(())
    };
    let mut resumed = 0;
    let drops = async {
        for n in 0..DROPS {
            socket.watch(Duration::from_millis(60 + 97 * (n % 7))).await?;
            let screen = socket.drop_hard();
            // Sometimes long enough away that the numbers have moved on.
            tokio::time::sleep(Duration::from_millis(if n % 5 == 0 { 1_500 } else { 20 })).await;
            socket = Socket::connect(&door, screen).await?;
            socket.until(PATIENCE, "its place again", |s| s.seq.is_some()).await?;
            socket.watch(Duration::from_millis(30)).await?;
            resumed += socket.resumed_cluster;
        }
        anyhow::Ok(socket)
    };
    let mut socket = tokio::select! {
        done = drops => done?,
        ended = load => bail!("the load ended before the drops: {ended:?}"),
    };
    println!("{DROPS} drops, {resumed} resumed by number, {} events held", socket.screen.events.len());
    ensure!(resumed > 0, "no connection was ever resumed by its number");

    same_state(&mut socket, &door).await?;
    let last = newest_event(&jarvisd).await?;
    socket.until(PATIENCE, "the newest event", |s| s.events.contains_key(&last)).await?;
    ensure!(last > first + 20, "hardly anything happened: events {first} to {last}");
    for id in first + 1..=last {
        ensure!(socket.screen.events.contains_key(&id), "event {id} of {first}..={last} never came");
    }
    Ok(())
}

/// Steps the screen to the number of a fresh snapshot and compares every record.
pub async fn same_state(socket: &mut Socket, door: &Door) -> Result<()> {
    for _ in 0..20 {
        let fresh = Socket::open(door).await?.drop_hard();
        let wanted = fresh.seq.context("a snapshot has a number")?;
        socket.until(PATIENCE, "that number", |s| s.seq.is_some_and(|seq| seq >= wanted)).await?;
        if socket.screen.seq == Some(wanted) {
            return compare(&socket.screen.records, &fresh.records);
        }
    }
    bail!("the screen was always ahead of a fresh snapshot")
}

fn compare(held: &Records, told: &Records) -> Result<()> {
    let empty = Default::default();
    for kind in told.keys().chain(held.keys()) {
        let (ours, theirs) = (held.get(kind).unwrap_or(&empty), told.get(kind).unwrap_or(&empty));
        for (id, record) in theirs {
            ensure!(ours.get(id) == Some(record), "{kind} {id}: held {:?}, server {record}", ours.get(id));
        }
        let ghosts: Vec<_> = ours.keys().filter(|id| !theirs.contains_key(*id)).collect();
        ensure!(ghosts.is_empty(), "{kind} {ghosts:?} are held but gone");
    }
    Ok(())
}

fn containers(screen: &Screen) -> Vec<u32> {
    let guests = screen.records.get("guest").into_iter().flatten();
    let running =
        guests.filter(|(_, g)| g["kind"] == "lxc" && g["status"] == "running" && g["template"] == false);
    running.filter_map(|(id, _)| id.parse().ok()).collect()
}

async fn newest_event(jarvisd: &Jarvisd) -> Result<i64> {
    let page: Value = jarvisd.rest().json("/api/v1/events?limit=1").await?;
    page["items"][0]["id"].as_i64().with_context(|| format!("no events: {page}"))
}
