//! What the executor says, as the result of a tool.

use jarvis_core::protocol::acting::ActionState;
use rmcp::model::CallToolResult;
use serde::Serialize;
use serde_json::{Value, json};

use crate::executor::Answer;

/// Structured, with the same as text for clients that show only that.
pub fn told(answer: Answer) -> CallToolResult {
    match answer {
        Answer::Read(read) => CallToolResult::structured(json!({
            "state": "ok", "untrusted": read.untrusted, "as_of_ms": read.as_of_ms, "data": read.value,
        })),
        Answer::Done(action) => {
            let worked = matches!(action.state, ActionState::Ok | ActionState::Warnings);
            let value = json!({ "state": action.state, "action": value(&*action) });
            if worked { CallToolResult::structured(value) } else { CallToolResult::structured_error(value) }
        }
        Answer::Running(action) => CallToolResult::structured(json!({
            "state": action.state,
            "message": format!("it is not over yet; ask the tool `action` with id `{}`, and do not repeat it", action.id),
            "action": value(&*action),
        })),
        Answer::Pending(approval) => CallToolResult::structured(json!({
            "state": "pending",
            "message": format!(
                "a person must decide in the dashboard; ask the tool `action` with id `{}` for what became of it",
                approval.id,
            ),
            "approval": value(&*approval),
        })),
        Answer::Refused(refusal) => CallToolResult::structured_error(json!({
            "state": "refused", "tier": refusal.tier, "objections": refusal.objections,
        })),
    }
}

/// Nothing was done, and why.
pub fn refused(state: &str, message: &str) -> CallToolResult {
    CallToolResult::structured_error(json!({ "state": state, "message": message }))
}

fn value<T: Serialize>(view: &T) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}
