//! Arguments into the type of their tool; what does not fit is told with its name and what it takes.
//!
//! serde says what is wrong with a value but not whose value it is, which leaves a model guessing.

use std::cell::Cell;

use serde::de::{DeserializeOwned, value::MapDeserializer};
use serde_json::{Map, Value, json};

use super::{
    ArgsError, Descriptor, Tool,
    screen::{ScreenError, screen},
};

/// Total: any JSON gives the arguments of the tool or a named refusal.
pub(super) fn read<T: Tool + DeserializeOwned>(args: &Value) -> Result<T, ArgsError> {
    screen(args).map_err(ArgsError::Screen)?;
    let Value::Object(map) = args else { return Err(ArgsError::Screen(ScreenError::NotAnObject)) };
    // The argument being read; none once all have been.
    let at = Cell::new(None);
    let over = std::iter::from_fn(|| {
        at.set(None);
        None
    });
    let given = map.iter().inspect(|(name, _)| at.set(Some(name.as_str())));
    let pairs = given.map(|(name, value)| (name.as_str(), value)).chain(over);
    T::deserialize(MapDeserializer::new(pairs)).map_err(|e: serde_json::Error| ArgsError::Wrong {
        tool: T::NAME,
        problem: problem(&Descriptor::of::<T>().schema(), map, at.get(), &e),
    })
}

fn problem(
    schema: &Value,
    given: &Map<String, Value>,
    at: Option<&str>,
    error: &serde_json::Error,
) -> String {
    let takes = |name: &str| schema.get("properties").and_then(|all| all.get(name)).map(allowed);
    let Some(name) = at else {
        // All that was given was read, so something was not given.
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let missing = required.filter_map(Value::as_str).find(|name| !given.contains_key(*name));
        return match missing.and_then(|name| Some((name, takes(name)?))) {
            Some((name, takes)) => format!("`{name}` is missing; it takes {takes}"),
            None => error.to_string(),
        };
    };
    match takes(name) {
        Some(takes) => format!("`{name}`: {error}; it takes {takes}"),
        None => error.to_string(),
    }
}

/// The schema of one argument without what only says that it may be left out.
fn allowed(schema: &Value) -> Value {
    let is_null = |v: &Value| v == "null" || v.is_null() || v.get("type") == Some(&json!("null"));
    let mut schema = schema.clone();
    let choices = schema.get("anyOf").and_then(Value::as_array);
    if let Some(inner) = choices.and_then(|all| all.iter().find(|v| !is_null(v))).cloned() {
        schema = inner;
    }
    let Value::Object(map) = &mut schema else { return schema };
    map.remove("default");
    // How wide the integer is in memory says nothing that its range does not say better.
    map.remove("format");
    for list in ["type", "enum"] {
        if let Some(Value::Array(all)) = map.get_mut(list) {
            all.retain(|v| !is_null(v));
        }
    }
    let only = map.get("type").and_then(Value::as_array).filter(|all| all.len() == 1);
    if let Some(only) = only.and_then(|all| all.first()).cloned() {
        map.insert("type".to_owned(), only);
    }
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Operation;

    #[test]
    fn a_refusal_names_the_argument_and_what_it_takes() {
        for (tool, args, words) in [
            ("guest", json!({ "vmid": "100" }), ["`vmid`", "integer", "999999999"]),
            ("guest", json!({ "vmid": 5 }), ["`vmid`", "100", "999999999"]),
            ("guest", json!({}), ["`vmid`", "missing", "999999999"]),
            ("guests", json!({ "kind": "banana" }), ["`kind`", "`banana`", "lxc"]),
            ("guests", json!({ "node": "pve", "status": 5 }), ["`status`", "running", "paused"]),
            ("guests", json!({ "node": "pve", "extra": 1 }), ["`extra`", "unknown", "`kind`"]),
            ("tasks", json!({ "failed": "yes", "limit": 5 }), ["`failed`", "\"yes\"", "boolean"]),
            ("tasks", json!({ "limit": 501 }), ["`limit`", "501", "500"]),
            ("volumes", json!({ "node": "pve" }), ["`kind`", "missing", "ceph"]),
            ("history", json!({ "metric": "cpu", "entity": "x" }), ["`entity`", "`x`", "storage/NODE/NAME"]),
        ] {
            let error = Operation::parse(tool, &args).unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "{tool} {args}: no {word} in: {error}");
            }
            assert!(error.contains(tool) && !error.contains("null"), "{error}");
        }
    }
}
