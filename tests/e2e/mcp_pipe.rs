//! `jarvisd mcp` as a client that starts it sees it: lines in, lines out, and nothing else.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, Stage},
    daemon::Home,
    mcp::{NEW, hello, meta, request},
    process::PATIENCE,
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};

struct Pipe {
    child: Child,
    input: Option<ChildStdin>,
    output: mpsc::Receiver<String>,
}

impl Pipe {
    fn start(home: &Home, token_file: &Path, words: &[&str]) -> Result<Self> {
        let mut command = home.command(&["mcp"])?;
        command.arg("--token-file").arg(token_file).args(words);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let (told, output) = mpsc::channel(1_000);
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| told.blocking_send(line)));
        Ok(Self { child, input, output })
    }

    fn say(&mut self, line: &[u8]) -> Result<()> {
        let input = self.input.as_mut().context("it is closed")?;
        input.write_all(line)?;
        input.write_all(b"\n")?;
        Ok(input.flush()?)
    }

    fn ask(&mut self, message: &Value) -> Result<()> {
        self.say(message.to_string().as_bytes())
    }

    /// The next line, which must be a message of the protocol.
    async fn answer(&mut self) -> Result<Value> {
        let line = timeout(PATIENCE, self.output.recv()).await.context("no answer")?.context("it ended")?;
        let value: Value = serde_json::from_str(&line).with_context(|| format!("no frame: {line:.200}"))?;
        ensure!(value["jsonrpc"] == "2.0", "{value}");
        Ok(value)
    }

    /// Closes its input: what it still says, its end, and what it logged.
    async fn ended(mut self) -> Result<(Vec<String>, i32, String)> {
        drop(self.input.take());
        let mut rest = Vec::new();
        while let Some(line) = timeout(PATIENCE, self.output.recv()).await.context("it goes on")? {
            rest.push(line);
        }
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(Instant::now() < deadline, "it does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let mut log = String::new();
        self.child.stderr.take().context("its log")?.read_to_string(&mut log)?;
        Ok((rest, status.code().unwrap_or(-1), log))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn token_file(stage: &Stage, scopes: &[&str]) -> Result<PathBuf> {
    let file = stage.jarvisd.home.dir.path().join("mcp-token");
    std::fs::write(&file, stage.jarvisd.new_token(scopes).await?)?;
    Ok(file)
}

fn numbered(id: u64, method: &str, params: Value) -> Value {
    let mut message = request(method, params);
    message["id"] = id.into();
    message
}

#[tokio::test]
async fn nothing_but_frames_comes_out_whatever_goes_in_and_the_end_of_input_is_its_end() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let mut pipe = Pipe::start(&stage.jarvisd.home, &token_file(&stage, &["mcp"]).await?, &[])?;
    for (line, code) in [
        (b"not json".to_vec(), -32700),
        (vec![0xff, 0x00, 0x1b], -32700),
        (b"[]".to_vec(), -32600),
        (br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#.to_vec(), -32600),
        (br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.to_vec(), -32600),
        ([b"[".repeat(5_000), b"]".repeat(5_000)].concat(), -32700),
        (vec![b'x'; 10_000_000], -32600),
    ] {
        pipe.say(&line)?;
        let answer = pipe.answer().await?;
        ensure!(answer["error"]["code"] == code && answer.get("id").is_none(), "{answer}");
    }
    pipe.say(b"")?;
    pipe.say(b"   ")?;
    pipe.ask(&hello("2025-06-18"))?;
    ensure!(pipe.answer().await?["result"]["protocolVersion"] == "2025-06-18");
    pipe.ask(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
    // The newest revision has no handshake; both may come through one pipe.
    pipe.ask(&request("tools/list", json!({"_meta": meta(NEW)})))?;
    ensure!(pipe.answer().await?["result"]["resultType"] == "complete");
    // More than are carried at once; the last ones are still under way when the input ends.
    for id in 0..50 {
        pipe.ask(&numbered(id, "tools/call", json!({"name": "guests", "arguments": {}})))?;
    }
    let (rest, code, log) = pipe.ended().await?;
    let mut ids = Vec::new();
    for line in &rest {
        let answer: Value = serde_json::from_str(line).with_context(|| format!("no frame: {line:.200}"))?;
        ensure!(answer["result"]["structuredContent"]["state"].is_string(), "{line:.300}");
        ids.push(answer["id"].as_u64().context("an id")?);
    }
    ids.sort_unstable();
    ensure!(ids == (0..50).collect::<Vec<u64>>() && code == 0, "{ids:?} {code}");
    ensure!(log.is_empty(), "a good run has nothing to say: {log}");
    Ok(())
}

#[tokio::test]
async fn a_slow_call_holds_up_nobody_and_can_be_taken_back() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let file = token_file(&stage, &["mcp"]).await?;
    let mut pipe = Pipe::start(&stage.jarvisd.home, &file, &[])?;
    pipe.ask(&hello("2025-11-25"))?;
    pipe.answer().await?;
    stage.sim.fault("hang", json!({"path": "/firewall/", "for_s": 60})).await?;
    let slow = |id| numbered(id, "tools/call", json!({"name": "firewall", "arguments": {}}));
    pipe.ask(&slow(7))?;
    let begun = Instant::now();
    pipe.ask(&numbered(8, "ping", json!({})))?;
    ensure!(pipe.answer().await?["id"] == 8 && begun.elapsed() < Duration::from_secs(5));
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
    pipe.ask(&cancel)?;
    let (rest, code, _) = pipe.ended().await?;
    ensure!(rest.is_empty() && code == 0, "an answer to what was taken back: {rest:?}");
    ensure!(begun.elapsed() < Duration::from_secs(8), "it waited for what was taken back");
    // Killed in the middle of a call: the daemon is not moved by it.
    let mut pipe = Pipe::start(&stage.jarvisd.home, &file, &[])?;
    pipe.ask(&hello("2025-11-25"))?;
    pipe.answer().await?;
    pipe.ask(&slow(1))?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    pipe.child.kill()?;
    let mut pipe = Pipe::start(&stage.jarvisd.home, &file, &[])?;
    pipe.ask(&request("ping", json!({})))?;
    ensure!(pipe.answer().await?["result"] == json!({}));
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_the_daemon_or_the_token_is_said_where_it_is_read() -> Result<()> {
    let mut stage = Stage::new(OUTSIDE).await?;
    let file = token_file(&stage, &["mcp"]).await?;
    // A wrong start is one line on standard error, and no frame.
    for (token, words) in [("no-such-file", &[][..]), ("mcp-token", &["--no-such-option"])] {
        let at = stage.jarvisd.home.dir.path().join(token);
        let (rest, code, log) = Pipe::start(&stage.jarvisd.home, &at, words)?.ended().await?;
        ensure!(
            rest.is_empty() && code == 2 && log.contains(words.first().unwrap_or(&token)),
            "{code}: {log}"
        );
    }
    let mut pipe = Pipe::start(&stage.jarvisd.home, &file, &["--act"])?;
    pipe.ask(&request("tools/list", json!({})))?;
    let answer = pipe.answer().await?;
    let said = answer["error"]["message"].as_str().unwrap_or_default();
    ensure!(answer["id"] == 1 && said.contains("403") && said.contains("`act`"), "{answer}");
    // Revoked while the client is connected.
    let mut pipe = Pipe::start(&stage.jarvisd.home, &file, &[])?;
    pipe.ask(&request("ping", json!({})))?;
    ensure!(pipe.answer().await?["result"] == json!({}));
    let tokens = stage.person().json("/api/v1/tokens").await?;
    for token in tokens["items"].as_array().context("tokens")? {
        let path = format!(
            "/api/v1/tokens/{}",
            token["id"].as_str().map_or_else(|| token["id"].to_string(), str::to_owned)
        );
        stage.person().send(reqwest::Method::DELETE, &path, None).await?;
    }
    pipe.ask(&request("tools/list", json!({})))?;
    let answer = pipe.answer().await?;
    ensure!(answer["error"]["message"].as_str().is_some_and(|m| m.contains("401")), "{answer}");
    // The daemon is gone, and comes back.
    stage.jarvisd.process.kill()?;
    pipe.ask(&request("ping", json!({})))?;
    let answer = pipe.answer().await?;
    ensure!(answer["error"]["message"].as_str().is_some_and(|m| m.contains("is it running?")), "{answer}");
    let (rest, code, _) = pipe.ended().await?;
    ensure!(rest.is_empty() && code == 0, "{rest:?} {code}");
    Ok(())
}
