//! Where engines are and how they are reached. Not here: reading the files (the configuration does).

use std::path::PathBuf;

use jarvis_core::{graph::Thing, tools::words::HostName};
use secrecy::SecretString;

use crate::clients::ssh;

#[derive(Default)]
pub struct Settings {
    pub hosts: Vec<HostSettings>,
    /// Compose project of our own stack, which is never changed from here.
    pub own_project: String,
}

pub struct HostSettings {
    pub name: HostName,
    pub way: Way,
    pub runs_on: Option<Thing>,
}

pub enum Way {
    Unix(PathBuf),
    /// Without TLS, on loopback only: whoever reaches an engine owns its machine.
    Loopback(String),
    Tls {
        /// `https://10.0.0.5:2376`
        url: String,
        ca_pem: String,
        cert_pem: String,
        key_pem: SecretString,
    },
    Ssh(ssh::Settings),
}
