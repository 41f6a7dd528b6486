//! What the stories stand on: the real binaries started on free ports, a screen's model of the stream,
//! servers that misbehave on purpose, and the rules of the house.
//!
//! Nothing in here pretends to be a part of the daemon: the world is faked, not the insides.

pub mod certificates;
pub mod process;
pub mod recorded;
pub mod tidy;
pub mod tls_server;
