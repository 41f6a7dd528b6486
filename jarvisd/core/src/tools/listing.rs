//! The catalogue as a model or an MCP client is shown it: as short as it can be while it can still be called.
//!
//! Patterns, ranges and formats are left out here, the typed parsers hold them anyway and their refusals say what
//! to give; a long list eats the context of a small model. What only reads is listed with no more than that it only
//! reads; what changes something is few, so it tells all. REST and OpenAPI get the full schemas, and so does an MCP
//! client that asks for them.

use serde_json::{Map, Value, json};

use super::{ALL, Descriptor, Effect, Tier};

/// The list of the profile that only reads has at most this many bytes, in MCP's form.
pub const READ_LIST_BYTES_MAX: usize = 6 * 1024;
/// The list of all tools has at most this many bytes, in MCP's form.
pub const FULL_LIST_BYTES_MAX: usize = 16 * 1024;

/// What may stand in `state` of the answer of a read.
const READ_STATES: &[&str] = &["ok", "failed", "refused", "wrong_arguments"];
/// What may stand in `state` of the answer of a change; see `protocol::acting::ActionState` for those of an action.
const CHANGE_STATES: &[&str] = &[
    "pending",
    "waiting",
    "sending",
    "running",
    "ok",
    "warnings",
    "failed",
    "unknown",
    "refused",
    "wrong_arguments",
];

/// Which tools a client is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Read,
    Act,
}

/// How much of each tool is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What a call needs.
    Short,
    /// All that is known: full schemas of arguments and answers, titles, every hint.
    Full,
}

/// The tools of a profile, in the order of the catalogue.
pub fn offered(profile: Profile) -> impl Iterator<Item = &'static Descriptor> {
    ALL.iter().filter(move |tool| profile == Profile::Act || tool.effect.tier() == Tier::Green)
}

/// MCP's hints about a tool. None of them is left to a client's default, but the last two say nothing of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    pub read_only: bool,
    pub destructive: bool,
    /// A second call with the same arguments adds nothing to the first.
    pub idempotent: bool,
    /// Reaches beyond the cluster and the hosts in the settings; none does.
    pub open_world: bool,
}

impl Descriptor {
    pub fn hints(&self) -> Hints {
        let tier = self.effect.tier();
        Hints {
            read_only: tier == Tier::Green,
            destructive: tier == Tier::Red,
            idempotent: settles(self.effect),
            open_world: false,
        }
    }

    /// Whether the list tells all of it.
    pub fn listed_whole(&self, detail: Detail) -> bool {
        detail == Detail::Full || self.effect.tier() > Tier::Green
    }

    /// The schema of its arguments as the list has it.
    pub fn listed_schema(&self, detail: Detail) -> Value {
        match detail {
            Detail::Short => self.short_schema(),
            Detail::Full => self.schema(),
        }
    }

    /// What its structured answer looks like over MCP, refusals and errors included.
    pub fn answer_schema(&self) -> Value {
        let reads = self.effect.tier() == Tier::Green;
        let states = if reads { READ_STATES } else { CHANGE_STATES };
        let mut properties = json!({
            "state": { "type": "string", "enum": states },
            "message": { "type": "string" },
        });
        if let (true, Value::Object(map)) = (reads, &mut properties) {
            map.insert("untrusted".to_owned(), json!({ "type": "boolean" }));
            map.insert("as_of_ms".to_owned(), json!({ "type": "integer" }));
            map.insert("data".to_owned(), json!({}));
        }
        json!({ "type": "object", "properties": properties, "required": ["state"] })
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

/// Whether repeating it changes nothing more: it names a state to be in, not an event that takes place each time.
fn settles(effect: Effect) -> bool {
    match effect {
        Effect::Read
        | Effect::StartGuest
        | Effect::ResumeGuest
        | Effect::WakeNode
        | Effect::StartContainer
        | Effect::ShutdownGuest
        | Effect::StopGuest
        | Effect::SuspendGuest
        | Effect::MigrateGuest
        | Effect::StopContainer
        | Effect::ShutdownNode
        // A second one of the same name is refused.
        | Effect::CreateSnapshot
        | Effect::DeleteSnapshot => true,
        Effect::RestartService
        | Effect::StartBackup
        | Effect::RebootGuest
        | Effect::RestartContainer
        | Effect::RebootNode => false,
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
    use crate::protocol::acting::ActionState;

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

    #[test]
    fn the_schema_of_an_answer_knows_every_state_of_an_action() {
        for state in [
            ActionState::Waiting,
            ActionState::Sending,
            ActionState::Running,
            ActionState::Ok,
            ActionState::Warnings,
            ActionState::Failed,
            ActionState::Unknown,
        ] {
            let word = serde_json::to_value(state).unwrap();
            assert!(CHANGE_STATES.contains(&word.as_str().unwrap()), "{word}");
        }
    }

    #[test]
    fn hints_say_what_the_tier_says() {
        for tool in ALL {
            let hints = tool.hints();
            assert_eq!(hints.read_only, tool.effect == Effect::Read, "{}", tool.name);
            assert!(!(hints.read_only && hints.destructive), "{}", tool.name);
            assert_eq!(hints.destructive, tool.effect.tier() == Tier::Red, "{}", tool.name);
        }
    }
}
