//! proxmox-api supplies the parameters and paths of actions; this sends them through our transport.
//!
//! Its own HTTP client is not used: it takes `{"data":null}` for a failure and trusts any certificate when given
//! none. Nothing here decides whether an action may run, and nothing is ever sent twice.

use std::sync::Arc;

use proxmox_api::client::{Client, Method as ForeignMethod};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ask::{Ask, Class, Method, form, segment};
use super::error::{ErrorKind, ProxmoxError, quoted};
use super::transport::RawAnswer;
use super::{Inner, Proxmox};

/// The API for proxmox-api's builders: `NodesClient::new(proxmox.actions(), "")` and onwards.
#[derive(Clone)]
pub struct Actions {
    inner: Arc<Inner>,
}

impl Proxmox {
    pub fn actions(&self) -> Actions {
        Actions { inner: Arc::clone(&self.inner) }
    }
}

impl Client for Actions {
    type Error = ProxmoxError;

    fn request_with_body_and_query<B, Q, R>(
        &self,
        method: ForeignMethod,
        path: &str,
        body: Option<&B>,
        query: Option<&Q>,
    ) -> impl Future<Output = Result<R, ProxmoxError>>
    where
        B: Serialize,
        Q: Serialize,
        R: DeserializeOwned,
    {
        let ask = ask(method, path, body, query);
        let inner = Arc::clone(&self.inner);
        async move {
            let ask = ask?;
            let raw = inner.nodes.ask(&ask, None).await?;
            decoded(&raw)
        }
    }
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
        template: "(action)",
        path: encoded,
        class: if method == Method::Get { Class::Proxied } else { Class::Act },
        about: match segments.as_slice() {
            ["nodes", node, ..] => node.parse().ok(),
            _ => None,
        },
        form: body.map(pairs).transpose()?,
    })
}

/// Parameters as a form: Proxmox takes booleans as 1 and 0, lists as the name repeated.
fn pairs<T: Serialize>(parameters: &T) -> Result<String, ProxmoxError> {
    let misused = |what: String| ProxmoxError::unplaced(ErrorKind::Misconfigured { what });
    let all = match serde_json::to_value(parameters) {
        Ok(Value::Object(all)) => all,
        Ok(Value::Null) => return Ok(String::new()),
        Ok(_) => return Err(misused("parameters of an action must have names".into())),
        Err(e) => return Err(misused("parameters of an action cannot be written".into()).caused_by(e)),
    };
    let mut flat = Vec::new();
    for (name, value) in all {
        match value {
            Value::Array(values) => flat.extend(values.iter().filter_map(text).map(|v| (name.clone(), v))),
            value => flat.extend(text(&value).map(|v| (name, v))),
        }
    }
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

/// From the text itself: some of the crate's types cannot be read from anything else.
fn decoded<R: DeserializeOwned>(raw: &RawAnswer) -> Result<R, ProxmoxError> {
    serde_json::from_str(raw.data.get()).map_err(|e| {
        let what = quoted(&e.to_string());
        ProxmoxError::at(raw.place.clone(), ErrorKind::Odd { what }).caused_by(e)
    })
}
