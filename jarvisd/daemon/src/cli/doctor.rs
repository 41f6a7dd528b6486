//! `jarvisd check` and `jarvisd doctor`: one line a finding, ok, warn or fail, with what to do.
//!
//! `check` asks whether the daemon can run: settings, data directory, and whether the cluster can be reached.
//! `doctor` looks at what a running daemon suffers from: the token's privileges, certificates, clocks, host keys.
//! Both only read.

use std::process::ExitCode;

use super::words::say;
use crate::{
    app::{self, AppError},
    clients::{
        proxmox::doctor::{About, Finding, Level},
        ssh,
    },
    clock::Clock,
    config::{Config, DockerHost},
    store,
};

/// Settings were read before; this looks at what they name.
pub async fn check(config: &Config) -> ExitCode {
    let mut report = Report::default();
    report.add(Level::Ok, "the configuration is valid");
    match store::usable(&config.data.dir) {
        Ok(text) => report.add(Level::Ok, text),
        Err(error) => report.add(Level::Fail, error.to_string()),
    }
    // What is not well is told here too; that it is well, only by the doctor.
    let told = |f: &Finding| f.about == About::Reach || f.level > Level::Ok;
    cluster(config, &mut report).await.into_iter().filter(told).for_each(|f| report.say(&f));
    match app::ssh(config) {
        Ok(_) => {}
        Err(error) => report.add(Level::Fail, error.to_string()),
    }
    let placed = |host: &&DockerHost| host.vmid.is_some() || host.node.is_some() || host.ssh_host.is_some();
    for host in config.docker.hosts.iter().filter(|host| !placed(host)) {
        let name = &host.name;
        report.add(
            Level::Warn,
            format!(
                "what the Docker engine {name} runs on is not said, so its containers are only read: give its vmid \
                 or node under [[docker.hosts]]"
            ),
        );
    }
    report.code()
}

pub async fn doctor(config: &Config) -> ExitCode {
    let mut report = Report::default();
    cluster(config, &mut report).await.iter().for_each(|f| report.say(f));
    match app::ssh(config) {
        Ok(Some(settings)) => {
            for looked in ssh::examine(settings, Clock).await {
                match looked {
                    Ok(text) => report.add(Level::Ok, text),
                    Err(error) => report.add(Level::Fail, error.to_string()),
                }
            }
        }
        Ok(None) => {
            report.add(Level::Ok, "no SSH access is configured, so there are no host keys to compare")
        }
        Err(error) => report.add(Level::Fail, error.to_string()),
    }
    report.code()
}

async fn cluster(config: &Config, report: &mut Report) -> Vec<Finding> {
    let clients = app::cluster(config, Clock).and_then(|read| Ok((read, app::acting(config, Clock)?)));
    match clients {
        Ok((Some(client), acting)) => {
            let mut findings = client.examine(Clock).await;
            // Where no node answers at all that was told already.
            let reached = findings.iter().any(|f| f.about == About::Reach && f.level == Level::Ok);
            if let Some(acting) = acting.filter(|_| reached) {
                findings.extend(acting.examine_changes().await);
            }
            findings
        }
        Ok((None, _)) => {
            report.add(Level::Warn, "no cluster is configured: add [proxmox] to the configuration");
            Vec::new()
        }
        Err(error @ AppError::Config(_)) => {
            report.add(Level::Fail, error.to_string());
            report.settings = true;
            Vec::new()
        }
        Err(error) => {
            report.add(Level::Fail, error.to_string());
            Vec::new()
        }
    }
}

#[derive(Default)]
struct Report {
    failed: bool,
    /// What failed is a file that the settings name: the same exit code as `serve` gives.
    settings: bool,
}

impl Report {
    fn add(&mut self, level: Level, text: impl Into<String>) {
        self.say(&Finding { level, about: About::Reach, text: text.into() });
    }

    fn say(&mut self, finding: &Finding) {
        self.failed |= finding.level == Level::Fail;
        say(&finding.to_string());
    }

    fn code(&self) -> ExitCode {
        match (self.failed, self.settings) {
            (_, true) => ExitCode::from(2),
            (true, false) => ExitCode::FAILURE,
            (false, false) => ExitCode::SUCCESS,
        }
    }
}
