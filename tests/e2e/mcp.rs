//! The official client of the Model Context Protocol against the real daemon, over HTTP and over a pipe.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, Stage},
    fakepve::python_tool,
};
use serde_json::{Value, json};

/// The client's process. It gives up by itself when an answer does not come.
struct Client {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    hello: Value,
    tools: Vec<Value>,
}

impl Client {
    fn start(mode: &str, words: &[&str]) -> Result<Self> {
        let mut command = Command::new(python_tool("python")?);
        command.arg(jarvis_tests::root().join("tests/mcp_client.py")).arg(mode).args(words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().context("its input")?;
        let output = BufReader::new(child.stdout.take().context("its output")?).lines();
        let mut this = Self { child, input, output, hello: Value::Null, tools: Vec::new() };
        this.hello = this.told("hello")?;
        this.tools = this.told("tools")?.as_array().context("tools")?.clone();
        Ok(this)
    }

    fn call(&mut self, name: &str, args: Value) -> Result<Value> {
        writeln!(self.input, "{}", json!({"name": name, "args": args}))?;
        self.told("result")
    }

    fn told(&mut self, what: &str) -> Result<Value> {
        let line = self.output.next().with_context(|| format!("the client ended without {what}"))??;
        let message: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
        if message["what"] != what {
            bail!("{what} was waited for, and this came: {message}");
        }
        Ok(message["value"].clone())
    }

    fn names(&self) -> Vec<&str> {
        self.tools.iter().filter_map(|tool| tool["name"].as_str()).collect()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_client_of_any_revision_reads_and_is_offered_no_change() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let token = stage.jarvisd.new_token(&["mcp"]).await?;
    // With the full list the client holds every structured answer against the schema of its tool.
    for (mode, query, revision) in [
        ("auto", "", "2026-07-28"),
        ("auto", "?detail=full", "2026-07-28"),
        ("legacy", "?detail=full", "2025-11-25"),
    ] {
        let url = format!("{}/mcp{query}", stage.jarvisd.home.api());
        let mut client = Client::start(mode, &["http", &url, &token])?;
        ensure!(client.hello == json!({"server": "jarvis", "revision": revision}), "{}", client.hello);
        ensure!(client.names().contains(&"guests") && !client.names().contains(&"stop_guest"));
        for tool in &client.tools {
            ensure!(tool["annotations"]["readOnlyHint"] == true, "{tool}");
            ensure!(tool["outputSchema"].is_object() != query.is_empty(), "{tool}");
        }
        let read = client.call("guests", json!({"kind": "qemu"}))?;
        ensure!(read["error"] == false && read["data"]["state"] == "ok", "{read}");
        ensure!(!read["data"]["data"].to_string().is_empty() && read["data"]["as_of_ms"].is_i64(), "{read}");
        let wrong = client.call("guest", json!({"vmid": "../../x"}))?;
        ensure!(wrong["error"] == true && wrong["data"]["state"] == "wrong_arguments", "{wrong}");
        let black = client.call("destroy_guest", json!({"vmid": 100}))?;
        ensure!(black["error"] == true && black["data"]["state"] == "black", "{black}");
        let (vmid, _) = stage.guest("running", "qemu").await?;
        let refused = client.call("stop_guest", json!({"vmid": vmid}))?;
        ensure!(refused["error"] == true && refused["data"]["state"] == "refused", "{refused}");
    }
    ensure!(stage.sim.effects().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_change_over_a_pipe_waits_for_a_person_and_its_client_learns_the_end() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let token = stage.jarvisd.new_token(&["mcp", "act"]).await?;
    let file = stage.jarvisd.home.data().join("mcp-token");
    std::fs::write(&file, token)?;
    let program = jarvis_tests::binary("jarvisd")?;
    let (program, settings, file) =
        (program.to_string_lossy(), stage.jarvisd.home.settings(), file.to_string_lossy());
    let settings = settings.to_string_lossy();
    let words = ["stdio", &program, "--config", &settings, "mcp", "--act", "--token-file", &file];
    let mut client = Client::start("legacy", &words)?;
    ensure!(client.names().contains(&"stop_guest"), "{:?}", client.names());
    let (vmid, _) = stage.guest("running", "lxc").await?;
    let pending = client.call("stop_guest", json!({"vmid": vmid}))?;
    ensure!(pending["error"] == false && pending["data"]["state"] == "pending", "{pending}");
    ensure!(stage.sim.effects().await?.is_empty(), "it was sent without a person");
    let approval = pending["data"]["approval"].clone();
    let action = stage.approved(&approval).await?;
    ensure!(action["state"] == "ok", "{action}");
    let became = client.call("action", json!({"id": approval["id"]}))?;
    let told = &became["data"]["data"];
    ensure!(told["approval"]["state"] == "used" && told["action"]["state"] == "ok", "{became}");
    ensure!(told["approval"]["action"] == told["action"]["id"], "{became}");
    ensure!(stage.sim.guest_status(&vmid.to_string()).await? == "stopped");
    stage.mediated().await
}
