//! A Proxmox API that answers what it should not: one clear line, a reason on /readyz, and good again by
//! itself once the API is.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    daemon::{Cluster, Jarvisd, free_port},
    process::PATIENCE,
    screen::Screen,
    sim::Sim,
    socket::Socket,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Lines about one fault that lasts: one for each of four nodes that turned bad and one for what cannot be read then,
/// or a few when several questions fail in the same instant. A line at every poll would be several times as many.
const LINES_MAX: usize = 4 + 3;

/// The time a fault needs to show: the longest time-out of a listing, and the source's own ageing.
const SHOWS: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_wrong_token_is_told() -> Result<()> {
    let (sim, dir) = (Sim::start().await?, TempDir::new()?);
    let mut cluster = sim.cluster()?;
    let good = std::fs::read_to_string(&cluster.token_file)?;
    let (id, _) = good.trim().split_once('=').context("a token")?;
    cluster.token_file = dir.path().join("wrong");
    std::fs::write(&cluster.token_file, format!("{id}=00000000-0000-4000-8000-000000000000"))?;
    never_ready(&cluster, &["token"]).await
}

#[tokio::test]
async fn a_token_without_permissions_of_its_own_is_told() -> Result<()> {
    let sim = Sim::start().await?;
    let mut cluster = sim.cluster()?;
    // The simulator lays its tokens side by side.
    cluster.token_file = cluster.token_file.with_file_name("noacl.token");
    never_ready(&cluster, &["privilege"]).await
}

#[tokio::test]
async fn an_expired_certificate_is_told() -> Result<()> {
    let sim = Sim::with(&["--expired-certificates"]).await?;
    never_ready(&sim.cluster()?, &["expired"]).await
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_told() -> Result<()> {
    let sim = Sim::with(&["--other-ca"]).await?;
    never_ready(&sim.cluster()?, &["certificate"]).await
}

#[tokio::test]
async fn a_node_that_cannot_be_reached_is_told() -> Result<()> {
    let sim = Sim::start().await?;
    let mut cluster = sim.cluster()?;
    cluster.nodes = vec![("gone".into(), format!("https://127.0.0.1:{}", free_port()?))];
    never_ready(&cluster, &["gone", "reached"]).await
}

#[tokio::test]
async fn html_instead_of_json_is_told() -> Result<()> {
    spoiled(json!({"do": "bad_json", "variant": "html"}), &["html"]).await
}

#[tokio::test]
async fn truncated_json_is_told() -> Result<()> {
    spoiled(json!({"do": "bad_json", "variant": "truncated"}), &["broke off"]).await
}

#[tokio::test]
async fn a_hundred_megabytes_are_cut_off_and_told() -> Result<()> {
    spoiled(json!({"do": "bad_json", "variant": "huge"}), &["more than", "mb"]).await
}

#[tokio::test]
async fn an_api_that_takes_calls_and_never_answers_is_told() -> Result<()> {
    spoiled(json!({"do": "hang"}), &["no answer within"]).await
}

#[tokio::test]
async fn one_odd_row_costs_only_itself() -> Result<()> {
    let sim = Sim::start().await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    let guests = |s: &Screen| s.records.get("guest").map_or(0, |g| g.len());
    socket.until(PATIENCE, "21 guests", |s| guests(s) == 21).await?;
    sim.fault("bad_json", json!({"variant": "odd_row", "path": "/cluster/resources"})).await?;
    socket
        .until(SHOWS, "the odd row counted", |s| {
            s.record("source", "resources").is_some_and(|r| r["odd_rows"].as_u64().is_some_and(|n| n > 0))
        })
        .await?;
    ensure!(
        guests(&socket.screen) >= 20,
        "the list was lost with its row: {} guests",
        guests(&socket.screen)
    );
    ensure!(socket.screen.text("source", "resources", "state") == "fresh");
    Ok(())
}

#[tokio::test]
async fn clocks_that_disagree_do_not_disturb_and_are_told() -> Result<()> {
    let sim = Sim::start().await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    let first = sim.cluster()?.nodes[0].0.clone();
    for node in sim.cluster()?.nodes {
        sim.fault("clock_skew", json!({"node": node.0, "by_s": 7200})).await?;
    }
    let mut socket = Socket::open(&jarvisd.door()).await?;
    socket.until(PATIENCE, "fresh values", |s| s.text("cluster", "cluster", "sight") == "fresh").await?;
    socket.watch(Duration::from_secs(5)).await?;
    ensure!(socket.screen.text("cluster", "cluster", "sight") == "fresh", "a skewed clock made values old");
    jarvisd.readyz(SHOWS, "the clocks", |status, text| status == 503 && text.contains("clock")).await?;
    let said = check(&jarvisd).await?;
    let told = said.lines().any(|l| l.contains(&first) && l.to_lowercase().contains("clock"));
    ensure!(told, "`jarvisd check` does not tell of two hours between the clocks:\n{said}");
    Ok(())
}

async fn check(jarvisd: &Jarvisd) -> Result<String> {
    let mut command = jarvisd.home.command(&["check"])?;
    let out = tokio::task::spawn_blocking(move || command.output()).await??;
    Ok(format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)))
}

