//! Who may come in: decisions about passwords, sessions, tokens, lock-outs, origins and addresses.
//!
//! The decisions are pure functions of what they are given; `keeper` alone touches the store, for the
//! daemon and the command line alike. Not here: HTTP (statuses and headers are `http/`'s).

pub mod address;
pub mod cookie;
pub mod doors;
mod keeper;
pub mod lockout;
pub mod password;
pub mod scope;
pub mod secret;
pub mod session;
mod set_up;

pub use doors::Doors;
pub use keeper::{
    AccessError, Ended, From, Granted, Keeper, SessionInfo, TOKEN_DAYS_DEFAULT, TOKEN_DAYS_MAX, TokenInfo,
};
pub use scope::{Scope, Scopes};
pub use secret::Plain;
pub use set_up::Offer;

/// There is one operator; the name is what lock-outs, events and the screen show.
pub const OPERATOR: &str = "operator";
