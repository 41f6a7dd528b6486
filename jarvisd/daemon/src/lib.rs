//! The daemon: it reads the cluster, publishes one state, and serves it. `docs/ARCHITECTURE.md` is the map.

pub mod access;
pub mod app;
pub mod cli;
pub mod clients;
pub mod clock;
pub mod config;
pub mod executor;
pub mod http;
pub mod mcp;
pub mod metrics;
pub mod state;
pub mod store;
pub mod supervisor;
pub mod tasks;
pub mod tools;
