//! jarvis-sim as a test starts it, and its control listener.

use std::{net::TcpListener, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    daemon::{Cluster, free_port},
    process::{PATIENCE, Process},
    rest::Rest,
};

/// Nodes of the seed cluster.
const NODES: u16 = 4;

pub struct Sim {
    pub process: Process,
    dir: TempDir,
    args: Vec<String>,
    ready: Value,
}

impl Sim {
    /// The seed cluster.
    pub async fn start() -> Result<Self> {
        Self::with(&[]).await
    }

    pub async fn with(args: &[&str]) -> Result<Self> {
        let dir = TempDir::new()?;
        let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        let (process, ready) = launch(&args, &dir).await?;
        Ok(Self { process, dir, args, ready })
    }

    /// One that can be killed and started again on the same addresses.
    pub async fn restartable() -> Result<Self> {
        let base = format!("127.0.0.1:{}", free_ports(NODES)?);
        Self::with(&["--pve-listen", &base]).await
    }

    /// The same cluster, with the same certificates and tokens, after it was killed.
    pub async fn again(&mut self) -> Result<()> {
        let before = self.cluster()?.nodes;
        let (process, ready) = launch(&self.args, &self.dir).await?;
        self.process = process;
        self.ready = ready;
        ensure!(self.cluster()?.nodes == before, "it came back elsewhere: start it with Sim::restartable");
        Ok(())
    }

    pub fn control(&self) -> Rest {
        Rest::new(self.ready["control"].as_str().unwrap_or_default())
    }

    /// What the daemon must know of it.
    pub fn cluster(&self) -> Result<Cluster> {
        let file = |v: &Value| -> Result<PathBuf> { Ok(v.as_str().context("a file")?.into()) };
        let nodes = self.ready["nodes"].as_array().context("nodes")?;
        let text = |v: &Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
        Ok(Cluster {
            nodes: nodes.iter().map(|n| (text(n, "name"), text(n, "url"))).collect(),
            ca_file: file(&self.ready["ca_file"])?,
            token_file: file(&self.ready["token_files"]["read"])?,
            act_token_file: None,
        })
    }

    /// The same with the token that may act.
    pub fn acting_cluster(&self) -> Result<Cluster> {
        let act: PathBuf = self.ready["token_files"]["act"].as_str().context("an acting token")?.into();
        Ok(Cluster { act_token_file: Some(act), ..self.cluster()? })
    }

    /// Every change that was made through the API of Proxmox by us, in order.
    pub async fn effects(&self) -> Result<Vec<Value>> {
        let report = self.control().json("/effects?side=pve").await?;
        let all = report["effects"].as_array().context("effects")?.iter();
        let ours =
            all.filter(|e| e["acted"] == true && e["by"].as_str().is_some_and(|by| by.contains("jarvis")));
        Ok(ours.cloned().collect())
    }

    /// One fault now: `fault("node_down", json!({"node": "pve"}))`.
    pub async fn fault(&self, name: &str, fields: Value) -> Result<()> {
        let mut fault = json!({"at_s": 0, "do": name});
        crate::screen::merge(&mut fault, &fields);
        self.control().post("/faults", &fault).await?.ok().with_context(|| format!("fault {fault}"))?;
        Ok(())
    }

    pub async fn truth(&self) -> Result<Value> {
        self.control().json("/truth").await
    }

    /// What a guest really does at this moment.
    pub async fn guest_status(&self, vmid: &str) -> Result<String> {
        let truth = self.truth().await?;
        let guests = truth["guests"].as_array().context("guests")?;
        let guest = guests
            .iter()
            .find(|g| g["vmid"].as_u64() == vmid.parse().ok())
            .with_context(|| format!("guest {vmid}"))?;
        Ok(guest["status"].as_str().unwrap_or_default().to_owned())
    }

    /// Lets simulated time pass at once.
    pub async fn advance(&self, seconds: u64) -> Result<()> {
        self.control().post("/clock", &json!({"advance_s": seconds})).await?.ok()?;
        Ok(())
    }

    pub async fn requests(&self) -> Result<Value> {
        self.control().json("/requests").await
    }
}

async fn launch(args: &[String], dir: &TempDir) -> Result<(Process, Value)> {
    let mut command = Command::new(crate::binary("jarvis-sim")?);
    command.args(args).arg("--state-dir").arg(dir.path());
    let mut process = Process::start("jarvis-sim", &command)?;
    let json = |l: &str| l.starts_with('{').then(|| serde_json::from_str(l).ok()).flatten();
    let ready: Value = process.line(PATIENCE, "its addresses", json).await?;
    Ok((process, ready))
}

/// The first of so many free ports in a row.
fn free_ports(count: u16) -> Result<u16> {
    for _ in 0..50 {
        let base = free_port()?;
        let row: Option<Vec<TcpListener>> =
            (0..count).map(|i| TcpListener::bind(("127.0.0.1", base.checked_add(i)?)).ok()).collect();
        if row.is_some() {
            return Ok(base);
        }
    }
    bail!("no {count} free ports in a row")
}
