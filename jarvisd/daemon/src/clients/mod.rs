//! Clients of foreign systems: their shapes become ours here, and nowhere else.

pub mod ssh;
