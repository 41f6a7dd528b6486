//! What the stories stand on: the real binaries started on free ports, a screen's model of the stream,
//! servers that misbehave on purpose, and the rules of the house.
//!
//! Nothing in here pretends to be a part of the daemon: the world is faked, not the insides.

pub mod acting;
pub mod asking;
pub mod bearer;
pub mod certificates;
pub mod daemon;
pub mod engine;
pub mod fakepve;
pub mod mcp;
pub mod process;
pub mod prometheus;
pub mod recorded;
pub mod rest;
pub mod screen;
pub mod sim;
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

/// A binary of this workspace, built beside the tests (`make test` builds it first) or in `STORIES_BIN`.
pub fn binary(name: &str) -> anyhow::Result<std::path::PathBuf> {
    if let Some(dir) = std::env::var_os("STORIES_BIN") {
        return Ok(std::path::PathBuf::from(dir).join(name));
    }
    // target/PROFILE/deps/this-test → target/PROFILE/NAME
    let test = std::env::current_exe()?;
    let profile = test.ancestors().find(|dir| dir.join(name).is_file());
    let dir = profile
        .ok_or_else(|| anyhow::anyhow!("{name} is not built: run `cargo build -p jarvisd -p jarvis-sim`"))?;
    Ok(dir.join(name))
}
