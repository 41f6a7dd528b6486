//! jarvis-sim as a test starts it, and its control listener.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    daemon::Cluster,
    process::{PATIENCE, Process},
    rest::Rest,
};

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
        let (process, ready) = launch(&args, &dir, &[]).await?;
        Ok(Self { process, dir, args, ready })
    }

    /// The same cluster on the same addresses, after it was killed.
    pub async fn again(&mut self) -> Result<()> {
        let same = same_addresses(&self.ready);
        let (process, ready) = launch(&self.args, &self.dir, &same).await?;
        self.process = process;
        self.ready = ready;
        Ok(())
    }

    pub fn control(&self) -> Rest {
        Rest::new(self.ready["control"].as_str().unwrap_or_default())
    }

    /// What the daemon must know of it.
    pub fn cluster(&self) -> Result<Cluster> {
        let file = |key: &str| -> Result<PathBuf> {
            Ok(self.ready[key].as_str().with_context(|| key.to_owned())?.into())
        };
        let nodes = self.ready["nodes"].as_array().context("nodes")?;
        let text = |v: &Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
        Ok(Cluster {
            nodes: nodes.iter().map(|n| (text(n, "name"), text(n, "url"))).collect(),
            ca_file: file("ca_file")?,
            token_file: file("token_file")?,
        })
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

    pub async fn requests(&self) -> Result<Value> {
        self.control().json("/requests").await
    }
}

async fn launch(args: &[String], dir: &TempDir, more: &[String]) -> Result<(Process, Value)> {
    let mut command = Command::new(crate::binary("jarvis-sim")?);
    command.args(args).args(more).arg("--dir").arg(dir.path());
    let mut process = Process::start("jarvis-sim", &command)?;
    let json = |l: &str| l.starts_with('{').then(|| serde_json::from_str(l).ok()).flatten();
    let ready: Value = process.line(PATIENCE, "its addresses", json).await?;
    Ok((process, ready))
}

fn same_addresses(_ready: &Value) -> Vec<String> {
    Vec::new()
}
