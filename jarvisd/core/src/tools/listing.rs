//! The catalogue as a model or an MCP client is shown it: as short as it can be while it can still be called.
//!
//! Patterns, ranges and formats are left out here, the typed parsers hold them anyway and their refusals say what
//! to give; a long list eats the context of a small model. REST and OpenAPI get the full schemas.

use serde_json::{Map, Value, json};

use super::{ALL, Descriptor, Tier};

/// The list of the profile that only reads has at most this many bytes, in MCP's form.
pub const READ_LIST_BYTES_MAX: usize = 6 * 1024;
/// The list of all tools has at most this many bytes, in MCP's form.
pub const FULL_LIST_BYTES_MAX: usize = 16 * 1024;

/// Which tools a client is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Read,
    Act,
}

/// The tools of a profile, in the order of the catalogue.
pub fn offered(profile: Profile) -> impl Iterator<Item = &'static Descriptor> {
    ALL.iter().filter(move |tool| profile == Profile::Act || tool.effect.tier() == Tier::Green)
}

impl Descriptor {
    /// `{name, description, inputSchema, annotations}` as MCP lists it.
    pub fn listed(&self) -> Value {
        let annotations = match self.effect.tier() {
            Tier::Green => json!({ "readOnlyHint": true }),
            Tier::Yellow => json!({ "readOnlyHint": false, "destructiveHint": false }),
            Tier::Red => json!({ "readOnlyHint": false, "destructiveHint": true }),
        };
        json!({
            "name": self.name,
            "description": self.about,
            "inputSchema": self.short_schema(),
            "annotations": annotations,
        })
    }

    /// The schema without what only bounds a value.
    pub fn short_schema(&self) -> Value {
        let full = self.schema();
        let mut short = Map::from_iter([("type".to_owned(), json!("object"))]);
        if let Some(properties) = full.get("properties").and_then(Value::as_object) {
            let shortened = properties.iter().map(|(name, schema)| (name.clone(), shorten(schema)));
            short.insert("properties".to_owned(), Value::Object(shortened.collect()));
        }
        if let Some(required) = full.get("required") {
            short.insert("required".to_owned(), required.clone());
        }
        Value::Object(short)
    }
}

/// Type and choices of one argument; an optional one loses its `null`.
fn shorten(schema: &Value) -> Value {
    let not_null = |v: &&Value| *v != "null" && !v.is_null() && v.get("type") != Some(&json!("null"));
    if let Some(inner) =
        schema.get("anyOf").and_then(Value::as_array).and_then(|all| all.iter().find(not_null))
    {
        return shorten(inner);
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return json!({ "enum": choices.iter().filter(not_null).collect::<Vec<_>>() });
    }
    // Variants that carry documentation come one by one.
    if let Some(variants) = schema.get("oneOf").and_then(Value::as_array) {
        let words =
            variants.iter().flat_map(|v| match (v.get("const"), v.get("enum").and_then(Value::as_array)) {
                (Some(word), _) => vec![word.clone()],
                (None, Some(words)) => words.clone(),
                (None, None) => Vec::new(),
            });
        return json!({ "enum": words.collect::<Vec<_>>() });
    }
    match schema.get("type") {
        Some(Value::Array(types)) => json!({ "type": types.iter().find(not_null) }),
        Some(kind) => json!({ "type": kind }),
        None => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list_bytes(profile: Profile) -> usize {
        json!({ "tools": offered(profile).map(Descriptor::listed).collect::<Vec<_>>() }).to_string().len()
    }

    #[test]
    fn the_lists_fit_a_small_context() {
        let (read, act) = (list_bytes(Profile::Read), list_bytes(Profile::Act));
        println!("read {read}, all {act} bytes");
        assert!(read <= READ_LIST_BYTES_MAX && act <= FULL_LIST_BYTES_MAX, "read {read}, all {act} bytes");
    }

    #[test]
    fn every_argument_keeps_its_type_or_choices() {
        for tool in ALL {
            let short = tool.short_schema();
            for (name, schema) in short.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let known = schema.get("type").is_some_and(Value::is_string)
                    || schema.get("enum").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
                assert!(known, "{}.{name}: {schema}", tool.name);
            }
        }
    }
}
