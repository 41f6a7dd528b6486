//! What a tool tells of itself; model schema, MCP schema, REST, the docs table and UI labels all come from it.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use super::{Target, effect::Effect};

/// A tool: its arguments are the type that implements this.
pub trait Tool: JsonSchema {
    /// Lower case with `_`; the name of its file too.
    const NAME: &'static str;
    /// What a button says.
    const TITLE: &'static str;
    /// One sentence for a model and for a person.
    const ABOUT: &'static str;
    const EFFECT: Effect;
    /// Whether the answer holds text that others wrote: logs, names, file lists. Such text is never obeyed, and a
    /// plan that has read it needs a human for any change.
    const UNTRUSTED: bool = true;
    const BOUNDS: Bounds = Bounds::QUICK;

    fn target(&self) -> Target;
}

/// How much one call may take (every operation has a time-out, an output cap and a concurrency cap).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Until the answer, or until the task is reported as still running.
    pub timeout_s: u32,
    /// Of the answer given to a model or client; the rest is cut and said to be cut.
    pub output_bytes_max: u32,
    /// Calls of this tool at once over all callers.
    pub at_once_max: u8,
}

impl Bounds {
    /// Answered from the published state or by one request.
    pub const QUICK: Self = Self { timeout_s: 10, output_bytes_max: 32 * 1024, at_once_max: 8 };
    /// A command on a node, or an endpoint that was measured to take up to 12 s.
    pub const SLOW: Self = Self { timeout_s: 30, output_bytes_max: 64 * 1024, at_once_max: 4 };
    /// A change whose task ends within minutes.
    pub const TASK: Self = Self { timeout_s: 300, output_bytes_max: 16 * 1024, at_once_max: 4 };
    /// Backups and migrations copy whole disks.
    pub const LONG_TASK: Self = Self { timeout_s: 6 * 3_600, output_bytes_max: 16 * 1024, at_once_max: 2 };
}

/// The static truth about one tool.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    pub name: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    pub effect: Effect,
    pub untrusted: bool,
    pub bounds: Bounds,
    schema: fn() -> Value,
}

impl Descriptor {
    pub const fn of<T: Tool>() -> Self {
        Self {
            name: T::NAME,
            title: T::TITLE,
            about: T::ABOUT,
            effect: T::EFFECT,
            untrusted: T::UNTRUSTED,
            bounds: T::BOUNDS,
            schema: schema::<T>,
        }
    }

    /// JSON Schema of the arguments, self-contained.
    pub fn schema(&self) -> Value {
        (self.schema)()
    }
}

fn schema<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12()
        .with(|s| {
            s.inline_subschemas = true;
            s.meta_schema = None;
        })
        .into_generator();
    let mut value = Value::from(generator.into_root_schema_for::<T>());
    if let Value::Object(map) = &mut value {
        map.remove("title");
        map.remove("description");
    }
    value
}
