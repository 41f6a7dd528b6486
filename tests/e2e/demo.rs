//! `make demo`, after the building: one URL, a log-in that works, and nothing left behind however it ends.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    process::{PATIENCE, Process},
    rest::Rest,
};
use serde_json::{Value, json};
use tempfile::TempDir;

#[tokio::test]
async fn it_says_where_it_is_lets_one_in_and_ends_with_everything_it_started() -> Result<()> {
    let dir = TempDir::new()?;
    let mut demo = start(dir.path(), "0")?;
    let access = access(&mut demo, dir.path()).await?;
    let text = |key: &str| access[key].as_str().map(str::to_owned).with_context(|| key.to_owned());
    let front = Rest::new(&text("url")?);
    let body = json!({"password": text("password")?});
    front
        .with("origin", &text("url")?)
        .post("/api/v1/login", &body)
        .await?
        .ok()
        .context("log-in through Nginx")?;
    let cluster = Rest::new(&text("api")?).token(&text("token")?).json("/api/v1/cluster").await?;
    ensure!(cluster["epoch"].is_string(), "no cluster: {cluster}");
    ensure!(Rest::new(&text("sim_control")?).json("/truth").await?["nodes"].is_array());
    let metrics = text("metrics")?;
    let (base, path) = metrics.rsplit_once('/').context("a path")?;
    ensure!(Rest::new(base).get(&format!("/{path}")).await?.text.contains("pve_up"));
    ensure!(started_in(dir.path())? >= 3, "the parts name their folder");

    demo.terminate()?;
    let status = demo.ended(Duration::from_secs(20)).await?;
    ensure!(status.success(), "it ended with {status}\n{}", demo.log());
    nothing_left(dir.path()).await?;
    ensure!(!dir.path().join("access.json").exists(), "the log-in is still written down");
    Ok(())
}

#[tokio::test]
async fn killed_without_a_word_it_leaves_no_process_behind() -> Result<()> {
    let dir = TempDir::new()?;
    let mut demo = start(dir.path(), "0")?;
    let access = access(&mut demo, dir.path()).await?;
    demo.kill()?;
    nothing_left(dir.path()).await?;
    // A worker of the web server does not carry the folder in its name.
    let url = access["url"].as_str().context("a url")?;
    ensure!(Rest::new(url).get("/").await.is_err(), "something still answers at {url}");
    Ok(())
}

#[tokio::test]
async fn a_port_in_use_is_told_and_another_is_taken() -> Result<()> {
    let dir = TempDir::new()?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port();
    let mut demo = start(dir.path(), &port.to_string())?;
    let told = format!("port {port} is in use, taking ");
    demo.line(PATIENCE, "that the port is in use", |l| l.starts_with(&told).then_some(())).await?;
    let access = access(&mut demo, dir.path()).await?;
    ensure!(!access["url"].as_str().unwrap_or_default().ends_with(&format!(":{port}")));
    Ok(())
}

#[test]
fn a_second_start_says_that_it_runs_already() -> Result<()> {
    let folder = jarvis_tests::root().join("target/demo");
    fs::create_dir_all(&folder)?;
    let lock = fs::File::create(folder.join("lock"))?;
    // Taken here, or by a demo that is really running.
    let _ = lock.try_lock();
    let out = Command::new(jarvis_tests::root().join("deploy/demo.sh")).output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.code() == Some(1) && said.contains("already running"), "{}: {said}", out.status);
    Ok(())
}

fn start(dir: &Path, port: &str) -> Result<Process> {
    let daemon = jarvis_tests::binary("jarvisd")?;
    let mut command = Command::new("node");
    command.arg(jarvis_tests::root().join("deploy/demo/run.mjs")).args(["--port", port]);
    command.arg("--bin").arg(daemon.parent().context("a folder")?).arg("--dir").arg(dir);
    Process::start("demo", &command)
}

async fn access(demo: &mut Process, dir: &Path) -> Result<Value> {
    demo.line(PATIENCE, "that it is running", |l| l.starts_with("Jarvis is running").then_some(())).await?;
    Ok(serde_json::from_str(&fs::read_to_string(dir.join("access.json"))?)?)
}

/// Processes whose command line names the folder.
fn started_in(dir: &Path) -> Result<usize> {
    let name = dir.display().to_string();
    let mut count = 0;
    for entry in fs::read_dir("/proc")? {
        let line = fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        count += usize::from(String::from_utf8_lossy(&line).contains(&name));
    }
    Ok(count)
}

async fn nothing_left(dir: &Path) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while started_in(dir)? > 0 {
        ensure!(Instant::now() < deadline, "{} processes are left", started_in(dir)?);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
