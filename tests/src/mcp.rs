//! MCP as bytes: what a client without a library would send, and what no client should.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::rest::Answer;

pub const OLD: [&str; 2] = ["2025-06-18", "2025-11-25"];
pub const NEW: &str = "2026-07-28";

#[derive(Clone)]
pub struct Wire {
    client: reqwest::Client,
    pub url: String,
    token: Option<String>,
}

impl Wire {
    /// `api`: where the daemon is; `query`: `""` or `"?profile=act"`.
    pub fn new(api: &str, query: &str, token: &str) -> Result<Self> {
        crate::use_ring();
        let client =
            reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(60)).build()?;
        let token = (!token.is_empty()).then(|| token.to_owned());
        Ok(Self { client, url: format!("{api}/mcp{query}"), token })
    }

    pub async fn send(&self, method: Method, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Answer> {
        let mut request = self.client.request(method, &self.url).body(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer { status, headers, text: answer.text().await? })
    }

    pub async fn post(&self, headers: &[(&str, &str)], message: &Value) -> Result<Answer> {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.send(Method::POST, &all, message.to_string().into_bytes()).await
    }

    /// As a client of this revision asks, after it has agreed on it.
    pub async fn ask(&self, revision: &str, method: &str, params: Value) -> Result<Answer> {
        let mut headers = vec![("mcp-protocol-version", revision)];
        let mut message = request(method, params);
        let name = message["params"]["name"].as_str().map(str::to_owned);
        if revision == NEW {
            message["params"]["_meta"] = meta(revision);
            headers.push(("mcp-method", method));
            headers.extend(name.as_deref().map(|name| ("mcp-name", name)));
        }
        self.post(&headers, &message).await
    }

    /// The result of a tool.
    pub async fn call(&self, tool: &str, args: Value) -> Result<Value> {
        let answer = self.ask("2025-11-25", "tools/call", json!({"name": tool, "arguments": args})).await?;
        let result = answer.ok()?["result"].clone();
        ensure!(result["structuredContent"].is_object(), "{}", answer.text);
        Ok(result)
    }

    /// `state` and the rest of the structured answer.
    pub async fn told(&self, tool: &str, args: Value) -> Result<Value> {
        Ok(self.call(tool, args).await?["structuredContent"].clone())
    }

    pub async fn tools(&self) -> Result<Vec<Value>> {
        let answer = self.ask("2025-11-25", "tools/list", json!({})).await?.ok()?;
        Ok(answer["result"]["tools"].as_array().context("tools")?.clone())
    }
}

pub fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// What a request of the newest revision says of itself.
pub fn meta(revision: &str) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": revision,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "story", "version": "1"},
    })
}

pub fn hello(revision: &str) -> Value {
    request(
        "initialize",
        json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "story", "version": "1"}}),
    )
}
