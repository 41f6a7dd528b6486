//! What Prometheus scrapes: the cluster under the names of prometheus-pve-exporter, and jarvisd itself.
//!
//! Not here: the listener and its headers (`http/`), and any decision based on a figure.

mod meter;

pub use meter::{Eviction, Meter, PollOutcome};
