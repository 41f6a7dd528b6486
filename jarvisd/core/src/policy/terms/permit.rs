//! The one thing that lets an operation run.
//!
//! A permit is made by a decision and by nothing else, cannot be copied, and is used up by spending it. Spending
//! looks once more, in the instant before the send, at what may have changed: the kill switch, the policy, the
//! identity of the target and the permit's own age.
//!
//! It cannot be made outside of policy:
//! ```compile_fail
//! use jarvis_core::policy::Permit;
//! fn forge(operation: jarvis_core::tools::Operation) -> Permit {
//!     Permit { operation, ..panic!() }
//! }
//! ```
//! ```compile_fail
//! let permit = jarvis_core::policy::Permit::issue;
//! ```
//! ```compile_fail
//! fn forge() -> jarvis_core::policy::Permit { Default::default() }
//! ```
//! ```compile_fail
//! fn forge(text: &str) -> jarvis_core::policy::Permit { serde_json::from_str(text).unwrap() }
//! ```
//! It cannot be copied, and neither can the order it turns into:
//! ```compile_fail
//! fn twice(permit: jarvis_core::policy::Permit) -> [jarvis_core::policy::Permit; 2] {
//!     [permit.clone(), permit]
//! }
//! ```
//! ```compile_fail
//! fn twice(order: jarvis_core::policy::Order) -> [jarvis_core::policy::Order; 2] {
//!     [order.clone(), order]
//! }
//! ```
//! ```compile_fail
//! use jarvis_core::policy::{LastLook, Permit};
//! fn twice(permit: Permit, look: &LastLook) {
//!     let _ = permit.spend(look);
//!     let _ = permit.spend(look);
//! }
//! ```
//! An order cannot be made but by spending a permit, and its operation cannot be exchanged:
//! ```compile_fail
//! use jarvis_core::policy::Order;
//! fn forge(operation: jarvis_core::tools::Operation) -> Order { Order { operation, ..panic!() } }
//! ```
//! ```compile_fail
//! fn swap(order: &mut jarvis_core::policy::Order, other: jarvis_core::tools::Operation) {
//!     order.operation = other;
//! }
//! ```
//! What is meant to work does:
//! ```
//! use jarvis_core::policy::{LastLook, Order, Permit, Void};
//! fn once(permit: Permit, look: &LastLook) -> Result<Order, Void> { permit.spend(look) }
//! ```

use thiserror::Error;

use super::{
    facts::{Fact, PolicyVersion},
    identity::Identity,
    moment::Moment,
};
use crate::tools::{Digest, Operation, Tier};

/// By which way an action on a guest is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Direct,
    /// As a request to the HA manager, which does it; a direct one would be undone or fought.
    Ha,
}

/// Leave to do one operation once.
#[derive(Debug)]
pub struct Permit {
    operation: Operation,
    /// Missing for reads only.
    identity: Option<Identity>,
    hash: Digest,
    route: Route,
    version: PolicyVersion,
    issued: Moment,
    valid_ms: i64,
    caller: String,
    approval: Option<String>,
}

/// What is looked at again in the instant before the send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastLook {
    pub now: Moment,
    pub kill_switch: Fact<bool>,
    pub version: PolicyVersion,
    pub identity: Fact<Identity>,
}

/// Why a permit is worth nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Void {
    #[error("the kill switch is on; release it first, then ask again")]
    Killed,
    #[error("the kill switch cannot be read, which counts as on: {0}")]
    SwitchUnreadable(String),
    #[error("the policy or the autonomy level has changed since; ask again")]
    PolicyChanged,
    #[error("the permit waited too long to be sent; ask again")]
    TooOld,
    #[error("the target is not what it was when this was planned: {0}")]
    Drifted(String),
    #[error("the target's identity cannot be read: {0}")]
    IdentityUnreadable(String),
}

/// Everything a permit is made of; only policy has the means to fill it.
pub(in crate::policy) struct Terms {
    pub operation: Operation,
    pub identity: Option<Identity>,
    pub hash: Digest,
    pub route: Route,
    pub version: PolicyVersion,
    pub issued: Moment,
    pub valid_ms: i64,
    pub caller: String,
    pub approval: Option<String>,
}

impl Permit {
    pub(in crate::policy) fn issue(terms: Terms) -> Self {
        let Terms { operation, identity, hash, route, version, issued, valid_ms, caller, approval } = terms;
        Self { operation, identity, hash, route, version, issued, valid_ms, caller, approval }
    }

    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// What the intent row names.
    pub fn hash(&self) -> Digest {
        self.hash
    }

    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// The approval it rests on.
    pub fn approval(&self) -> Option<&str> {
        self.approval.as_deref()
    }

    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Uses the permit up. Reads need no second look: they take nothing away.
    pub fn spend(self, look: &LastLook) -> Result<Order, Void> {
        if self.operation.tier() > Tier::Green {
            match &look.kill_switch {
                Fact::Known(false) => {}
                Fact::Known(true) => return Err(Void::Killed),
                Fact::Unknown(why) => return Err(Void::SwitchUnreadable(why.to_string())),
            }
            if look.version != self.version {
                return Err(Void::PolicyChanged);
            }
            if look.now.maybe_past(&self.issued, self.valid_ms) {
                return Err(Void::TooOld);
            }
            match (&self.identity, &look.identity) {
                (_, Fact::Unknown(why)) => return Err(Void::IdentityUnreadable(why.to_string())),
                (None, _) => return Err(Void::Drifted("it was never pinned".into())),
                (Some(pinned), Fact::Known(now)) => {
                    if let Some(drift) = pinned.drift(now) {
                        return Err(Void::Drifted(drift));
                    }
                }
            }
        }
        Ok(Order { operation: self.operation, identity: self.identity, hash: self.hash, route: self.route })
    }
}

/// A spent permit: what is sent now, once. Clients that change anything take one by value.
#[derive(Debug)]
pub struct Order {
    operation: Operation,
    identity: Option<Identity>,
    hash: Digest,
    route: Route,
}

impl Order {
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    pub fn hash(&self) -> Digest {
        self.hash
    }

    pub fn route(&self) -> Route {
        self.route
    }
}
