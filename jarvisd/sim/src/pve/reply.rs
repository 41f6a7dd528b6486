//! Answers in PVE's dress: status, reason phrase, JSON envelope, and how long they take.

use serde_json::{Map, Value, json};

/// One answer before it becomes HTTP.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub reason: Option<String>,
    /// JSON text; empty for a body-less error.
    pub body: String,
    pub content_type: Option<&'static str>,
    /// Simulated milliseconds this answer takes.
    pub takes_ms: u64,
}

impl Reply {
    pub fn data(value: Value) -> Self {
        Self { status: 200, body: json!({"data": value}).to_string(), ..Self::default() }
    }

    /// A list given as JSON rows already, joined by commas.
    pub fn rows(rows: &str) -> Self {
        Self { status: 200, body: format!(r#"{{"data":[{rows}]}}"#), ..Self::default() }
    }

    /// A list with the top-level `total`, which PVE leaves out when it is 0.
    pub fn list(rows: Vec<Value>, total: usize) -> Self {
        let mut body = json!({"data": rows});
        if let (Value::Object(map), true) = (&mut body, total > 0) {
            map.insert("total".into(), json!(total));
        }
        Self { status: 200, body: body.to_string(), ..Self::default() }
    }

    pub fn null() -> Self {
        Self::data(Value::Null)
    }

    pub fn error(status: u16, message: impl AsRef<str>) -> Self {
        let message = message.as_ref();
        let text = if message.ends_with('\n') { message.to_owned() } else { format!("{message}\n") };
        Self {
            status,
            reason: Some(first_line(message)),
            body: json!({"data": null, "message": text}).to_string(),
            ..Self::default()
        }
    }

    /// 500 with a text: PVE's answer to almost everything.
    pub fn fail(message: impl AsRef<str>) -> Self {
        Self::error(500, message)
    }

    pub fn not_implemented(method: &str, path: &str) -> Self {
        let message = format!("Method '{method} {path}' not implemented");
        Self {
            status: 501,
            reason: Some(message.clone()),
            body: json!({"data": null, "message": message}).to_string(),
            ..Self::default()
        }
    }

    pub fn bad_params(errors: Map<String, Value>) -> Self {
        let body = json!({"data": null, "message": "Parameter verification failed.\n", "errors": errors});
        Self {
            status: 400,
            reason: Some("Parameter verification failed.".into()),
            body: body.to_string(),
            ..Self::default()
        }
    }

    pub fn bad_param(name: &str, text: &str) -> Self {
        Self::bad_params(Map::from_iter([(name.to_owned(), json!(text))]))
    }

    pub fn forbidden(path: &str, privilege: &str) -> Self {
        Self::error(403, format!("Permission check failed ({path}, {privilege})"))
    }

    /// An error that is a status line alone: 401 and the 59x of a proxy that reached nobody.
    pub fn bare(status: u16, reason: &str, takes_ms: u64) -> Self {
        Self { status, reason: Some(reason.to_owned()), takes_ms, ..Self::default() }
    }

    pub fn taking(self, takes_ms: u64) -> Self {
        Self { takes_ms, ..self }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}