/// A daemon that never sees its cluster: it runs, says why on /readyz, and says it once in its log.
async fn never_ready(cluster: &Cluster, words: &[&str]) -> Result<()> {
    let jarvisd = Jarvisd::start(cluster).await?;
    let told = |text: &str| words.iter().all(|w| text.to_lowercase().contains(&w.to_lowercase()));
    let reason =
        jarvisd.readyz(SHOWS, &format!("{words:?}"), |status, text| status == 503 && told(text)).await?;
    println!("/readyz: {reason}");
    ensure!(jarvisd.bare().get("/healthz").await?.status == 200, "it is alive");
    // Several more polls: the fault goes on, the log does not repeat it.
    tokio::time::sleep(Duration::from_secs(4)).await;
    told_once(&jarvisd, words)
}

/// A fault of the API while everything runs, and its end.
async fn spoiled(fault: Value, words: &[&str]) -> Result<()> {
    let sim = Sim::start().await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    let fresh = |s: &Screen| s.text("cluster", "cluster", "sight") == "fresh";
    socket.until(PATIENCE, "fresh values", fresh).await?;
    let events = socket.screen.events.clone();
    let name = fault["do"].as_str().context("a fault's name")?.to_owned();
    sim.fault(&name, fault).await?;

    let told = |s: &Screen| {
        let error = s.text("source", "resources", "error").to_lowercase();
        words.iter().all(|w| error.contains(w))
    };
    socket.until(SHOWS, &format!("an error with {words:?}"), told).await?;
    println!("source: {}", socket.screen.text("source", "resources", "error"));
    socket.until(SHOWS, "lost sight", |s| s.text("cluster", "cluster", "sight") == "lost").await?;
    let ready = jarvisd.bare().get("/readyz").await?;
    ensure!(ready.status == 503, "ready without sight: {}", ready.text);

    sim.control().send(reqwest::Method::DELETE, "/faults", None).await?.ok()?;
    socket.until(SHOWS, "fresh values again", fresh).await?;
    ensure!(socket.screen.text("source", "resources", "error").is_empty(), "the error stayed");
    let kept = events.keys().all(|id| socket.screen.events.contains_key(id));
    ensure!(kept && socket.snapshots == 1, "something was lost on the way");
    told_once(&jarvisd, words)
}

fn told_once(jarvisd: &Jarvisd, words: &[&str]) -> Result<()> {
    let log = jarvisd.process.log();
    let about =
        log.lines().filter(|l| words.iter().all(|w| l.to_lowercase().contains(&w.to_lowercase()))).count();
    ensure!(about >= 1, "the log says nothing of {words:?}\n{log}");
    ensure!(about <= LINES_MAX, "{about} lines about one fault\n{log}");
    Ok(())
}
