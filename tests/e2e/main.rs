//! Stories told against the real binaries: one file a story. The world is faked, never the insides.

mod acting;
mod acting_approvals;
mod acting_kill;
mod acting_policy;
mod acting_switch;
mod away;
mod demo;
mod disk;
mod doctor;
mod doors;
mod drops;
mod foreign;
mod kill;
mod live;
mod loss;
mod mcp;
mod odd_api;
mod records;
mod refused;
mod requests;
mod schema;
mod scrape;
mod slow;
mod walkthrough;
