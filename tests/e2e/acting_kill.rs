//! `kill -9` at every step of an action, again and again, on one data directory: nothing is done twice, nothing is
//! done unrecorded, and whatever was interrupted is settled by reading.
//!
//! Each run names its snapshot after itself, so the cluster's own list of effects tells which runs it saw, and how
//! often. The moment of the kill is drawn; in some runs the answer is held back, so that it falls between the send and
//! its answer. `KILL_RUNS` sets how many.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, Stage, effect_request, is_over, request},
    process::PATIENCE,
};
use serde_json::{Value, json};

const RUNS: u32 = 200;
const CALIBRATIONS: usize = 3;
/// A node is used again only after its last interrupted action had time to be settled.
const SIM: &[&str] = &["--nodes", "24", "--guests", "72", "--time-scale", "0.1"];

/// Numbers that look drawn and are the same in every run of the test.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n.max(1)
    }
}

#[tokio::test]
async fn i07_i08_killed_at_every_step_nothing_is_doubled_or_unlogged_and_all_is_settled() -> Result<()> {
    let runs = std::env::var("KILL_RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(RUNS);
    let mut stage = Stage::with(SIM, OUTSIDE).await?;
    let guests = one_a_node(&stage).await?;
    let whole = calibrated(&mut stage, &guests).await?;
    println!("an undisturbed action takes {whole:?}");
    let mut dice = Dice(7);
    for run in 0..runs {
        let vmid = guests[usize::try_from(run)? % guests.len()];
        let name = format!("run-{run}");
        let held = run % 4 == 3;
        if held {
            // The cluster acts at once and its answer comes late.
            stage
                .sim
                .fault("slow", json!({"path": "/snapshot", "method": "POST", "times": 1, "by_s": 10}))
                .await?;
        }
        let person = stage.person();
        let body = json!({"args": {"vmid": vmid, "name": name}});
        let call = tokio::spawn(async move { person.post("/api/v1/tools/create_snapshot", &body).await });
        let micros = u64::try_from(whole.as_micros())? * 3 / 2;
        tokio::time::sleep(Duration::from_micros(dice.below(micros))).await;
        stage.jarvisd.process.kill()?;
        call.abort();
        if held {
            stage.sim.control().send(reqwest::Method::DELETE, "/faults", None).await?.ok()?;
        }
        back(&mut stage).await.with_context(|| format!("after run {run}"))?;
    }
    settled(&stage).await?;
    let told = verdict(&stage, runs).await?;
    println!("{runs} runs: {told:?}");
    Ok(())
}

/// The number of one running guest on each node.
async fn one_a_node(stage: &Stage) -> Result<Vec<u64>> {
    let truth = stage.sim.truth().await?;
    let mut by_node: BTreeMap<String, u64> = BTreeMap::new();
    for guest in truth["guests"].as_array().context("guests")? {
        if guest["status"] == "running" && guest["template"] != true && guest["lock"].is_null() {
            let node = guest["node"].as_str().context("node")?.to_owned();
            by_node.entry(node).or_insert(guest["vmid"].as_u64().context("vmid")?);
        }
    }
    ensure!(by_node.len() >= 12, "guests on {} nodes only", by_node.len());
    Ok(by_node.into_values().collect())
}

/// How long an action takes that nobody disturbs, by a daemon that has just started, as in the runs.
async fn calibrated(stage: &mut Stage, guests: &[u64]) -> Result<Duration> {
    let mut whole = Duration::ZERO;
    for (n, vmid) in guests.iter().take(CALIBRATIONS).enumerate() {
        stage.jarvisd.process.kill()?;
        back(stage).await?;
        let begun = std::time::Instant::now();
        let args = json!({"vmid": vmid, "name": format!("whole-{n}")});
        stage.call(&stage.person(), "create_snapshot", args).await?.ok()?;
        whole += begun.elapsed();
    }
    Ok(whole / u32::try_from(CALIBRATIONS)?)
}

/// Starts the killed daemon and waits until it sees the cluster: before that it refuses every change, and a kill would show nothing.
async fn back(stage: &mut Stage) -> Result<()> {
    stage.jarvisd.again().await?;
    stage.seen().await
}

async fn settled(stage: &Stage) -> Result<()> {
    let deadline = std::time::Instant::now() + PATIENCE * 2;
    loop {
        let open = stage.actions().await?.iter().filter(|action| !is_over(action)).count();
        if open == 0 {
            return Ok(());
        }
        ensure!(std::time::Instant::now() < deadline, "{open} actions are not settled");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Every intent there ever was and every outcome, by the rows of the audit: the chain is complete, lists are not.
fn intents(stage: &Stage) -> Result<(BTreeMap<String, Value>, BTreeMap<String, Value>)> {
    let (mut begun, mut ended) = (BTreeMap::new(), BTreeMap::new());
    for row in stage.audit()? {
        let detail: Value = serde_json::from_str(row["detail"].as_str().unwrap_or_default())?;
        let Some(id) = detail["intent"].as_str().map(str::to_owned) else { continue };
        let of = match row["kind"].as_str() {
            Some("intent") => &mut begun,
            Some("outcome" | "reconciled") => &mut ended,
            _ => continue,
        };
        let twice = of.insert(id.clone(), detail);
        ensure!(twice.is_none(), "{id} has two rows of one kind");
    }
    Ok((begun, ended))
}

/// Holds what the cluster saw against what was recorded; counts by what became of the runs.
async fn verdict(stage: &Stage, runs: u32) -> Result<BTreeMap<&'static str, usize>> {
    let (begun, ended) = intents(stage)?;
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for effect in stage.sim.effects().await? {
        *seen.entry(effect_request(&effect)).or_default() += 1;
    }
    let recorded: BTreeMap<String, String> =
        begun.iter().map(|(id, detail)| (request(&detail["exact"]), id.clone())).collect();
    ensure!(recorded.len() == begun.len(), "two intents for one request");
    for (request, count) in &seen {
        ensure!(*count == 1, "DOUBLED: {request} {count} times");
        ensure!(recorded.contains_key(request), "UNLOGGED: {request}");
    }
    let mut told: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (request, id) in &recorded {
        let end = ended.get(id).with_context(|| format!("NOT SETTLED: {request}"))?;
        let acted = seen.contains_key(request);
        let class = match (acted, end["end"].as_str().unwrap_or_default()) {
            (true, "ok" | "warnings") => "done and told so",
            (false, "failed" | "not_sent") => "not sent and told so",
            (_, "unknown") => "a person must look",
            (true, other) => anyhow::bail!("it was done, and {other} was told: {end}"),
            (false, other) => anyhow::bail!("it was not done, and {other} was told: {end}"),
        };
        *told.entry(class).or_default() += 1;
    }
    let killed_before = (usize::try_from(runs)? + CALIBRATIONS).saturating_sub(recorded.len());
    told.insert("killed before anything was recorded", killed_before);
    // A test of crashes in which nothing crashed in between has shown nothing.
    ensure!(told.get("done and told so").copied().unwrap_or(0) > usize::try_from(runs)? / 10, "{told:?}");
    ensure!(killed_before > 0, "{told:?}");
    Ok(told)
}
