//! Foreign systems, one folder each: their shapes become ours at the door.
//!
//! Not here: when they are asked (tasks) and what their answers mean for the cluster (state).

pub mod docker;
pub mod proxmox;
pub mod sending;
pub mod ssh;
#[cfg(test)]
pub(crate) mod testing;
pub mod wake;
