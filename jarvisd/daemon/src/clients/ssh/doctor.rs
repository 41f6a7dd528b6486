//! The self-test of SSH: whether each node shows the pinned host key and lets our user in. No command is sent.

use super::{Settings, SshError, session};
use crate::clock::Clock;

/// One line a node, in the order of the settings; each takes at most the time a connection may take.
pub async fn examine(settings: Settings, clock: Clock) -> Vec<Result<String, SshError>> {
    let mut lines = Vec::new();
    for target in settings.targets.clone() {
        let settings = settings.clone();
        let node = target.node.clone();
        let looked = tokio::task::spawn_blocking(move || {
            session::open(&target, &settings, clock).map(|_| {
                format!(
                    "{} ({}:{}) shows the pinned host key and lets {} in",
                    target.node, target.host, target.port, target.user
                )
            })
        });
        lines.push(looked.await.unwrap_or(Err(SshError::Stopped { node })));
    }
    lines
}
