//! The first look at arguments, before any of them is understood.
//!
//! It bounds their size and depth and refuses characters that deceive, so that a huge or hostile value is
//! answered at once and the same way for every tool. Not here: what the arguments mean (the typed parsers).

use serde_json::Value;
use thiserror::Error;

use super::words::{deceives, shown};

/// The longest argument there is, a task id, has at most this many bytes.
pub const TEXT_BYTES_MAX: usize = 512;
/// The largest tool has five arguments; more than this is no attempt to call one.
pub const KEYS_MAX: usize = 16;
/// The longest argument name has twelve letters.
pub const KEY_BYTES_MAX: usize = 40;

/// Why arguments are refused unread.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScreenError {
    #[error("the arguments must be a JSON object such as {{\"vmid\":100}}")]
    NotAnObject,
    #[error("{0} arguments are too many: the schema of the tool names those it takes")]
    TooMany(usize),
    #[error("the argument name `{0}` is too long or holds control characters")]
    Key(String),
    #[error("argument `{key}` has {bytes} bytes; give at most {TEXT_BYTES_MAX}")]
    TooLong { key: String, bytes: usize },
    #[error("argument `{key}` holds control or text-direction characters (`{shown}`); give plain text")]
    Deceptive { key: String, shown: String },
    #[error("argument `{key}` begins with `-` (`{shown}`): options cannot be passed")]
    Option { key: String, shown: String },
    #[error("argument `{0}` is a list or an object; every argument is a single value")]
    Nested(String),
}

/// Passes a flat object of short, plain values; anything else is named and refused.
pub fn screen(args: &Value) -> Result<(), ScreenError> {
    let Value::Object(map) = args else { return Err(ScreenError::NotAnObject) };
    if map.len() > KEYS_MAX {
        return Err(ScreenError::TooMany(map.len()));
    }
    for (key, value) in map {
        if key.len() > KEY_BYTES_MAX || key.chars().any(deceives) {
            return Err(ScreenError::Key(shown(key)));
        }
        match value {
            Value::String(text) => text_passes(key, text)?,
            Value::Array(_) | Value::Object(_) => return Err(ScreenError::Nested(key.clone())),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(())
}

fn text_passes(key: &str, text: &str) -> Result<(), ScreenError> {
    let key = || key.to_owned();
    if text.len() > TEXT_BYTES_MAX {
        return Err(ScreenError::TooLong { key: key(), bytes: text.len() });
    }
    if text.chars().any(deceives) {
        return Err(ScreenError::Deceptive { key: key(), shown: shown(text) });
    }
    if text.starts_with('-') {
        return Err(ScreenError::Option { key: key(), shown: shown(text) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hostile_arguments_are_refused_unread() {
        let huge = "x".repeat(10_000_000);
        for bad in [
            json!([]),
            json!("x"),
            json!({ "node": huge }),
            json!({ huge.as_str(): 1 }),
            json!({ "node": "a\u{0}b" }),
            json!({ "node": "a\nb" }),
            json!({ "node": "\u{202e}evp" }),
            json!({ "node": "-rf" }),
            json!({ "node": ["pve"] }),
            json!({ "node": { "name": "pve" } }),
        ] {
            let error = screen(&bad).unwrap_err().to_string();
            assert!(error.len() < 400, "{}", error.len());
        }
        assert_eq!(screen(&json!({ "node": "pve", "lines": 5, "failed": true, "x": null })), Ok(()));
    }
}
