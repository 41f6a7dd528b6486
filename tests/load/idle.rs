//! From exec to ready, and what an unwatched daemon keeps in memory.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use jarvis_tests::{daemon::Home, process::PATIENCE, rest::Rest, sim::Sim};

use crate::figures::{Table, percentile};

const STARTS: usize = 20;
const START_MS: f64 = 150.0;
const RSS_MB: f64 = 25.0;

/// Long enough for allocators to settle and the first history to be written.
const SETTLE: Duration = Duration::from_secs(45);

pub async fn start_up(table: &mut Table) -> Result<()> {
    let sim = Sim::start().await?;
    let home = Home::new(Some(&sim.cluster()?), "")?;
    let (mut listens, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let began = Instant::now();
        let mut process = home.launch()?;
        while TcpStream::connect(("127.0.0.1", home.api_port)).is_err() {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        listens.push(began.elapsed().as_secs_f64() * 1_000.0);
        let rest = Rest::new(&home.api());
        while rest.get("/readyz").await.map_or(true, |a| a.status != 200) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        ready.push(began.elapsed().as_secs_f64() * 1_000.0);
        process.terminate()?;
        process.ended(PATIENCE).await?;
    }
    table.judged("exec to answering, median of 20 starts", percentile(&mut listens, 0.5), START_MS, "ms");
    table.judged("exec to ready with the cluster read, median", percentile(&mut ready, 0.5), START_MS, "ms");
    Ok(())
}

pub async fn memory(table: &mut Table) -> Result<()> {
    let sim = Sim::with(&["--guests", "50"]).await?;
    let home = Home::new(Some(&sim.cluster()?), "")?;
    let process = home.start().await?;
    tokio::time::sleep(SETTLE).await;
    let rss = rss_mb(process.pid())?;
    table.judged("memory, 4 nodes and 50 guests, nobody looking", rss, RSS_MB, "MB");
    Ok(())
}

pub fn rss_mb(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: f64 = line.split_whitespace().next().context("a number")?.parse()?;
    Ok(kib * 1.024 / 1_000.0)
}
