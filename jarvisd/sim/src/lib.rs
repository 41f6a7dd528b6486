//! A simulated Proxmox VE cluster that speaks the real protocol, for the demo and for every test.
//!
//! `start` puts a cluster on loopback listeners and says where; it lives until it is dropped. The rooms:
//! `cluster` is the truth, `pve` what the API shows of it, `serve` HTTPS and its manners, `faults` what goes
//! wrong, `ssh`, `docker`, `wake` and `mail` its other sides (`site` says when they can be reached), `control` the listener for tests. It depends on no other crate of ours, on purpose: it must not
//! share a mistake with the daemon.

pub mod auth;
pub mod cluster;
pub mod control;
pub mod docker;
pub mod faults;
pub mod mail;
pub mod num;
pub mod options;
pub mod pve;
pub mod ready;
pub mod records;
pub mod serve;
pub mod sides;
pub mod sim;
pub mod site;
pub mod ssh;
pub mod state;
pub mod tls;
pub mod wake;

pub use options::Options;
pub use ready::{Ready, Running, start};
