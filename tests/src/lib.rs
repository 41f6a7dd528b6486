//! What the stories stand on: the real binaries started on free ports, a screen's model of the stream,
//! servers that misbehave on purpose, and the rules of the house.
//!
//! Nothing in here pretends to be a part of the daemon: the world is faked, not the insides.

pub mod certificates;
pub mod fakepve;
pub mod process;
pub mod recorded;
pub mod rest;
pub mod screen;
pub mod socket;
pub mod tidy;
pub mod tls_server;

/// One crypto provider for every TLS client in a test process.
pub fn use_ring() {
    // Another test of this process may have done it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The root of the repository.
pub fn root() -> std::path::PathBuf {
    std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
