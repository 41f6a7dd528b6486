//! Start, restart and stop: by an order, once, on containers whose label allows it.

use std::collections::BTreeMap;

use jarvis_core::{policy::Order, protocol::acting::ExactCall, tools::Operation};

use super::{Docker, Inspected, Reach, call::Call, error::DockerError};
use crate::clients::sending::{HELD, SendError, Sent, may_leave};

/// The label by which a container's owner lets it be started, restarted and stopped from here …
pub const RESTART_LABEL: &str = "jarvis.restart";
/// … with one of these values.
const ALLOWED: [&str; 2] = ["allow", "true"];
/// Compose writes the project's name here.
pub(super) const PROJECT_LABEL: &str = "com.docker.compose.project";

/// Why these labels forbid changes; `None` when they allow them.
pub(super) fn forbids(labels: &BTreeMap<String, String>, own: &str) -> Option<String> {
    let project = labels.get(PROJECT_LABEL);
    if !own.is_empty() && project.is_some_and(|name| name == own) {
        return Some(format!("it belongs to our own stack (project {own})"));
    }
    let label = labels.get(RESTART_LABEL).map(String::as_str);
    if label.is_some_and(|value| ALLOWED.contains(&value)) {
        return None;
    }
    Some(format!("it does not carry the label {RESTART_LABEL}=allow; its owner can set it"))
}

pub(super) fn objection(container: &Inspected, own: &str) -> Option<String> {
    forbids(&container.labels, own).map(|why| format!("container {} is left alone: {why}", container.name))
}

/// The request that [`Docker::send`] would make for this, apart from reading the container's label first.
///
/// # Errors
/// `NotSent`: it is no change of a container.
pub fn exact(operation: &Operation) -> Result<ExactCall, SendError> {
    let (host, _, call) =
        Call::of(operation).ok_or_else(|| SendError::NotSent("no change of a container".into()))?;
    Ok(ExactCall {
        via: "docker".into(),
        method: call.method().into(),
        target: host.to_string(),
        path: call.path(),
        body: String::new(),
    })
}

impl Docker {
    /// Makes the change that the order is for, once, and waits for the engine's word on it.
    ///
    /// # Errors
    /// Each says whether the change may have been made.
    pub async fn send(&self, order: Order) -> Result<Sent, SendError> {
        let not_sent = |error: DockerError| SendError::NotSent(error.into());
        let (host, name, call) = Call::of(order.operation())
            .ok_or_else(|| SendError::NotSent("no change of a container".into()))?;
        let engine = match self.reach(host).map_err(not_sent)? {
            Reach::Engine(engine) => engine,
            Reach::Ssh(..) => return Err(not_sent(DockerError::ReadOnly { host: host.clone() })),
        };
        let now = self.inspect(host, name).await.map_err(not_sent)?;
        if let Some(why) = objection(&now, &self.own_project) {
            return Err(not_sent(DockerError::NotAllowed(why)));
        }
        if !may_leave(self.gate.as_ref()).await {
            return Err(SendError::NotSent(HELD.into()));
        }
        match engine.change(&call).await {
            Ok(()) => Ok(Sent { upid: None }),
            Err(error) => Err(match error {
                DockerError::Unreachable { .. } => SendError::NotSent(error.into()),
                // A restart that fails with 500 may have stopped the container first.
                DockerError::Refused { status: 400..=499, .. } => SendError::Refused(error.into()),
                _ => SendError::Unknown(error.into()),
            }),
        }
    }
}
