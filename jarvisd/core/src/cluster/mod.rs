//! What the cluster is: one flat record per node, guest, storage, task and source of facts.
//!
//! Not here: how the facts are fetched (the daemon's clients) and what is wrong with them (detectors).

pub mod absorb;
pub mod activity;
pub mod diff;
pub mod ids;
pub mod reading;
pub mod record;
pub mod records;
pub mod state;

pub use activity::activity;
pub use diff::diff;
pub use ids::{NodeName, SourceId, StorageId, Upid, Vmid};
pub use records::*;
pub use state::ClusterState;
