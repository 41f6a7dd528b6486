//! The simulator's command: starts a cluster, prints where it is, waits for a signal.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use jarvis_sim::Options;
use jarvis_sim::ssh::shell;
use tokio::signal::unix::{SignalKind, signal};

/// How often it is checked whether the starting process still lives.
const PARENT_CHECK: Duration = Duration::from_millis(250);

fn main() -> anyhow::Result<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|a| a == shell::NAME) {
        return Ok(shell::run(args));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("the runtime cannot be built")?.block_on(run())?;
    Ok(ExitCode::SUCCESS)
}

async fn run() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let options = Options::parse();
    let parent = options.die_with_parent.then(rustix::process::getppid);
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let running = jarvis_sim::start(options.clone()).await?;
    let line = serde_json::to_string(&running.ready).context("the ready line cannot be written")? + "\n";
    if let Some(file) = &options.ready_file {
        // Written beside and renamed, so that nobody reads half of it.
        let part = file.with_extension("part");
        std::fs::write(&part, &line).with_context(|| format!("cannot write {}", part.display()))?;
        std::fs::rename(&part, file).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let mut out = std::io::stdout();
    // A caller that closed its end reads the file instead.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
        () = orphaned(parent) => tracing::info!("the starting process is gone"),
    }
    running.stop().await;
    Ok(())
}

/// Resolves when the process that started this one is gone.
async fn orphaned(parent: Option<Option<rustix::process::Pid>>) {
    let Some(parent) = parent else { return std::future::pending().await };
    while rustix::process::getppid() == parent {
        tokio::time::sleep(PARENT_CHECK).await;
    }
}
