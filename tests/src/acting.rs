//! A daemon that may act on a simulated cluster, and what is known of both sides afterwards.

use std::{collections::BTreeMap, ops::Deref};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

pub use crate::asking::{guards, is_over};
use crate::{
    daemon::{Home, Jarvisd},
    sim::Sim,
};

/// Jarvis runs outside of the cluster, and one look is enough: stories that are about more looks say so.
pub const OUTSIDE: &str = "[own]\noutside = true\n[policy.limits]\nlooks_min = 1\n";

pub struct Stage {
    pub sim: Sim,
    pub jarvisd: Jarvisd,
}

impl Stage {
    pub async fn new(settings: &str) -> Result<Self> {
        Self::with(&[], settings).await
    }

    pub async fn with(sim_args: &[&str], settings: &str) -> Result<Self> {
        Self::on(Sim::with(sim_args).await?, settings).await
    }

    /// With SSH, Docker and Wake-on-LAN besides the API.
    pub async fn whole(sim_args: &[&str], settings: &str) -> Result<Self> {
        let sim = Sim::with(&[&["--ssh"], sim_args].concat()).await?;
        let settings = format!("{settings}\n{}", sim.sides()?);
        Self::on(sim, &settings).await
    }

    pub async fn on(sim: Sim, settings: &str) -> Result<Self> {
        let jarvisd = Jarvisd::at(Home::new(Some(&sim.acting_cluster()?), settings)?).await?;
        let this = Self { sim, jarvisd };
        this.seen().await?;
        Ok(this)
    }

    /// A guest in this state that is no template, as the simulator knows it: number, node, kind.
    pub async fn guest(&self, status: &str, kind: &str) -> Result<(u64, String)> {
        let truth = self.sim.truth().await?;
        let guests = truth["guests"].as_array().context("guests")?;
        let fits = |g: &&Value| {
            g["status"] == status && g["type"] == kind && g["template"] != true && g["lock"].is_null()
        };
        let guest = guests.iter().find(fits).with_context(|| format!("no {kind} is {status}"))?;
        Ok((guest["vmid"].as_u64().context("vmid")?, guest["node"].as_str().context("node")?.to_owned()))
    }

    /// A guest that is off, stopped by its operator, and seen to be off.
    pub async fn stopped(&self, kind: &str) -> Result<u64> {
        let (vmid, _) = self.guest("running", kind).await?;
        self.sim.fault("guest_stop_by_human", json!({"vmid": vmid})).await?;
        self.seen_as(vmid, "stopped").await?;
        Ok(vmid)
    }

    /// Every request for a change that any side saw from us has an action that recorded just that request beforehand,
    /// and every action that says it was taken on has left exactly one such trace.
    pub async fn mediated(&self) -> Result<()> {
        let actions = self.actions().await?;
        let (mut sent, mut taken): (Counts, Counts) = Default::default();
        for action in actions.iter().filter(|action| action["sent"].is_object()) {
            *sent.entry(request(&action["sent"])).or_default() += 1;
            if action["upid"].is_string() || matches!(action["state"].as_str(), Some("ok" | "warnings")) {
                *taken.entry(request(&action["sent"])).or_default() += 1;
            }
        }
        let (mut seen, mut acted): (Counts, Counts) = Default::default();
        for effect in self.sim.attempts().await? {
            *seen.entry(effect_request(&effect)).or_default() += 1;
            if effect["acted"] == true {
                *acted.entry(effect_request(&effect)).or_default() += 1;
            }
            let upid = &effect["upid"];
            let known = upid.is_null() || actions.iter().any(|a| a["upid"] == *upid);
            ensure!(known, "a task nobody has on record: {effect}");
        }
        for (request, count) in &seen {
            let recorded = sent.get(request).copied().unwrap_or(0);
            ensure!(recorded >= *count, "{request}: {count} times seen, {recorded} times recorded");
        }
        for (request, count) in &taken {
            let done = acted.get(request).copied().unwrap_or(0);
            ensure!(done >= *count, "{request}: {count} times told, {done} times seen");
        }
        Ok(())
    }
}

/// What is asked of the daemon is asked of it, whatever cluster it acts on.
impl Deref for Stage {
    type Target = Jarvisd;

    fn deref(&self) -> &Jarvisd {
        &self.jarvisd
    }
}

type Counts = BTreeMap<String, u32>;

/// `pve POST /nodes/pve/qemu/100/status/start a=1&b=2`, `docker management POST /containers/redis/restart`,
/// `ssh pve smbd.service`, `wake aa:bb:cc:dd:ee:ff`: the same for what was recorded and for what was seen.
pub fn request(exact: &Value) -> String {
    let text = |key: &str| exact[key].as_str().unwrap_or_default().to_owned();
    let (method, path, target) = (text("method"), text("path"), text("target"));
    match exact["via"].as_str() {
        Some("docker") => format!("docker {target} {method} {path}"),
        // The unit is the last word of the command line.
        Some("ssh") => {
            format!("ssh {target} {}", path.rsplit(' ').next().unwrap_or_default().trim_matches('\''))
        }
        Some("wake") => format!("wake {}", text("body").to_lowercase()),
        _ => {
            let body = text("body");
            let pairs = body.split('&').filter(|p| !p.is_empty()).map(str::to_owned).collect();
            format!("pve {method} {path} {}", sorted(pairs))
        }
    }
}

/// The same of what the simulator saw.
pub fn effect_request(effect: &Value) -> String {
    let text = |key: &str| effect[key].as_str().unwrap_or_default().to_owned();
    let params = effect["params"].as_object().cloned().unwrap_or_default();
    let param = |key: &str| params.get(key).and_then(Value::as_str).unwrap_or_default();
    let path = text("path").trim_start_matches("/api2/json").to_owned();
    match effect["side"].as_str() {
        Some("docker") => format!("docker {} {} {path}", text("asked"), text("method")),
        Some("ssh") => format!("ssh {} {}", text("asked"), param("unit")),
        Some("wake") => format!("wake {}", param("mac").to_lowercase()),
        _ => {
            let pair = |(k, v): (&String, &Value)| format!("{k}={}", v.as_str().unwrap_or_default());
            format!("pve {} {path} {}", text("method"), sorted(params.iter().map(pair).collect()))
        }
    }
}

fn sorted(mut pairs: Vec<String>) -> String {
    pairs.sort();
    pairs.join("&")
}
