//! A real Prometheus scraping a target, and its query API.

use std::process::Command;

use anyhow::Result;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    daemon::free_port,
    process::{PATIENCE, Process},
    rest::Rest,
};

pub struct Prometheus {
    _process: Process,
    _dir: TempDir,
    rest: Rest,
}

impl Prometheus {
    /// Scrapes `target` (`127.0.0.1:9878`) each second.
    pub async fn start(target: &str) -> Result<Self> {
        let dir = TempDir::new()?;
        let file = dir.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 900ms}}\nscrape_configs:\n- job_name: jarvisd\n  static_configs: [{{targets: ['{target}']}}]\n"
        );
        std::fs::write(&file, text)?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        let mut process = Process::start("prometheus", &command)?;
        let ready = |l: &str| l.contains("ready to receive web requests").then_some(());
        process.line(PATIENCE, "that it is ready", ready).await?;
        Ok(Self { _process: process, _dir: dir, rest: Rest::new(&format!("http://{address}")) })
    }

    /// State, last error and so on of its one target.
    pub async fn target(&self) -> Result<Value> {
        let all = self.rest.json("/api/v1/targets").await?;
        Ok(all["data"]["activeTargets"][0].clone())
    }

    /// The series of an instant query: labels and value.
    pub async fn query(&self, name: &str) -> Result<Vec<Value>> {
        let found = self.rest.json(&format!("/api/v1/query?query={name}")).await?;
        Ok(found["data"]["result"].as_array().cloned().unwrap_or_default())
    }
}
