//! What can be asked for: a closed catalogue of typed operations, one a file.
//!
//! Everything that shows or offers a tool derives from its descriptor here: model and MCP schemas, REST, the
//! docs table, UI labels. Not here: how an operation is carried out (the daemon) and whether it may be (policy).

mod arguments;
pub mod black;
pub mod canonical;
mod catalogue;
mod descriptor;
mod effect;
mod entity;
pub mod listing;
mod read;
pub mod routes;
mod screen;
mod target;
pub mod words;

use serde_json::Value;
use thiserror::Error;

pub use arguments::Arguments;
pub use canonical::Digest;
pub use catalogue::*;
pub use descriptor::{Bounds, Descriptor, Tool};
pub use effect::{Effect, Impact, Tier};
pub use entity::Entity;
pub use screen::ScreenError;
pub use target::{Target, TargetClass};

/// Why a call is not an operation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    #[error("there is no tool `{0}`; the catalogue lists those there are")]
    Unknown(String),
    #[error("`{name}` does not exist on purpose: {why}")]
    Black { name: String, why: &'static str },
    #[error(transparent)]
    Args(#[from] ArgsError),
}

/// Why arguments do not fit their tool.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArgsError {
    #[error(transparent)]
    Screen(ScreenError),
    #[error("wrong arguments for `{tool}`: {problem}")]
    Wrong { tool: &'static str, problem: String },
}

impl Operation {
    /// Reads a call. Total: any name and any JSON give an operation or a named refusal.
    pub fn parse(name: &str, args: &Value) -> Result<Self, ParseError> {
        match Self::from_args(name, args) {
            Some(result) => Ok(result?),
            None => Err(match black::why_not(name) {
                Some(why) => ParseError::Black { name: words::shown(name), why },
                None => ParseError::Unknown(words::shown(name)),
            }),
        }
    }

    pub fn tier(&self) -> Tier {
        self.effect().tier()
    }
}

/// The descriptor of a tool.
pub fn find(name: &str) -> Option<Descriptor> {
    ALL.iter().find(|tool| tool.name == name).copied()
}

#[cfg(test)]
pub(crate) mod tests;
