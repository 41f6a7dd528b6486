//! What people and programs ask of a daemon that may act, whatever cluster it acts on.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    daemon::Jarvisd,
    process::PATIENCE,
    rest::{Answer, Rest},
    socket::Socket,
};

/// No change of a story takes longer; the daemon itself answers after 50 s that it still runs.
const CHANGE_MAX: Duration = Duration::from_secs(90);

impl Jarvisd {
    /// Waits until the daemon knows the cluster.
    pub async fn seen(&self) -> Result<()> {
        self.until("the cluster is seen", async || {
            let whole = self.rest().json("/api/v1/cluster").await?;
            Ok(whole["guests"].as_array().is_some_and(|all| !all.is_empty()) && whole["cluster"].is_object())
        })
        .await
    }

    /// A person at the dashboard.
    pub fn person(&self) -> Rest {
        self.browser()
    }

    /// A program with an API token that may read and act.
    pub async fn program(&self) -> Result<Rest> {
        Ok(self.bare().token(&self.new_token(&["read", "act"]).await?))
    }

    /// The number under which the valid token of this name is listed.
    pub async fn token_number(&self, name: &str) -> Result<i64> {
        let tokens = self.person().json("/api/v1/tokens").await?;
        let named = tokens["items"].as_array().and_then(|all| all.iter().find(|token| token["name"] == name));
        named.and_then(|token| token["id"].as_i64()).with_context(|| format!("no token {name}: {tokens}"))
    }

    /// Waits until the feed has a line on this guest from that source with such a detail.
    pub async fn feed_tells(&self, vmid: u64, source: &str, detail: &str) -> Result<()> {
        let fits = |line: &Value| {
            line["vmid"] == vmid && line["source"] == source && line["detail"].as_str() == Some(detail)
        };
        self.until(&format!("the feed tells that it was {detail}"), async || {
            let feed = self.rest().json("/api/v1/events?limit=50").await?;
            Ok(feed["items"].as_array().is_some_and(|lines| lines.iter().any(fits)))
        })
        .await
    }

    /// Revokes a token on the command line, beside the daemon.
    pub fn revoke(&self, token: i64) -> Result<()> {
        let output = self.home.command(&["token", "revoke", &token.to_string()])?.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
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
        let all = self.rest().json("/api/v1/actions?limit=200").await?;
        Ok(all["items"].as_array().context("items")?.clone())
    }

    pub async fn ended(&self, id: &str) -> Result<Value> {
        let deadline = Instant::now() + CHANGE_MAX;
        loop {
            let action = self.rest().json(&format!("/api/v1/actions/{id}")).await?;
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
            let output = self.home.command(words)?.output()?;
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
            ensure!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}\n{}", self.process.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    pub async fn seen_as(&self, vmid: u64, status: &str) -> Result<()> {
        // While nobody looks it may take a minute.
        let _screen = Socket::open(&self.door()).await?;
        self.until(&format!("guest {vmid} is {status}"), async || {
            let guest = self.rest().json(&format!("/api/v1/guests/{vmid}")).await?;
            Ok(guest["status"] == status)
        })
        .await
    }

    /// Proposes it as the operator, approves it where it asks, and gives the action once it is over.
    pub async fn done(&self, tool: &str, args: Value) -> Result<Value> {
        let answer = self.call(&self.person().patient(CHANGE_MAX), tool, args.clone()).await?;
        // One that did not work is told as an error, with its record.
        if matches!(answer.kind().as_str(), "action_failed" | "action_unknown") {
            return Ok(answer.value()?["error"]["details"]["action"].clone());
        }
        let told = answer.ok().with_context(|| format!("{tool} {args}"))?;
        match told["state"].as_str() {
            Some("done") => Ok(told["action"].clone()),
            Some("running") => self.ended(told["action"]["id"].as_str().context("an id")?).await,
            Some("pending") => self.approved(&told["approval"]).await,
            _ => anyhow::bail!("{tool}: {told}"),
        }
    }

    /// The value of a read.
    pub async fn read(&self, tool: &str, args: Value) -> Result<Value> {
        let told = self.call(&self.rest(), tool, args.clone()).await?.ok();
        Ok(told.with_context(|| format!("{tool} {args}"))?["value"].clone())
    }

    /// Expects a refusal in which one of the guards is this one.
    pub async fn refused(&self, by: &Rest, tool: &str, args: Value, guard: &str) -> Result<Answer> {
        let answer = self.call(by, tool, args.clone()).await?;
        let said = guards(&answer);
        let named = answer.status == 403 && said.iter().any(|name| name == guard);
        ensure!(named, "{tool} {args}: {} not by {guard}: {}", answer.status, answer.text);
        Ok(answer)
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
