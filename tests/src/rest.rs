//! REST as curl would use it: JSON in and out, with a token, a session or nothing.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

#[derive(Clone)]
pub struct Rest {
    client: reqwest::Client,
    pub base: String,
    headers: Vec<(&'static str, String)>,
    patience: Duration,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Rest {
    pub fn new(base: &str) -> Self {
        crate::use_ring();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client without special wishes");
        let base = base.trim_end_matches('/').into();
        Self { client, base, headers: Vec::new(), patience: Duration::from_secs(20) }
    }

    /// Waits longer for an answer: for changes that take their time.
    pub fn patient(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    pub fn token(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// A browser's request: its cookie, and the origin it came from.
    pub fn session(&self, cookie: &str) -> Self {
        let origin = self.base.clone();
        self.with("cookie", cookie).with("origin", &origin)
    }

    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.push((name, value.to_owned()));
        other
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).timeout(self.patience);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer: Response = request.send().await.with_context(|| format!("{}{path}", self.base))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer { status, headers, text: answer.text().await? })
    }

    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// The JSON of a successful GET.
    pub async fn json(&self, path: &str) -> Result<Value> {
        self.get(path).await?.ok()
    }
}

impl Answer {
    pub fn ok(&self) -> Result<Value> {
        anyhow::ensure!(self.status.is_success(), "{}: {}", self.status, self.text);
        self.value()
    }

    pub fn value(&self) -> Result<Value> {
        serde_json::from_str(&self.text).with_context(|| format!("not JSON: {:.300}", self.text))
    }

    /// `error.kind` of an error's body.
    pub fn kind(&self) -> String {
        let kind = self.value().ok().and_then(|v| v["error"]["kind"].as_str().map(str::to_owned));
        kind.unwrap_or_default()
    }

    /// `name=value` of the cookie that was set.
    pub fn cookie(&self) -> Option<String> {
        let set = self.headers.get("set-cookie")?.to_str().ok()?;
        Some(set.split(';').next()?.to_owned())
    }
}
