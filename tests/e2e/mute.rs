//! A daemon that nobody hears, or that hears a signal too early, goes on with its work.

use std::{
    fs::OpenOptions,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use jarvis_tests::{daemon::Home, process::PATIENCE, rest::Rest};
use rustix::process::{Pid, Signal, kill_process};

/// Ends with its test.
struct Mute(Child);

impl Mute {
    /// The daemon with its log at `log`.
    fn start(home: &Home, log: Stdio) -> Result<Self> {
        let direct = home.command(&["serve"])?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(direct.get_program()).args(direct.get_args());
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?))
    }

    async fn answers(&mut self, home: &Home) -> Result<()> {
        let rest = Rest::new(&home.api());
        let deadline = Instant::now() + PATIENCE;
        while !rest.get("/healthz").await.is_ok_and(|answer| answer.status.is_success()) {
            ensure!(self.0.try_wait()?.is_none(), "it ended: {:?}", self.0.try_wait()?);
            ensure!(Instant::now() < deadline, "it does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    fn tell(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).context("a pid")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Whether the process has something else in mind for SIGHUP, number 1, than to end.
    fn hears_hang_ups(&self) -> Result<bool> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).context("SigCgt")?;
        Ok(u64::from_str_radix(caught.trim(), 16)? & 1 == 1)
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_log_that_takes_nothing_more_ends_nothing() -> Result<()> {
    let home = Home::new(None, "")?;
    let full = OpenOptions::new().write(true).open("/dev/full")?;
    let (reader, writer) = std::io::pipe()?;
    // Whoever read it is gone.
    drop(reader);
    for (log, what) in [(Stdio::from(full), "a full disk"), (Stdio::from(writer), "a closed pipe")] {
        let mut daemon = Mute::start(&home, log)?;
        daemon.answers(&home).await.map_err(|e| e.context(what))?;
        // It says something at its start and at its end.
        daemon.tell(Signal::TERM)?;
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = daemon.0.try_wait()? {
                break status;
            }
            ensure!(Instant::now() < deadline, "{what}: it does not stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        ensure!(status.success(), "{what}: {status}");
    }
    Ok(())
}

/// A service manager may ask for a reload as soon as the process is there; to be asked without listening ends it.
#[tokio::test]
async fn i36_a_hang_up_while_the_daemon_starts_ends_nothing() -> Result<()> {
    let home = Home::new(None, "")?;
    let mut daemon = Mute::start(&home, Stdio::null())?;
    let begun = Instant::now();
    while !home.data().join("jarvis.lock").exists() {
        ensure!(begun.elapsed() < PATIENCE, "it does not open its data directory");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    ensure!(daemon.hears_hang_ups()?, "a hang-up would end it while it opens its database");
    while Rest::new(&home.api()).get("/healthz").await.is_err() {
        ensure!(begun.elapsed() < PATIENCE, "it does not answer");
        daemon.tell(Signal::HUP)?;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..200 {
        daemon.tell(Signal::HUP)?;
    }
    daemon.answers(&home).await
}
