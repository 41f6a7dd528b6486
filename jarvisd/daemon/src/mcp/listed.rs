//! A tool as the list of MCP shows it; see `jarvis_core::tools::listing` for how much of it and why.

use std::sync::Arc;

use jarvis_core::tools::{Descriptor, listing::Detail};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::Value;

pub fn tool(descriptor: &Descriptor, detail: Detail) -> Tool {
    let schema = object(descriptor.listed_schema(detail));
    let hints = descriptor.hints();
    let mut shown = ToolAnnotations::new().read_only(hints.read_only);
    let mut tool = Tool::new(descriptor.name, descriptor.about, schema);
    if descriptor.listed_whole(detail) {
        shown =
            shown.destructive(hints.destructive).idempotent(hints.idempotent).open_world(hints.open_world);
        tool = tool.with_title(descriptor.title).with_raw_output_schema(object(descriptor.answer_schema()));
    }
    tool.with_annotations(shown)
}

fn object(schema: Value) -> Arc<JsonObject> {
    Arc::new(match schema {
        Value::Object(schema) => schema,
        _ => JsonObject::new(),
    })
}

#[cfg(test)]
mod tests {
    use jarvis_core::tools::listing::{FULL_LIST_BYTES_MAX, Profile, READ_LIST_BYTES_MAX, offered};
    use rmcp::model::ListToolsResult;

    use super::*;

    fn list(profile: Profile, detail: Detail) -> Vec<Value> {
        let tools = offered(profile).map(|t| tool(t, detail)).collect();
        let list = serde_json::to_value(ListToolsResult::with_all_items(tools)).unwrap();
        list["tools"].as_array().unwrap().clone()
    }

    #[test]
    fn the_lists_fit_a_small_context() {
        let bytes = |profile| Value::from(list(profile, Detail::Short)).to_string().len();
        let (read, act) = (bytes(Profile::Read), bytes(Profile::Act));
        println!("read {read}, all {act} bytes");
        assert!(read < READ_LIST_BYTES_MAX && act < FULL_LIST_BYTES_MAX, "read {read}, all {act} bytes");
    }

    #[test]
    fn what_changes_something_and_the_full_list_leave_nothing_to_a_guess() {
        let short = list(Profile::Act, Detail::Short);
        let changes = short.into_iter().filter(|tool| tool["annotations"]["readOnlyHint"] == false);
        for tool in changes.chain(list(Profile::Act, Detail::Full)) {
            for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
                assert!(tool["annotations"][hint].is_boolean(), "{hint}: {tool}");
            }
            assert!(tool["title"].is_string() && tool["outputSchema"]["type"] == "object", "{tool}");
            assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        }
    }
}
