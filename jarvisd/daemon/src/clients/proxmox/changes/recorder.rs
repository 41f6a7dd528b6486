//! proxmox-api supplies parameters and paths of changes; this takes what it would send, and sends nothing.
//!
//! Its own HTTP client is not used: it takes `{"data":null}` for a failure and trusts any certificate when given
//! none. Nor does anything else send through its builders: a change leaves by an order only.

use futures_util::FutureExt;
use proxmox_api::client::{Client, Method as ForeignMethod};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::{
    ask::{Ask, Class, Method, form, segment},
    error::{ErrorKind, ProxmoxError},
};

/// Answers every request of a builder with the request itself.
#[derive(Clone)]
pub(super) struct Recorder;

/// The request, as the error that ends the builder's work.
#[derive(Debug)]
pub(super) struct Recorded(Result<Box<Ask>, ProxmoxError>);

/// The first request that a builder's future would make.
pub(super) fn record<T>(work: impl Future<Output = Result<T, Recorded>>) -> Result<Ask, ProxmoxError> {
    match work.now_or_never() {
        Some(Err(Recorded(ask))) => ask.map(|ask| *ask),
        // The recorder always answers, and always with an error.
        Some(Ok(_)) | None => Err(misused("the builder asked for nothing".into())),
    }
}

impl Client for Recorder {
    type Error = Recorded;

    fn request_with_body_and_query<B, Q, R>(
        &self,
        method: ForeignMethod,
        path: &str,
        body: Option<&B>,
        query: Option<&Q>,
    ) -> impl Future<Output = Result<R, Recorded>>
    where
        B: Serialize,
        Q: Serialize,
        R: DeserializeOwned,
    {
        let ask = ask(method, path, body, query);
        std::future::ready(Err(Recorded(ask.map(Box::new))))
    }
}

fn misused(what: String) -> ProxmoxError {
    ProxmoxError::unplaced(ErrorKind::Misconfigured { what })
}

fn ask<B: Serialize, Q: Serialize>(
    method: ForeignMethod,
    path: &str,
    body: Option<&B>,
    query: Option<&Q>,
) -> Result<Ask, ProxmoxError> {
    // The builders join ids into the path as they are, so each segment is encoded here.
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let mut encoded = String::new();
    for s in &segments {
        encoded.push('/');
        encoded.push_str(&segment(s)?);
    }
    if let Some(query) = query.map(pairs).transpose()?.filter(|q| !q.is_empty()) {
        encoded.push('?');
        encoded.push_str(&query);
    }
    let method = match method {
        ForeignMethod::Get => Method::Get,
        ForeignMethod::Post => Method::Post,
        ForeignMethod::Put => Method::Put,
        ForeignMethod::Delete => Method::Delete,
    };
    Ok(Ask {
        method,
        template: "(change)",
        path: encoded,
        class: Class::Act,
        about: match segments.as_slice() {
            // Whoever is asked sends the wake-up itself: it is about a node that is off.
            ["nodes", _, "wakeonlan"] => None,
            ["nodes", node, ..] => node.parse().ok(),
            _ => None,
        },
        form: body.map(pairs).transpose()?.filter(|form| !form.is_empty()),
    })
}

/// Parameters as a form: Proxmox takes booleans as 1 and 0, lists as the name repeated.
fn pairs<T: Serialize>(parameters: &T) -> Result<String, ProxmoxError> {
    let all = match serde_json::to_value(parameters) {
        Ok(Value::Object(all)) => all,
        Ok(Value::Null) => return Ok(String::new()),
        Ok(_) => return Err(misused("parameters of a change must have names".into())),
        Err(e) => return Err(misused("parameters of a change cannot be written".into()).caused_by(e)),
    };
    let mut flat = Vec::new();
    for (name, value) in all {
        match value {
            Value::Array(values) => flat.extend(values.iter().filter_map(text).map(|v| (name.clone(), v))),
            value => flat.extend(text(&value).map(|v| (name, v))),
        }
    }
    flat.sort();
    Ok(form(flat))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(b) => Some(u8::from(*b).to_string()),
        Value::String(s) => Some(s.clone()),
        other => Some(other.to_string()),
    }
}
