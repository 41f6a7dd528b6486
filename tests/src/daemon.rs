//! The real jarvisd with settings of a test, set up the way an operator does it.

use std::{
    fmt::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    process::{PATIENCE, Process},
    rest::Rest,
    socket::Door,
};

pub const PASSWORD: &str = "correct horse battery";

/// Where a Proxmox API is and what opens it.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Name and address.
    pub nodes: Vec<(String, String)>,
    pub ca_file: PathBuf,
    pub token_file: PathBuf,
    /// The token changes are made with, where there is one.
    pub act_token_file: Option<PathBuf>,
}

impl Cluster {
    /// One server, its CA and a token, laid down as files in `dir`.
    pub fn laid_down(dir: &Path, node: &str, url: &str, ca_pem: &str, token: &str) -> Result<Self> {
        let (ca_file, token_file) = (dir.join("ca.pem"), dir.join("token"));
        std::fs::write(&ca_file, ca_pem)?;
        std::fs::write(&token_file, token)?;
        let nodes = vec![(node.to_owned(), url.to_owned())];
        Ok(Self { nodes, ca_file, token_file, act_token_file: None })
    }

    /// Its part of the settings.
    pub fn settings(&self) -> String {
        let mut text =
            format!("[proxmox]\nca_file = {:?}\ntoken_file = {:?}\n", self.ca_file, self.token_file);
        if let Some(file) = &self.act_token_file {
            let _ = writeln!(text, "act_token_file = {file:?}");
        }
        for (name, url) in &self.nodes {
            // Writing into a String cannot fail.
            let _ = write!(text, "[[proxmox.nodes]]\nname = {name:?}\nurl = {url:?}\n");
        }
        text
    }
}

/// A folder with settings, from which a daemon starts as often as a story wants.
pub struct Home {
    pub dir: TempDir,
    pub api_port: u16,
    pub metrics_port: u16,
}

