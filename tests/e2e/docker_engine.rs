//! Containers of a real Docker engine, where one can be started: the simulator's may be wrong in the same way as we are.

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, Stage},
    engine::Engine,
    sim::Sim,
};
use serde_json::{Value, json};

const HOST: &str = "engine";

fn of(name: &str) -> Value {
    json!({"host": HOST, "name": name})
}

async fn stage() -> Result<Option<(Engine, Stage)>> {
    let Some(engine) = Engine::start().await? else { return Ok(None) };
    let allowed = json!({"jarvis.restart": "allow"});
    let own = json!({"jarvis.restart": "allow", "com.docker.compose.project": "jarvis"});
    let env = ["APP_PASSWORD=canary-in-the-environment", "APP_API_KEY=canary-key"];
    engine.run("web", allowed, &env).await?;
    engine.run("plain", json!({}), &env).await?;
    engine.run("jarvis-proxy", own, &env).await?;
    let sim = Sim::start().await?;
    let stage = Stage::on(sim, &format!("{OUTSIDE}{}", engine.settings(HOST, "agent"))).await?;
    Ok(Some((engine, stage)))
}

#[tokio::test]
async fn a_real_engines_containers_are_read_and_changed_as_their_labels_say() -> Result<()> {
    let Some((engine, stage)) = stage().await? else { return Ok(()) };
    let list = stage.read("docker", json!({"host": HOST})).await?;
    let containers = list["hosts"][0]["containers"].as_array().context("containers")?;
    ensure!(containers.len() == 3, "{list}");
    for container in containers {
        ensure!(container["state"] == "running" && container["image"] == "story:1", "{container}");
        ensure!(container["may_change"] == (container["name"] == "web"), "{container}");
        // Figures of this machine's own kernel.
        ensure!(container["mem_used_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{container}");
    }
    let logs = stage.read("docker_logs", of("web")).await?;
    let lines: Vec<&str> =
        logs["lines"].as_array().context("lines")?.iter().filter_map(Value::as_str).collect();
    ensure!(lines.iter().any(|line| line.contains("listening on :8080")), "{lines:?}");
    ensure!(lines.iter().any(|line| line.contains("this is the other stream")), "{lines:?}");

    for name in ["plain", "jarvis-proxy"] {
        for tool in ["docker_stop", "docker_restart"] {
            stage.refused(&stage.person(), tool, of(name), "listed").await?;
        }
        ensure!(engine.inspect(name).await?["State"]["Running"] == true);
    }

    let started = engine.inspect("web").await?["State"]["StartedAt"].clone();
    let action = stage.done("docker_restart", of("web")).await?;
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
    ensure!(engine.inspect("web").await?["State"]["StartedAt"] != started);
    let action = stage.done("docker_stop", of("web")).await?;
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
    ensure!(engine.inspect("web").await?["State"]["Running"] == false);
    let action = stage.done("docker_start", of("web")).await?;
    ensure!(action["state"] == "ok" && action["verified"] == "yes", "{action}");
    ensure!(engine.inspect("web").await?["State"]["Running"] == true);

    let said = format!("{list}{logs}{:?}{}{action}", stage.audit()?, stage.process.log());
    ensure!(!said.contains("canary"), "what is in the environment or a log got out");
    Ok(())
}
