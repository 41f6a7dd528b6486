//! REST: a long list, and a history.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jarvis_tests::{daemon::Jarvisd, process::PATIENCE, rest::Rest, sim::Sim};
use serde_json::json;

use crate::figures::{Table, percentile};

const ASKED: usize = 300;

const HISTORY_WITHIN: Duration = Duration::from_secs(90);

pub async fn ask(table: &mut Table) -> Result<()> {
    let sim = Sim::with(&["--guests", "2000"]).await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    jarvisd.readyz(PATIENCE, "that it is ready", |status, _| status == 200).await?;
    let rest = jarvisd.rest();
    // Something to look back at: three rounds of history, and a hundred lines of activity.
    let guests = rest.json("/api/v1/guests?status=running&limit=120").await?;
    for guest in guests["items"].as_array().into_iter().flatten() {
        sim.fault("guest_stop_by_human", json!({"vmid": guest["vmid"]})).await?;
    }
    tokio::time::sleep(Duration::from_secs(45)).await;
    let deadline = Instant::now() + HISTORY_WITHIN;
    let nodes = rest.json("/api/v1/nodes").await?;
    let node = nodes["items"][0]["name"].as_str().context("a node")?.to_owned();
    time(table, &rest, "GET 500 of 2,000 guests", "/api/v1/guests?limit=500").await?;
    time(table, &rest, "GET the whole cluster of 2,000 guests", "/api/v1/cluster").await?;
    let history = format!("/api/v1/history?entity=node%2F{node}&metric=cpu&points=240");
    let buckets = loop {
        let buckets = rest.json(&history).await?["buckets"].as_array().map_or(0, Vec::len);
        // Three rounds may fall into one bucket of half a minute.
        if buckets > 2 {
            break buckets;
        }
        ensure!(Instant::now() < deadline, "a history of {node} with {buckets} buckets");
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    time(table, &rest, &format!("GET a history of one node, {buckets} buckets"), &history).await?;
    time(table, &rest, "GET 100 events", "/api/v1/events?limit=100").await?;
    Ok(())
}

async fn time(table: &mut Table, rest: &Rest, what: &str, path: &str) -> Result<()> {
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..ASKED {
        let began = Instant::now();
        let answer = rest.get(path).await?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.text);
        bytes = answer.text.len();
    }
    let (median, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
    table.told(&format!("{what} ({} kB)", bytes / 1024), format!("{median:.1} / {p99:.1} ms"));
    Ok(())
}
