//! Takes secrets out of text before it is stored, logged, shown or put to a model.
//!
//! Known shapes only: values of names that mean a secret, headers, passwords in URLs, Proxmox and vendors' tokens,
//! private keys. A secret without any such mark cannot be told from other words; keep those out where they arise.
//! What is said to be hidden is hidden whole; in doubt too much goes. Redacting twice does no harm.

mod names;
mod scan;

use std::borrow::Cow;

use serde_json::Value;

/// Stands where a secret was.
pub const MARK: &str = "[redacted]";

/// Deeper JSON is hidden as a whole, so that nobody's nesting exhausts the stack.
const DEPTH_MAX: usize = 64;

/// The text without its secrets; the text itself when there are none.
pub fn text(input: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    for hidden in scan::secrets(input) {
        out.push_str(input.get(copied..hidden.start).unwrap_or_default());
        out.push_str(MARK);
        copied = hidden.end;
    }
    if copied == 0 && out.is_empty() {
        return Cow::Borrowed(input);
    }
    out.push_str(input.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// The value without its secrets: every string and key is looked through, and what stands under a name that means a
/// secret is hidden whatever it looks like.
pub fn value(input: &Value) -> Value {
    walk(input, 0)
}

/// JSON as JSON, anything else as text. JSON stays JSON.
pub fn json_or_text(input: &str) -> String {
    match serde_json::from_str::<Value>(input) {
        Ok(parsed) if parsed.is_object() || parsed.is_array() => {
            crate::tools::canonical::canonical(&value(&parsed))
        }
        _ => text(input).into_owned(),
    }
}

fn walk(input: &Value, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return MARK.into();
    }
    match input {
        Value::String(string) => text(string).into(),
        Value::Array(items) => items.iter().map(|item| walk(item, depth + 1)).collect(),
        Value::Object(map) => {
            // `{"name": "DB_PASSWORD", "value": "…"}` is one name and one value, too.
            let named = ["name", "key"].iter().find_map(|key| map.get(*key)?.as_str());
            let pair = named.is_some_and(names::secret);
            let entries = map.iter().map(|(key, inner)| {
                let secret = names::secret(key) || (pair && key == "value");
                let kept =
                    if secret { hide(inner, names::counts(key), depth + 1) } else { walk(inner, depth + 1) };
                (text(key).into_owned(), kept)
            });
            entries.collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => input.clone(),
    }
}

/// Everything that could be a secret under a name that means one; whether there is one may be known.
fn hide(input: &Value, counts: bool, depth: usize) -> Value {
    match input {
        Value::String(string) if string.is_empty() => input.clone(),
        Value::Number(_) if counts => input.clone(),
        Value::Null | Value::Bool(_) => input.clone(),
        Value::Object(map) if depth <= DEPTH_MAX => {
            map.iter().map(|(key, inner)| (text(key).into_owned(), hide(inner, counts, depth + 1))).collect()
        }
        _ => MARK.into(),
    }
}

#[cfg(test)]
mod tests;
