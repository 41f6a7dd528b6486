//! The one way by which this client changes anything: an order, used up, becomes exactly one request.
//!
//! The request is built before it is sent and shown unchanged by a dry run; method and path are held against core's
//! table of routes once more in the instant before they leave. Nothing here is sent twice, and every error says
//! whether the change may have been made. Not here: whether it may be made (policy) and how it ended (its task).

mod build;
mod recorder;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jarvis_core::{
    cluster::{GuestKind, NodeName},
    policy::{Order, Route},
    protocol::acting::ExactCall,
    tools::{Effect, Operation, routes, words::UnitName},
};

use super::{
    Proxmox, ProxmoxError,
    ask::{Ask, Method},
    error::ErrorKind,
};
use crate::clients::sending::{SendError, Sent};
pub use build::SERVICES;

/// Where the target is, as read just before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The node it is on; itself for a node.
    pub node: NodeName,
    /// For guests.
    pub kind: Option<GuestKind>,
    /// A guest that runs is moved while it runs.
    pub running: bool,
}

/// Whether Proxmox's API restarts this unit; others are restarted over SSH.
pub fn restarts(unit: &UnitName) -> bool {
    known_as(unit).is_some()
}

/// The name under which Proxmox's API knows this unit.
pub fn known_as(unit: &UnitName) -> Option<&'static str> {
    build::service(unit)
}

/// The request that [`Proxmox::send`] would make for this.
///
/// # Errors
/// `NotSent`: Proxmox's API has no call for this, or the place does not say enough.
pub fn exact(operation: &Operation, place: &Place, route: Route) -> Result<ExactCall, SendError> {
    let ask = checked(operation, place, route)?;
    Ok(ExactCall {
        via: "proxmox".into(),
        method: ask.method.text().into(),
        target: place.node.to_string(),
        path: ask.path,
        body: ask.form.unwrap_or_default(),
    })
}

impl Proxmox {
    /// Sends the change that the order is for, once. Of several configured nodes the next is asked only when the
    /// request verifiably never left for the one before.
    ///
    /// # Errors
    /// Each says whether the change may have been made.
    pub async fn send(&self, order: Order, place: &Place) -> Result<Sent, SendError> {
        let ask = checked(order.operation(), place, order.route())?;
        // A dropped caller must not leave it half said: the executor runs this in a task of its own.
        let inner = Arc::clone(&self.inner);
        match inner.nodes.change(&ask, self.gate.as_ref()).await {
            Ok(raw) => {
                let said: Option<String> = serde_json::from_str(raw.data.get()).ok().flatten();
                Ok(Sent { upid: said.and_then(|text| text.parse().ok()) })
            }
            Err(error) => Err(fate(error)),
        }
    }
}

fn checked(operation: &Operation, place: &Place, route: Route) -> Result<Ask, SendError> {
    let ask = build::request(operation, place, route).map_err(not_sent)?;
    if is_route_of(operation.effect(), route, &ask) {
        return Ok(ask);
    }
    let what = format!("{} {} is not the request that stands for this action", ask.method.text(), ask.path);
    Err(not_sent(ProxmoxError::unplaced(ErrorKind::Misconfigured { what })))
}

fn is_route_of(effect: Effect, route: Route, ask: &Ask) -> bool {
    let method = match ask.method {
        Method::Get => return false,
        Method::Post => routes::Method::Post,
        Method::Put => routes::Method::Put,
        Method::Delete => routes::Method::Delete,
    };
    let path = ask.path.split('?').next().unwrap_or_default();
    match route {
        Route::Direct => routes::is_change_of(effect, method, path),
        Route::Ha => routes::is_ha_change_of(effect, method, path),
    }
}

fn not_sent(error: ProxmoxError) -> SendError {
    SendError::NotSent(error.into())
}

/// What a failure says of the change itself.
fn fate(error: ProxmoxError) -> SendError {
    match &error.kind {
        // `NobodyAnswers` stands for nodes none of which could be reached.
        ErrorKind::NobodyAnswers { .. } => SendError::NotSent(error.into()),
        kind if kind.never_sent() => SendError::NotSent(error.into()),
        ErrorKind::Unauthorized { .. }
        | ErrorKind::Forbidden { .. }
        | ErrorKind::Redirected { .. }
        | ErrorKind::NoQuorum { .. }
        | ErrorKind::Absent { .. }
        | ErrorKind::Rejected { .. }
        | ErrorKind::NotImplemented { .. }
        // The node that was asked could not connect to the one it is about.
        | ErrorKind::NodeGone { status: 595, .. }
        | ErrorKind::Server { status: 500 | 503, .. } => SendError::Refused(error.into()),
        _ => SendError::Unknown(error.into()),
    }
}
