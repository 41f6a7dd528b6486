//! What the cluster is: one flat record per node, guest, storage, task and source of facts.
//!
//! Not here: how the facts are fetched (the daemon's clients) and what is wrong with them (detectors).

pub mod absorb;
pub mod activity;
pub mod diff;
pub mod ids;
pub(crate) mod memory;
pub mod patch;
pub mod reading;
pub mod record;
pub mod records;
pub(crate) mod round;
mod sorted;
pub mod state;
pub mod tags;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod thresholds;

pub use activity::activity;
pub use diff::diff;
pub use ids::{NodeName, SourceId, StorageId, Upid, Vmid};
pub use patch::Patch;
pub use records::*;
pub use state::ClusterState;
pub use tags::Tags;
pub use text::Text;
