//! The words policy is spoken in: facts, requests, objections, permits.

pub mod decision;
pub mod facts;
pub mod identity;
pub mod ledger;
pub mod level;
pub mod limits;
pub mod moment;
pub mod permit;
pub mod request;
pub mod rules;
