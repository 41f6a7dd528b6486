//! A program started for a test: its lines kept, its end certain.
//!
//! It dies with the test, also when the test process is killed: `setpriv --pdeathsig` asks the kernel.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

/// Lines kept for the message of a failing test.
const LINES_MAX: usize = 2_000;

/// Default patience for something that should take well under a second, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Mutex<VecDeque<String>>>,
    seen: watch::Receiver<usize>,
}

impl Process {
    /// Starts `command` with both outputs captured. Must be called on a thread that outlives the child:
    /// the kernel counts the *thread* as its parent.
    pub fn start(name: &str, command: &Command) -> Result<Self> {
        let mut wrapped = Command::new("setpriv");
        wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
        // A developer's own settings are not part of any story.
        for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("JARVIS_")) {
            wrapped.env_remove(key);
        }
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(key, value),
                None => wrapped.env_remove(key),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            wrapped.current_dir(dir);
        }
        wrapped.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = wrapped.spawn().with_context(|| format!("{name} cannot be started"))?;
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let (told, seen) = watch::channel(0);
        let outs: [Option<Box<dyn Read + Send>>; 2] =
            [child.stdout.take().map(|o| Box::new(o) as _), child.stderr.take().map(|o| Box::new(o) as _)];
        for out in outs.into_iter().flatten() {
            let (lines, told) = (lines.clone(), told.clone());
            std::thread::spawn(move || keep_lines(out, &lines, &told));
        }
        Ok(Self { name: name.into(), child, lines, seen })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has said so far.
    pub fn log(&self) -> String {
        let lines = self.lines.lock().expect("no reader panics");
        lines.iter().map(|l| format!("{}| {l}\n", self.name)).collect()
    }

    /// The first line, past or coming, for which `pick` gives something.
    pub async fn line<T>(
        &mut self,
        within: Duration,
        what: &str,
        pick: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = tokio::time::Instant::now() + within;
        let mut seen = self.seen.clone();
        loop {
            seen.borrow_and_update();
            let found = self.lines.lock().expect("no reader panics").iter().find_map(|l| pick(l));
            if let Some(found) = found {
                return Ok(found);
            }
            // Both readers are gone: it has ended, and nothing more will come.
            let Ok(more) = tokio::time::timeout_at(deadline, seen.changed()).await else {
                bail!("{} did not say {what} within {within:?}\n{}", self.name, self.log());
            };
            if more.is_err() {
                let found = self.lines.lock().expect("no reader panics").iter().find_map(|l| pick(l));
                return found.with_context(|| format!("{} ended without {what}\n{}", self.name, self.log()));
            }
        }
    }

    pub fn running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to stop, as an operator's service manager does.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// `kill -9`: no chance to tidy up.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("no pid")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Its exit code, once it has ended by itself.
    pub async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait()? {
                // The readers may still be behind.
                while self.seen.changed().await.is_ok() {}
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("{} is still running after {within:?}\n{}", self.name, self.log());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            // The test's output is shown on failure only; this belongs to it.
            eprintln!("{}", self.log());
        }
    }
}

fn keep_lines(out: Box<dyn Read + Send>, lines: &Mutex<VecDeque<String>>, told: &watch::Sender<usize>) {
    for line in BufReader::new(out).lines().map_while(std::result::Result::ok) {
        let mut kept = lines.lock().expect("no reader panics");
        if kept.len() == LINES_MAX {
            kept.pop_front();
        }
        kept.push_back(line);
        drop(kept);
        told.send_modify(|n| *n += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start("shell", &command).unwrap()
    }

    #[tokio::test]
    async fn a_line_is_found_and_a_missing_one_is_an_error_with_the_log() {
        let mut p = shell("echo one; echo two >&2; sleep 60");
        let two = p.line(PATIENCE, "two", |l| (l == "two").then(|| l.to_owned())).await.unwrap();
        assert_eq!(two, "two");
        let error = p.line(Duration::from_millis(50), "three", |l| (l == "three").then_some(())).await;
        assert!(error.unwrap_err().to_string().contains("shell| one"));
    }

    #[tokio::test]
    async fn an_end_without_the_line_is_told_at_once() {
        let mut p = shell("echo one; exit 3");
        assert!(p.line(PATIENCE, "two", |l| (l == "two").then_some(())).await.is_err());
        assert_eq!(p.ended(PATIENCE).await.unwrap().code(), Some(3));
    }
}