impl Home {
    /// `more`: further settings, whole sections.
    pub fn new(cluster: Option<&Cluster>, more: &str) -> Result<Self> {
        let home = Self { dir: TempDir::new()?, api_port: free_port()?, metrics_port: free_port()? };
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:{}\"\n[metrics]\nlisten = \"127.0.0.1:{}\"\n[data]\ndir = {:?}\n{}\n{more}\n",
            home.api_port,
            home.metrics_port,
            home.data(),
            cluster.map(Cluster::settings).unwrap_or_default(),
        );
        std::fs::write(home.settings(), text)?;
        Ok(home)
    }

    pub fn settings(&self) -> PathBuf {
        self.dir.path().join("jarvisd.toml")
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn api(&self) -> String {
        format!("http://127.0.0.1:{}", self.api_port)
    }

    pub fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(crate::binary("jarvisd")?);
        command.args(words).arg("--config").arg(self.settings());
        Ok(command)
    }

    /// Starts it and returns at once: for stories in which it does not get far.
    pub fn launch(&self) -> Result<Process> {
        Process::start("jarvisd", &self.command(&["serve"])?)
    }

    /// Starts it and waits until it answers.
    pub async fn start(&self) -> Result<Process> {
        let mut process = self.launch()?;
        self.answers(&mut process).await?;
        Ok(process)
    }

    async fn answers(&self, process: &mut Process) -> Result<()> {
        let rest = Rest::new(&self.api());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if rest.get("/healthz").await.is_ok_and(|a| a.status.is_success()) {
                return Ok(());
            }
            ensure!(process.running(), "jarvisd ended before it answered\n{}", process.log());
            ensure!(Instant::now() < deadline, "jarvisd does not answer\n{}", process.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A daemon that is up and set up.
pub struct Jarvisd {
    pub process: Process,
    pub home: Home,
    /// `name=value`
    pub cookie: String,
    /// Scope `read`.
    pub token: String,
}

impl Jarvisd {
    pub async fn start(cluster: &Cluster) -> Result<Self> {
        Self::at(Home::new(Some(cluster), "")?).await
    }

    pub async fn at(home: Home) -> Result<Self> {
        let process = home.start().await?;
        let data = home.data();
        Self::set_up(process, home, &data).await
    }

    /// One that was started in a special way; `data` is its data directory as this process sees it.
    pub async fn adopt(mut process: Process, home: Home, data: &Path) -> Result<Self> {
        home.answers(&mut process).await?;
        Self::set_up(process, home, data).await
    }

    async fn set_up(process: Process, home: Home, data: &Path) -> Result<Self> {
        let secret = std::fs::read_to_string(data.join("setup-token")).context("the set-up token")?;
        let rest = Rest::new(&home.api());
        let body = json!({"token": secret.trim(), "password": PASSWORD});
        let answer = rest.with("origin", &home.api()).post("/api/v1/setup", &body).await?;
        answer.ok().context("set-up")?;
        let cookie = answer.cookie().context("set-up gave no session")?;
        let mut this = Self { process, home, cookie, token: String::new() };
        this.token = this.new_token(&["read"]).await?;
        Ok(this)
    }

    /// A further API token, made by the operator.
    pub async fn new_token(&self, scopes: &[&str]) -> Result<String> {
        self.token_called("story", scopes).await
    }

    pub async fn token_called(&self, name: &str, scopes: &[&str]) -> Result<String> {
        let body = json!({"name": name, "scopes": scopes});
        let made = self.browser().post("/api/v1/tokens", &body).await?.ok()?;
        Ok(made["token"].as_str().context("no token")?.to_owned())
    }

    /// Starts it again on the same data, after it was killed or has stopped.
    pub async fn again(&mut self) -> Result<()> {
        self.process = self.home.start().await?;
        Ok(())
    }

    pub fn rest(&self) -> Rest {
        self.bare().token(&self.token)
    }

    /// Without credentials.
    pub fn bare(&self) -> Rest {
        Rest::new(&self.home.api())
    }

    /// As the operator's browser.
    pub fn browser(&self) -> Rest {
        self.bare().session(&self.cookie)
    }

    pub fn door(&self) -> Door {
        Door { api: self.home.api(), token: self.token.clone() }
    }

    pub async fn metrics(&self) -> Result<String> {
        Ok(Rest::new(&format!("http://127.0.0.1:{}", self.home.metrics_port)).get("/metrics").await?.text)
    }

    /// Waits until `GET /readyz` says what is waited for; the answer.
    pub async fn readyz(
        &self,
        within: Duration,
        what: &str,
        is: impl Fn(u16, &str) -> bool,
    ) -> Result<String> {
        let deadline = Instant::now() + within;
        loop {
            let answer = self.bare().get("/readyz").await?;
            if is(answer.status.as_u16(), &answer.text) {
                return Ok(answer.text);
            }
            ensure!(Instant::now() < deadline, "/readyz did not say {what}: {}", answer.text);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Ports below those the kernel gives to whoever takes any (32768 and up, as a rule): between a story's look and its
/// daemon's start, and while a daemon is down, nobody else comes upon one of them by chance.
const PORTS: std::ops::Range<u32> = 11_000..32_000;

/// A port that nobody has, and that nobody in this process is given again soon.
pub fn free_port() -> Result<u16> {
    free_ports(1)
}

/// The first of so many in a row.
pub fn free_ports(count: u16) -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let span = PORTS.end - PORTS.start - u32::from(count);
    // Another test process begins elsewhere.
    let begin = std::process::id().wrapping_mul(257);
    for _ in 0..1_000 {
        let turn = NEXT.fetch_add(u32::from(count), Ordering::Relaxed);
        let base = u16::try_from(PORTS.start + begin.wrapping_add(turn) % span)?;
        let row: std::io::Result<Vec<TcpListener>> =
            (base..base + count).map(|port| TcpListener::bind(("127.0.0.1", port))).collect();
        if row.is_ok() {
            return Ok(base);
        }
    }
    bail!("no {count} free ports in a row in {PORTS:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_nor_one_that_is_taken_nor_one_the_kernel_gives() {
        let given: std::collections::BTreeSet<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(given.len(), 200);
        assert!(given.iter().all(|port| PORTS.contains(&u32::from(*port))));
        let next = free_port().unwrap() + 1;
        let _taken = TcpListener::bind(("127.0.0.1", next));
        let row = free_ports(4).unwrap();
        assert!(!(row..row + 4).contains(&next), "{row} {next}");
    }
}
