//! The simulator over its own wire: what a client of a real cluster would see.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fall over")]

mod acting;
mod bench;
mod command;
mod docker;
mod effects;
mod faults;
mod login;
mod loss;
mod routes;
mod shapes;
mod ssh;
mod ssh_faults;
mod table;
mod tasks;

use std::time::Duration;

use jarvis_sim::{Options, Running};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// A simulator and a client that trusts its authority.
pub struct Lab {
    pub running: Running,
    pub client: Client,
}

/// An answer with what matters of it.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub reason: String,
    pub text: String,
    pub took: Duration,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["data"].take()
    }

    /// The row with this member.
    pub fn row(&self, key: &str, value: impl Into<Value>) -> Value {
        let value = value.into();
        let data = self.data();
        let found = data.as_array().unwrap().iter().find(|r| r[key] == value);
        found.unwrap_or_else(|| panic!("no row with {key} {value} in {data}")).clone()
    }
}

pub fn options(scale: f64) -> Options {
    let mut options: Options = clap::Parser::parse_from(["jarvis-sim"]);
    options.time_scale = scale;
    options
}

pub fn client_of(ca: &[u8]) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ca = reqwest::Certificate::from_pem(ca).unwrap();
    Client::builder().tls_certs_only([ca]).timeout(Duration::from_secs(60)).build().unwrap()
}

impl Lab {
    pub async fn new(scale: f64) -> Self {
        Self::with(options(scale)).await
    }

    pub async fn with(options: Options) -> Self {
        let running = jarvis_sim::start(options).await.unwrap();
        let client = client_of(&std::fs::read(&running.ready.ca_file).unwrap());
        Self { running, client }
    }

    pub fn url(&self, node: &str) -> String {
        self.running.ready.nodes.iter().find(|n| n.name == node).unwrap().url.clone()
    }

    pub fn token(&self, id: &str) -> String {
        format!("PVEAPIToken={}", self.running.ready.tokens[id])
    }

    pub async fn ask(
        &self,
        node: &str,
        token: &str,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> Got {
        let mut request = self.client.request(method, format!("{}/api2/json{path}", self.url(node)));
        request = request.header("Authorization", self.token(token));
        if !form.is_empty() {
            let pairs: Vec<String> = form.iter().map(|(k, v)| format!("{k}={v}")).collect();
            request =
                request.header("Content-Type", "application/x-www-form-urlencoded").body(pairs.join("&"));
        }
        finish(request).await.unwrap()
    }

    /// Asks Home with all privileges.
    pub async fn get(&self, path: &str) -> Got {
        self.ask("Home", "full", Method::GET, path, &[]).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Got {
        self.ask("Home", "full", Method::POST, path, form).await
    }

    pub async fn control(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.client.request(method, format!("{}{path}", self.running.ready.control));
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    pub async fn fault(&self, fault: Value) {
        let (status, answer) = self.control(Method::POST, "/faults", fault).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub async fn advance(&self, seconds: f64) {
        let (status, answer) = self.control(Method::POST, "/clock", json!({"advance_s": seconds})).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub async fn truth(&self) -> Value {
        self.control(Method::GET, "/truth", Value::Null).await.1
    }

    /// Turns the clock until a task has ended; its exit status.
    pub async fn end_of(&self, upid: &str) -> String {
        let node = upid.split(':').nth(1).unwrap().to_owned();
        for _ in 0..600 {
            let state = self.get(&format!("/nodes/{node}/tasks/{}/status", escape(upid))).await.data();
            if state["status"] == "stopped" {
                return state["exitstatus"].as_str().unwrap().to_owned();
            }
            self.advance(0.5).await;
        }
        panic!("{upid} does not end");
    }
}

pub async fn finish(request: reqwest::RequestBuilder) -> reqwest::Result<Got> {
    let start = std::time::Instant::now();
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    let phrase = answer.extensions().get::<hyper::ext::ReasonPhrase>();
    let reason = phrase.map(|p| String::from_utf8_lossy(p.as_bytes()).into_owned()).unwrap_or_default();
    let text = answer.text().await?;
    Ok(Got { status, reason, text, took: start.elapsed() })
}

pub fn escape(upid: &str) -> String {
    upid.replace(':', "%3A").replace('@', "%40").replace('!', "%21")
}
