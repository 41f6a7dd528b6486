//! The foreign judge: `fakepve` from PyPI, run as its own process with a certificate of ours.
//!
//! It checks every parameter against PVE's schema with PVE's wording. `make test` installs it.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    certificates::{Authority, Validity},
    process::{PATIENCE, Process},
};

/// As tests/foreign_cluster.py sets it.
const PASSWORD: &str = "for-this-test-only";
const TOKEN_ID: &str = "root@pam!jarvis";
const TOKEN_SECRET: &str = "5d1e8f0a-0000-4000-8000-00000000beef";

pub struct Fakepve {
    _process: Process,
    _dir: TempDir,
    pub url: String,
    pub ca_pem: String,
    /// `user@realm!id=uuid`
    pub token: String,
    client: reqwest::Client,
    ticket: String,
    csrf: String,
    changes: PathBuf,
}

/// A program that `make test` installed from tests/requirements.txt.
pub fn python_tool(name: &str) -> Result<PathBuf> {
    let path = crate::root().join("target/tools/python/bin").join(name);
    ensure!(
        path.is_file(),
        "{} is missing: `make test` installs it from tests/requirements.txt",
        path.display()
    );
    Ok(path)
}

impl Fakepve {
    /// `guests`: as its own file has them, `[{"vmid","name","node","type","status","config"}]`.
    pub async fn start(guests: &Value) -> Result<Self> {
        crate::use_ring();
        let dir = TempDir::new()?;
        let at = |name: &str| dir.path().join(name);
        let authority = Authority::new("fakepve CA")?;
        let leaf = authority.leaf("pve1", Validity::Now)?;
        std::fs::write(at("guests.json"), guests.to_string())?;
        std::fs::write(at("leaf.pem"), &leaf.chain_pem)?;
        std::fs::write(at("leaf.key"), &leaf.key_pem)?;
        let mut command = Command::new(python_tool("python")?);
        command.arg(crate::root().join("tests/foreign_cluster.py"));
        command.args([at("guests.json"), at("leaf.pem"), at("leaf.key")]).args([TOKEN_ID, TOKEN_SECRET]);
        let changes = at("changes");
        command.arg(&changes);
        let mut process = Process::start("fakepve", &command)?;
        let listening = |l: &str| l.strip_prefix("listening on ").map(str::to_owned);
        let url = process.line(PATIENCE, "its address", listening).await?;
        let ca = reqwest::Certificate::from_pem(authority.pem().as_bytes())?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([ca])
            .timeout(Duration::from_secs(20))
            .build()?;
        let mut this = Self {
            _process: process,
            _dir: dir,
            url,
            ca_pem: authority.pem(),
            token: format!("{TOKEN_ID}={TOKEN_SECRET}"),
            client,
            ticket: String::new(),
            csrf: String::new(),
            changes,
        };
        this.log_in().await?;
        Ok(this)
    }

    async fn log_in(&mut self) -> Result<()> {
        let form = format!("username=root@pam&password={PASSWORD}");
        let ticket = self.post("/access/ticket", &form).await?;
        let text = |v: &Value, key: &str| v[key].as_str().map(str::to_owned).context(key.to_owned());
        self.ticket = text(&ticket, "ticket")?;
        self.csrf = text(&ticket, "CSRFPreventionToken")?;
        Ok(())
    }

    /// As a person with the web interface: POST a form, get `data`.
    pub async fn post(&self, path: &str, form: &str) -> Result<Value> {
        self.ask(Method::POST, path, form).await
    }

    pub async fn put(&self, path: &str, form: &str) -> Result<Value> {
        self.ask(Method::PUT, path, form).await
    }

    /// What its API says now.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, "").await
    }

    /// Every request for a change that came with the daemon's token, in order: `POST /nodes/… a=1`.
    pub async fn changes(&self) -> Result<Vec<String>> {
        let lines = std::fs::read_to_string(&self.changes)?;
        Ok(lines.lines().map(|line| line.trim().to_owned()).collect())
    }

    async fn ask(&self, method: Method, path: &str, form: &str) -> Result<Value> {
        let answer = self
            .client
            .request(method.clone(), format!("{}/api2/json{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", format!("PVEAuthCookie={}", self.ticket))
            .header("csrfpreventiontoken", &self.csrf)
            .body(form.to_owned())
            .send()
            .await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "fakepve answered {status} to {method} {path}: {text}");
        let body: Value = serde_json::from_str(&text)?;
        Ok(body["data"].clone())
    }
}
