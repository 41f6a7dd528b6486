//! A daemon that may act on a simulated cluster, and what is known of both sides afterwards.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    daemon::{Home, Jarvisd},
    process::PATIENCE,
    rest::{Answer, Rest},
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
        let sim = Sim::with(sim_args).await?;
        let jarvisd = Jarvisd::at(Home::new(Some(&sim.acting_cluster()?), settings)?).await?;
        let this = Self { sim, jarvisd };
        this.seen().await?;
        Ok(this)
    }

    /// Waits until the daemon knows the cluster.
    pub async fn seen(&self) -> Result<()> {
        self.until("the cluster is seen", async || {
            let whole = self.jarvisd.rest().json("/api/v1/cluster").await?;
            Ok(whole["guests"].as_array().is_some_and(|all| !all.is_empty()) && whole["cluster"].is_object())
        })
        .await
    }

    /// A person at the dashboard.
    pub fn person(&self) -> Rest {
        self.jarvisd.browser()
    }

    /// A program with an API token that may read and act.
    pub async fn program(&self) -> Result<Rest> {
        Ok(self.jarvisd.bare().token(&self.jarvisd.new_token(&["read", "act"]).await?))
    }

    pub async fn call(&self, by: &Rest, tool: &str, args: Value) -> Result<Answer> {
        by.post(&format!("/api/v1/tools/{tool}"), &json!({"args": args})).await
    }

    pub async fn plan(&self, by: &Rest, tool: &str, args: Value) -> Result<Value> {
        by.post(&format!("/api/v1/tools/{tool}"), &json!({"args": args, "dry_run": true})).await?.ok()
    }

    /// Proposes it, and gives the approval that it asks for.
    pub async fn asked(&self, by: &Rest, tool: &str, args: Value) -> Result<Value> {
        let answer = self.call(by, tool, args).await?;
        ensure!(answer.status == 202, "{}: {}", answer.status, answer.text);
        let approval = answer.value()?["approval"].clone();
        ensure!(approval["state"] == "pending", "{approval}");
        Ok(approval)
    }

    pub async fn decide(&self, by: &Rest, approval: &Value, decision: &str) -> Result<Answer> {
        let id = approval["id"].as_str().context("an id")?;
        let body = json!({"decision": decision, "hash": approval["hash"]});
        by.post(&format!("/api/v1/approvals/{id}"), &body).await
    }

    /// Approves it as the operator and waits for the end of its action.
    pub async fn approved(&self, approval: &Value) -> Result<Value> {
        let view = self.decide(&self.person(), approval, "approve").await?.ok()?;
        self.ended(view["action"].as_str().context("an action")?).await
    }

    pub async fn approval(&self, id: &Value) -> Result<Value> {
        let all = self.person().json("/api/v1/approvals").await?;
        let items = all["items"].as_array().context("items")?;
        items.iter().find(|a| a["id"] == *id).cloned().context("no such approval")
    }

    pub async fn set_level(&self, level: u8) -> Result<()> {
        let body = json!({"level": level});
        self.person().send(Method::PUT, "/api/v1/autonomy", Some(&body)).await?.ok()?;
        Ok(())
    }

    pub async fn switch(&self, on: bool) -> Result<()> {
        let body = json!({"on": on});
        self.person().send(Method::PUT, "/api/v1/kill-switch", Some(&body)).await?.ok()?;
        Ok(())
    }

    /// Newest first.
    pub async fn actions(&self) -> Result<Vec<Value>> {
        let all = self.jarvisd.rest().json("/api/v1/actions?limit=200").await?;
        Ok(all["items"].as_array().context("items")?.clone())
    }

    pub async fn ended(&self, id: &str) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let action = self.jarvisd.rest().json(&format!("/api/v1/actions/{id}")).await?;
            if is_over(&action) {
                return Ok(action);
            }
            ensure!(Instant::now() < deadline, "it does not end: {action}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Rows of the audit, oldest first, as the operator exports them; the chain must stand.
    pub fn audit(&self) -> Result<Vec<Value>> {
        let run = |words: &[&str]| -> Result<String> {
            let output = self.jarvisd.home.command(words)?.output()?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            ensure!(output.status.success(), "{words:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
            Ok(said)
        };
        run(&["audit", "verify"])?;
        let lines = run(&["audit", "export"])?;
        lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    pub async fn until(&self, what: &str, is: impl AsyncFn() -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is().await? {
            ensure!(
                Instant::now() < deadline,
                "not within {PATIENCE:?}: {what}\n{}",
                self.jarvisd.process.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
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

    pub async fn seen_as(&self, vmid: u64, status: &str) -> Result<()> {
        self.until(&format!("guest {vmid} is {status}"), async || {
            let guest = self.jarvisd.rest().json(&format!("/api/v1/guests/{vmid}")).await?;
            Ok(guest["status"] == status)
        })
        .await
    }

    /// Every change the cluster saw from us has one action that recorded just that request beforehand, and every
    /// action that says it was taken on has left one such trace.
    pub async fn mediated(&self) -> Result<()> {
        let actions = self.actions().await?;
        let mut sent: BTreeMap<String, u32> = BTreeMap::new();
        for action in &actions {
            if action["sent"].is_object() {
                *sent.entry(request(&action["sent"])).or_default() += 1;
            }
        }
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for effect in self.sim.effects().await? {
            *seen.entry(effect_request(&effect)).or_default() += 1;
            let upid = &effect["upid"];
            let known = upid.is_null() || actions.iter().any(|a| a["upid"] == *upid);
            ensure!(known, "a task nobody has on record: {effect}");
        }
        for (request, count) in &seen {
            let recorded = sent.get(request).copied().unwrap_or(0);
            ensure!(recorded >= *count, "{request}: {count} times seen, {recorded} times recorded");
        }
        Ok(())
    }
}

pub fn is_over(action: &Value) -> bool {
    matches!(action["state"].as_str(), Some("ok" | "warnings" | "failed" | "unknown"))
}

/// The names of the guards that spoke against it.
pub fn guards(refused: &Answer) -> Vec<String> {
    let value = refused.value().unwrap_or_default();
    let objections = value["error"]["details"]["objections"].as_array().cloned().unwrap_or_default();
    objections.iter().filter_map(|o| Some(o["guard"].as_str()?.to_owned())).collect()
}

/// `POST /nodes/pve/qemu/100/status/start a=1&b=2`
pub fn request(exact: &Value) -> String {
    let text = |key: &str| exact[key].as_str().unwrap_or_default().to_owned();
    let mut pairs: Vec<String> =
        text("body").split('&').filter(|p| !p.is_empty()).map(str::to_owned).collect();
    pairs.sort();
    format!("{} {} {}", text("method"), text("path"), pairs.join("&"))
}

/// The same of what the simulator saw.
pub fn effect_request(effect: &Value) -> String {
    let params = effect["params"].as_object().cloned().unwrap_or_default();
    let mut pairs: Vec<String> =
        params.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect();
    pairs.sort();
    let path = effect["path"].as_str().unwrap_or_default().trim_start_matches("/api2/json");
    format!("{} {path} {}", effect["method"].as_str().unwrap_or_default(), pairs.join("&"))
}
