//! Everything that crosses a WebSocket or REST boundary; the source of the TypeScript types and of OpenAPI.

pub mod acting;
pub mod event;
pub mod frames;
pub mod terminal;

pub use event::{Event, EventKind, EventSource, NewEvent, Severity};
pub use frames::{ClientFrame, Entities, EntityKind, Removal, ServerFrame, Upsert};
pub use terminal::{TerminalClientFrame, TerminalServerFrame};

/// Version of the stream protocol, told in `hello`.
pub const PROTO: u32 = 1;
