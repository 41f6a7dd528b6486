//! What Prometheus scrapes: the cluster under the names of prometheus-pve-exporter, and jarvisd itself.
//!
//! Every scrape is made from one state: figures that are no longer renewed are left out, never repeated as if they
//! were new. Not here: the listener and its headers (`http/`), and any decision based on a figure.

mod daemon;
mod exposition;
mod families;
mod meter;
mod process;
mod pve;

pub use exposition::Exposition;
pub use meter::{Eviction, Meter};
