//! The answers of a real four-node cluster, recorded whole, served again: the judge that nobody here wrote.
//!
//! `fixtures/pve/recorded.jsonl` holds one exchange a line. A *moment* is a label of that file ("agent back +30s",
//! "agent cut +60s"); what a moment did not record is answered from the steady state, and what nobody
//! recorded is refused as a real node refuses it.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::Duration,
};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    certificates::{Authority, Leaf, Validity},
    tls_server::{Body, Reply, Request, TlsServer},
};

const STEADY: &str = "steady";

#[derive(Debug, Clone, Deserialize)]
struct Exchange {
    label: String,
    method: String,
    path: String,
    status_line: String,
    body: Value,
}

/// Answers by (label, path).
type Book = HashMap<(String, String), Exchange>;

pub struct Recorded {
    server: TlsServer,
    pub ca_pem: String,
    moment: Arc<RwLock<String>>,
}

impl Recorded {
    pub async fn start(moment: &str) -> Result<Self> {
        let book = read_book()?;
        let moment = Arc::new(RwLock::new(moment.to_owned()));
        let authority = Authority::new("Proxmox Virtual Environment")?;
        let leaf: Leaf = authority.leaf("Home", Validity::Now)?;
        let now = moment.clone();
        let server = TlsServer::start(&leaf, move |request| {
            answer(&book, &now.read().expect("no writer panics"), request)
        })
        .await?;
        Ok(Self { server, ca_pem: authority.pem(), moment })
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// From now on it answers as it did at this moment.
    pub fn show(&self, moment: &str) {
        *self.moment.write().expect("no reader panics") = moment.to_owned();
    }
}

/// The body recorded for a path at a moment, for expectations.
pub fn body(moment: &str, path: &str) -> Result<Value> {
    let book = read_book()?;
    let found =
        find(&book, moment, path).with_context(|| format!("{path} was not recorded at {moment:?}"))?;
    Ok(found.body.clone())
}

fn read_book() -> Result<Book> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/pve/recorded.jsonl");
    let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    let mut book = Book::new();
    for line in text.lines() {
        let exchange: Exchange = serde_json::from_str(line)?;
        if exchange.method == "GET" && !exchange.status_line.is_empty() {
            book.insert((exchange.label.clone(), exchange.path.clone()), exchange);
        }
    }
    Ok(book)
}

fn find<'a>(book: &'a Book, moment: &str, path: &str) -> Option<&'a Exchange> {
    let at = |label: &str, path: &str| book.get(&(label.to_owned(), path.to_owned()));
    let bare = path.split('?').next().unwrap_or(path);
    at(moment, path).or_else(|| at(moment, bare)).or_else(|| at(STEADY, path)).or_else(|| at(STEADY, bare))
}

fn answer(book: &Book, moment: &str, request: &Request) -> Reply {
    let path = request.target.strip_prefix("/api2/json").unwrap_or(&request.target);
    if !request.head.contains("PVEAPIToken=") {
        return refused("401 No ticket", "");
    }
    let Some(exchange) = find(book, moment, path).filter(|_| request.method == "GET") else {
        let text =
            format!("{{\"data\":null,\"message\":\"Method '{} {path}' not implemented\"}}", request.method);
        return refused(&format!("501 Method '{} {path}' not implemented", request.method), &text);
    };
    let status = exchange.status_line.split_once(' ').map_or("200 OK", |(_, status)| status);
    let text = match &exchange.body {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Reply { status: status.to_owned(), body: Body::Text(text), ..Reply::json("") }
}

fn refused(status: &str, text: &str) -> Reply {
    Reply { status: status.to_owned(), wait: Duration::ZERO, ..Reply::json(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(moment: &str, path: &str) -> Reply {
        let target = format!("/api2/json{path}");
        let head = format!("GET {target} HTTP/1.1\r\nAuthorization: PVEAPIToken=a@b!c=d\r\n\r\n");
        answer(&read_book().unwrap(), moment, &Request { method: "GET".into(), target, head })
    }

    #[test]
    fn a_moment_overlays_the_steady_state_and_the_unknown_is_501() {
        assert_eq!(ask("agent cut +60s", "/nodes/agent/status").status, "595 No route to host");
        assert_eq!(ask("agent back +30s", "/nodes/agent/status").status, "200 OK");
        assert!(ask("agent back +30s", "/nope").status.starts_with("501 "));
        assert!(body("agent back +30s", "/cluster/status").unwrap()["data"].is_array());
    }
}
