//! One message of JSON-RPC, looked at before the protocol is: what is none gets an answer that says why.
//!
//! rmcp tells all of these apart by status 415 and a line of plain text, which no client can read. What passes here is
//! handed on as it was understood here, so that no second reader sees another message in the same bytes.

use jarvis_core::tools::Arguments;
use serde::Deserialize;
use serde_json::{Value, json};

/// Codes of JSON-RPC 2.0 and, the last, of MCP.
pub const PARSE_ERROR: i32 = -32_700;
pub const INVALID_REQUEST: i32 = -32_600;
pub const INVALID_PARAMS: i32 = -32_602;
pub const UNSUPPORTED_REVISION: i32 = -32_022;

/// The method that calls a tool.
const CALL: &str = "tools/call";

/// A call of a tool, looked at for what is said twice: of that no reader knows which was meant.
#[derive(Deserialize)]
struct Asked {
    #[expect(dead_code, reason = "read for its faults alone")]
    params: AskedParams,
}

#[derive(Deserialize)]
struct AskedParams {
    #[expect(dead_code, reason = "read for its faults alone")]
    name: String,
    #[expect(dead_code, reason = "read for its faults alone")]
    arguments: Option<Arguments>,
}

/// Why bytes are no message, or one that nobody can carry out.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub code: i32,
    pub message: String,
    /// Of the request, where one could be read.
    pub id: Option<Value>,
    pub data: Option<Value>,
}

impl Fault {
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), id: None, data: None }
    }

    fn of(message: &Value, code: i32, why: impl Into<String>) -> Self {
        Self { id: id_of(message).cloned(), ..Self::new(code, why) }
    }

    /// The answer of JSON-RPC. Without an id where the request had none that can be given back: MCP knows no null.
    pub fn body(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(data), Value::Object(map)) = (&self.data, &mut error) {
            map.insert("data".to_owned(), data.clone());
        }
        let mut body = json!({ "jsonrpc": "2.0", "error": error });
        if let (Some(id), Value::Object(map)) = (&self.id, &mut body) {
            map.insert("id".to_owned(), id.clone());
        }
        body
    }
}

/// The id, when it is one: a text or a whole number. One beyond 64 bits with a sign is none that rmcp could give back.
pub fn id_of(message: &Value) -> Option<&Value> {
    message.get("id").filter(|id| id.is_string() || id.is_i64())
}

/// Reads one message.
///
/// # Errors
/// What is wrong with it, with the id of the request where there is one.
pub fn read(bytes: &[u8]) -> Result<Value, Fault> {
    let message: Value = serde_json::from_slice(bytes)
        .map_err(|e| Fault::new(PARSE_ERROR, format!("this is not JSON that can be read: {e}")))?;
    let wrong = |why: &str| Err(Fault::of(&message, INVALID_REQUEST, why));
    if message.is_array() {
        return wrong("batches are no part of the revisions served here; send one message at a time");
    }
    if !message.is_object() {
        return wrong("a message is a JSON object");
    }
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return wrong("a message says \"jsonrpc\":\"2.0\"");
    }
    if message.get("id").is_some() && id_of(&message).is_none() {
        return wrong("an id is a text or a whole number");
    }
    let method = match message.get("method") {
        Some(Value::String(method)) => method,
        // An answer; who asked for it will know what to do with it.
        None if message.get("result").is_some() || message.get("error").is_some() => return Ok(message),
        _ => return wrong("a request names its method"),
    };
    if let Err(why) = params(method, message.get("params")) {
        return Err(Fault::of(&message, INVALID_PARAMS, why));
    }
    if method == CALL
        && let Err(e) = serde_json::from_slice::<Asked>(bytes)
    {
        return Err(Fault::of(&message, INVALID_PARAMS, format!("what is asked for is not clear: {e}")));
    }
    Ok(message)
}

fn params(method: &str, params: Option<&Value>) -> Result<(), &'static str> {
    if params.is_some_and(|p| !p.is_object()) {
        return Err("params are a JSON object");
    }
    if method == CALL {
        let part = |key: &str| params.and_then(|p| p.get(key));
        if !part("name").is_some_and(Value::is_string) {
            return Err("tools/call needs params.name, the name of a tool as tools/list has it");
        }
        if part("arguments").is_some_and(|a| !a.is_object() && !a.is_null()) {
            return Err("params.arguments is a JSON object such as {\"vmid\":100}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(text: &str) -> Fault {
        read(text.as_bytes()).expect_err(text)
    }

    #[test]
    fn what_is_no_message_is_told_why() {
        for (text, code, id) in [
            ("", PARSE_ERROR, None),
            ("{\"a", PARSE_ERROR, None),
            ("5", INVALID_REQUEST, None),
            ("[]", INVALID_REQUEST, None),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, INVALID_REQUEST, None),
            (r#"{"id":1,"method":"ping"}"#, INVALID_REQUEST, Some(json!(1))),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, INVALID_REQUEST, Some(json!(1))),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, INVALID_REQUEST, None),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, INVALID_REQUEST, None),
            (r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"ping"}"#, INVALID_REQUEST, None),
            (r#"{"jsonrpc":"2.0","id":"a"}"#, INVALID_REQUEST, Some(json!("a"))),
            (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, INVALID_REQUEST, Some(json!(1))),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#, INVALID_PARAMS, Some(json!(1))),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, INVALID_PARAMS, Some(json!(1))),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":5}}"#,
                INVALID_PARAMS,
                Some(json!(1)),
            ),
        ] {
            let fault = fault(text);
            assert_eq!((fault.code, fault.id), (code, id), "{text}");
        }
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(fault(&deep).code, PARSE_ERROR);
    }

    #[test]
    fn a_key_given_twice_is_handed_on_once() {
        let text = r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}"#;
        assert_eq!(read(text.as_bytes()).unwrap().to_string().matches("method").count(), 1);
    }

    #[test]
    fn i14_a_call_that_says_something_twice_is_not_carried_out() {
        let call =
            |params: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#);
        for params in [
            r#"{"name":"stop_guest","arguments":{"vmid":100,"vmid":101}}"#,
            r#"{"name":"stop_guest","arguments":{"vmid":100},"arguments":{"vmid":101}}"#,
            r#"{"name":"guest","name":"stop_guest","arguments":{"vmid":101}}"#,
            r#"{"name":"guest"},"params":{"name":"stop_guest","arguments":{"vmid":101}}"#,
        ] {
            let fault = fault(&call(params));
            assert_eq!((fault.code, fault.id), (INVALID_PARAMS, Some(json!(7))), "{params}");
        }
        for params in [r#"{"name":"guests"}"#, r#"{"name":"guests","arguments":null,"_meta":{"a":1}}"#] {
            assert!(read(call(params).as_bytes()).is_ok(), "{params}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_message_or_an_answer_in_json(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(fault) = read(&bytes) {
                let body = fault.body();
                prop_assert!(body["error"]["code"].is_i64() && body["jsonrpc"] == "2.0");
            }
        }
    }
}
