//! The loops of the daemon, one a file. A loop is idempotent and takes no input.

pub mod history;
pub mod journal;
pub mod past;
pub mod poll;
pub mod records;
pub mod retention;
pub mod sensors;
pub mod wake;
