//! What Jarvis thinks with.
//!
//! Everything here is pure: no I/O, no clock, no randomness, no async. Time comes in as an argument.
//! Acting is `jarvisd`'s part, pretending is `jarvis-sim`'s.

pub mod approval;
pub mod audit;
pub mod cluster;
pub mod graph;
pub mod policy;
pub mod protocol;
pub mod redact;
pub mod shapes;
pub mod tools;
