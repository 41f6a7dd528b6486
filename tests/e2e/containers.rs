//! Docker containers in a guest: those labelled for it are started, restarted and stopped, our own stack never, and
//! what is in their environment leaves by no way.

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, Stage, effect_request, request},
    sim::Sim,
};
use serde_json::{Value, json};

const HOST: &str = "management";

fn of(name: &str) -> Value {
    json!({"host": HOST, "name": name})
}

#[tokio::test]
async fn i03_a_labelled_container_is_stopped_started_and_restarted_as_shown() -> Result<()> {
    let stage = Stage::whole(&[], OUTSIDE).await?;
    let before = stage.sim.container(HOST, "redis").await?;
    for (tool, tier, after) in [
        ("docker_stop", "red", "exited"),
        ("docker_start", "yellow", "running"),
        ("docker_restart", "red", "running"),
    ] {
        let seen = stage.sim.attempts().await?.len();
        let plan = stage.plan(&stage.person(), tool, of("redis")).await?;
        ensure!(plan["tier"] == tier, "{plan}");
        let action = stage.done(tool, of("redis")).await?;
        ensure!(action["state"] == "ok" && action["verified"] == "yes", "{tool}: {action}");
        let made: Vec<String> = stage.sim.attempts().await?.iter().skip(seen).map(effect_request).collect();
        ensure!(made == [request(&plan["exact_calls"][0])], "{tool}: {made:?} {plan}");
        ensure!(stage.sim.container(HOST, "redis").await?["state"] == after, "{tool}");
    }
    let now = stage.sim.container(HOST, "redis").await?;
    ensure!(now["restarts"].as_u64() == before["restarts"].as_u64().map(|n| n + 1), "{now}");
    stage.mediated().await
}

#[tokio::test]
async fn unlabelled_containers_and_our_own_stack_are_left_alone() -> Result<()> {
    let own = "[docker]\nown_project = \"management\"\n";
    let label = "jarvis.restart=true";
    for (settings, name, todo) in
        [("", "traefik", label), ("", "jarvisd", label), (own, "redis", "docker compose")]
    {
        let stage = Stage::whole(&[], &format!("{OUTSIDE}{settings}")).await?;
        for tool in ["docker_stop", "docker_restart"] {
            let refused = stage.refused(&stage.person(), tool, of(name), "listed").await?;
            ensure!(refused.text.contains(todo), "{}", refused.text);
            ensure!(refused.text.contains(&format!("container {name} on {HOST}")), "{}", refused.text);
        }
        ensure!(stage.sim.attempts().await?.is_empty(), "{name} was touched");
    }
    Ok(())
}

#[tokio::test]
async fn i20_an_engine_of_which_nobody_says_what_it_runs_on_is_only_read() -> Result<()> {
    let sim = Sim::with(&["--ssh"]).await?;
    let sides = sim.sides()?.replace("vmid = 103\n", "");
    let stage = Stage::on(sim, &format!("{OUTSIDE}\n{sides}")).await?;
    stage.read("docker", json!({"host": HOST})).await?;
    for tool in ["docker_stop", "docker_restart"] {
        let plan = stage.plan(&stage.person(), tool, of("redis")).await?;
        ensure!(plan["verdict"] == "refuse" && plan.to_string().contains("vmid or node"), "{plan}");
        stage.refused(&stage.person(), tool, of("redis"), "state").await?;
    }
    let check = stage.home.command(&["check"])?.output()?;
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    let named = said.lines().any(|line| line.starts_with("warn") && line.contains(HOST));
    ensure!(named && check.status.success(), "{said}");
    ensure!(stage.sim.attempts().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn i26_an_answer_of_the_engine_that_is_lost_is_settled_by_a_look() -> Result<()> {
    let stage = Stage::whole(&[], OUTSIDE).await?;
    stage.sim.fault("docker_lost_answer", json!({"times": 1})).await?;
    let action = stage.done("docker_stop", of("redis")).await?;
    ensure!(stage.sim.container(HOST, "redis").await?["state"] == "exited");
    // It was done, and nobody said so: what is seen is told, and it is not called a failure.
    ensure!(matches!(action["state"].as_str(), Some("ok" | "unknown")), "{action}");
    ensure!(action["verified"] == "yes", "{action}");
    let docker: Vec<Value> =
        stage.sim.attempts().await?.into_iter().filter(|e| e["side"] == "docker").collect();
    ensure!(docker.len() == 1, "it was sent again: {docker:?}");
    stage.mediated().await
}

#[tokio::test]
async fn i30_what_is_in_a_containers_environment_leaves_by_no_way() -> Result<()> {
    let stage = Stage::whole(&[], OUTSIDE).await?;
    let list = stage.read("docker", json!({})).await?;
    let containers = list["hosts"][0]["containers"].as_array().context("containers")?;
    ensure!(containers.len() == 16, "{list}");
    for container in containers {
        let name = container["name"].as_str().context("a name")?;
        let logs = stage.read("docker_logs", json!({"host": HOST, "name": name, "lines": 1000})).await?;
        ensure!(logs["lines"].as_array().is_some_and(|lines| !lines.is_empty()), "{logs}");
        ensure!(!logs.to_string().contains("sim-secret-"), "a secret in the log of {name}");
    }
    stage.done("docker_restart", of("redis")).await?;
    let told = format!(
        "{list}{}{}{:?}{}",
        stage.read("guest", json!({"vmid": 103})).await?,
        stage.rest().json("/api/v1/cluster").await?,
        stage.audit()?,
        stage.process.log()
    );
    ensure!(!told.contains("sim-secret-") && !told.contains("_API_KEY="), "a secret left");
    Ok(())
}
