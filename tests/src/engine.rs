//! A real Docker engine of our own: Debian's `dockerd` on a socket, with its data, state and containers in a folder
//! that goes with it. It needs root and a kernel that lets it make containers; where it cannot start, stories say so.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;

/// Containers that end when asked make this short.
const STOPS_WITHIN: Duration = Duration::from_secs(20);
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// What runs in every container: says a line on each stream, then waits to be asked to end.
const PROGRAM: &str = r#"
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static void end(int signal) { (void)signal; _exit(0); }
int main(void) {
    signal(SIGTERM, end);
    puts("listening on :8080");
    puts("connecting with password=canary-in-a-log");
    fflush(stdout);
    fputs("warning: this is the other stream\n", stderr);
    for (;;) pause();
}
"#;

pub struct Engine {
    process: Process,
    dir: TempDir,
    client: reqwest::Client,
}

impl Engine {
    /// One that runs, or why there is none. The reason is printed past the test's own capture, so that a run in which
    /// nothing was tested does not look like one in which all was well.
    pub async fn start() -> Result<Option<Self>> {
        match Self::try_start().await {
            Ok(engine) => Ok(Some(engine)),
            // Somebody who says it is there wants to hear that it is not.
            Err(error) if std::env::var_os("DOCKER_NEEDED").is_some() => Err(error),
            Err(error) => {
                let first = error.to_string().lines().next().unwrap_or_default().to_owned();
                writeln!(std::io::stderr(), "skipped: dockerd not available ({first})")?;
                Ok(None)
            }
        }
    }

    async fn try_start() -> Result<Self> {
        ensure!(rustix::process::geteuid().is_root(), "it needs root");
        let program = ["/usr/sbin/dockerd", "/usr/bin/dockerd", "/usr/local/bin/dockerd"];
        let program = program.into_iter().find(|file| Path::new(file).is_file());
        let program = program.context("it is not installed; Debian has it as docker.io")?;
        // Short: the sockets of containerd lie deep below.
        let dir = tempfile::Builder::new().prefix("eng").tempdir_in("/tmp")?;
        let at = |name: &str| dir.path().join(name);
        // Asked to end, it ends its containers too; killed, it would leave them.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--", program, "--iptables=false", "--ip6tables=false"]);
        command.args(["--bridge=none", "--storage-driver=vfs", "--shutdown-timeout=5"]);
        command.arg("--data-root").arg(at("data")).arg("--exec-root").arg(at("exec"));
        command.arg("--pidfile").arg(at("pid")).arg(format!("--host=unix://{}", at("sock").display()));
        // Nothing of this machine's own configuration.
        std::fs::write(at("none.json"), "{}")?;
        command.arg("--config-file").arg(at("none.json"));
        let process = Process::start("dockerd", &command)?;
        crate::use_ring();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .unix_socket(at("sock"))
            .build()?;
        let mut engine = Self { process, dir, client };
        engine.answers().await?;
        // One that starts may still be kept from unpacking anything, in a container or a chroot.
        engine.image().await?;
        Ok(engine)
    }

    async fn answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + STARTS_WITHIN;
        while self.ask(Method::GET, "/_ping", None).await.is_err() {
            if !self.process.running() || Instant::now() > deadline {
                let log = self.process.log();
                let said = log.lines().rev().find(|l| l.contains("fail") || l.contains("level=fatal"));
                bail!("it does not start: {}", said.or(log.lines().next_back()).unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    /// As the daemon's settings have it: an engine on this node.
    pub fn settings(&self, name: &str, node: &str) -> String {
        format!("[[docker.hosts]]\nname = {name:?}\nnode = {node:?}\nsocket = {:?}\n", self.socket())
    }

    /// Makes the one image there is, from nothing but a static program.
    async fn image(&self) -> Result<()> {
        let at = |name: &str| self.dir.path().join(name);
        std::fs::write(at("init.c"), PROGRAM)?;
        let run = |command: &mut Command| -> Result<()> {
            let out = command.output()?;
            ensure!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
            Ok(())
        };
        run(Command::new("cc").args(["-static", "-O1", "-o"]).arg(at("init")).arg(at("init.c")))?;
        run(Command::new("tar").arg("-C").arg(self.dir.path()).arg("-cf").arg(at("image.tar")).arg("init"))?;
        let tar = std::fs::read(at("image.tar"))?;
        let url = "http://docker/images/create?fromSrc=-&repo=story&tag=1";
        let answer =
            self.client.post(url).header("content-type", "application/x-tar").body(tar).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success() && text.contains("sha256:"), "{status} {text}");
        Ok(())
    }

    /// A container of that image that was started.
    pub async fn run(&self, name: &str, labels: Value, env: &[&str]) -> Result<()> {
        let body = json!({
            "Image": "story:1", "Cmd": ["/init"], "Env": env, "Labels": labels,
            "HostConfig": {"NetworkMode": "none"},
        });
        self.ask(Method::POST, &format!("/containers/create?name={name}"), Some(&body)).await?;
        self.ask(Method::POST, &format!("/containers/{name}/start"), None).await?;
        Ok(())
    }

    /// What the engine itself says of a container.
    pub async fn inspect(&self, name: &str) -> Result<Value> {
        self.ask(Method::GET, &format!("/containers/{name}/json"), None).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = self.client.request(method, format!("http://docker{path}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It ends its containers and its containerd by itself when it is asked to end.
        let asked = self.process.terminate();
        let deadline = Instant::now() + STOPS_WITHIN;
        while asked.is_ok() && self.process.running() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
