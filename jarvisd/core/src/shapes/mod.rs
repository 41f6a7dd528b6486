//! Every command that is ever sent to a node, as a table: what is not a row cannot be sent.
//!
//! A row fixes the program by absolute path, its leading words, the flags it may get and the grammar of their values,
//! the environment, the time-out and the output cap. The table is plain data, so that a wrapper on the nodes can hold
//! what arrives against the same rows. Not here: SSH itself, and reading what comes back.

mod argv;
mod grammar;
mod quote;
mod table;

pub use argv::{Command, NodeRead, restart_service, restart_service_line};
pub use grammar::{Grammar, MountPoint};
pub use quote::{Word, WordHasNul, quote};
pub use table::{ALL, Example, Flag, Shape, ShapeError};

#[cfg(test)]
mod tests;
