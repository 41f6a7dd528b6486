//! The client against a real TLS server on loopback that answers what each test tells it to.

mod doctor;
mod errors;
mod exchanged;
mod failover;
pub(crate) mod server;

use std::sync::Arc;

use super::{Meter, NodeAddress, Proxmox, Settings};
use crate::clock::Clock;
use server::{Ca, Server};

/// Must never come out anywhere.
pub(crate) const CANARY: &str = "c4n4ry00-dead-beef-0000-123456789abc";

pub(crate) fn settings(ca: &Ca, servers: &[(&str, &Server)]) -> Settings {
    Settings {
        nodes: servers.iter().map(|(name, server)| address(name, &server.url())).collect(),
        ca_pem: Some(ca.pem()),
        token: format!("jarvis@pve!read={CANARY}").into(),
    }
}

pub(crate) fn address(name: &str, url: &str) -> NodeAddress {
    NodeAddress { name: name.parse().unwrap(), url: url.into(), fingerprint: None }
}

pub(crate) fn client(settings: &Settings) -> Proxmox {
    Proxmox::new(settings, Clock, Arc::new(Meter::default())).unwrap()
}
