//! How reads are carried out: from the published state and the store where they have the answer, else by Proxmox's
//! API, else by commands on nodes.
//!
//! One entry, [`read`], with a time-out, an output cap and a concurrency cap for every operation; what comes out is
//! stripped of control characters and of secrets. Nothing here changes anything. Not here: whether a read may be
//! made (policy, by the executor) and how changes are sent (clients).

mod backups;
mod clean;
mod cluster;
mod disks;
mod docker;
mod error;
mod firewall;
mod gate;
mod guest;
mod guests;
mod journal;
mod past;
mod rows;
mod services;
mod shares;
mod sources;
mod storages;
mod tables;
mod tasks;
mod temperatures;
#[cfg(test)]
mod tests;
mod volumes;

use std::{sync::Arc, time::Duration};

use jarvis_core::{
    protocol::acting::ReadResult,
    tools::{Operation, Tier},
};
use serde_json::Value;

pub use error::ToolError;

use crate::{
    clients::{docker::Docker, proxmox::Proxmox, ssh::Ssh},
    clock::Clock,
    state::StateHub,
    store::Store,
};
use gate::Gates;

/// What reads are made from; clones share it.
#[derive(Clone)]
pub struct Parts {
    pub clock: Clock,
    pub state: StateHub,
    pub store: Store,
    /// Missing: no cluster is configured.
    pub proxmox: Option<Proxmox>,
    /// With the token for changes, where there is one: Proxmox shows backups and disks only to who may make them.
    acting: Option<Proxmox>,
    /// Missing: nodes are read over the API alone.
    pub ssh: Option<Ssh>,
    pub docker: Docker,
    gates: Arc<Gates>,
}

impl Parts {
    pub fn new(
        clock: Clock,
        state: StateHub,
        store: Store,
        (proxmox, acting): (Option<Proxmox>, Option<Proxmox>),
        ssh: Option<Ssh>,
        docker: Docker,
    ) -> Self {
        Self { clock, state, store, proxmox, acting, ssh, docker, gates: Arc::default() }
    }
}

/// One answer, before it is cleaned.
struct Read {
    value: Value,
    /// When the oldest part that matters was read, UTC milliseconds.
    as_of_ms: i64,
}

/// Carries out a read.
///
/// # Errors
/// Why there is no answer, and what to do. A part that could not be read while others could is told in the answer.
pub async fn read(operation: &Operation, parts: &Parts) -> Result<ReadResult, ToolError> {
    let tool = operation.descriptor();
    if tool.effect.tier() != Tier::Green {
        return Err(ToolError::NotARead { tool: tool.name });
    }
    let limit_s = tool.bounds.timeout_s;
    let work = async {
        let _pass = parts.gates.enter(&tool).await?;
        dispatch(operation, parts).await
    };
    let late = |_| Err(ToolError::TimedOut { tool: tool.name, after_s: limit_s });
    let limit = Duration::from_secs(limit_s.into());
    let read = tokio::time::timeout(limit, work).await.unwrap_or_else(late)?;
    let bytes_max = usize::try_from(tool.bounds.output_bytes_max).unwrap_or(usize::MAX);
    Ok(ReadResult {
        value: clean::clean(read.value, bytes_max),
        untrusted: tool.untrusted,
        as_of_ms: read.as_of_ms,
    })
}

async fn dispatch(operation: &Operation, parts: &Parts) -> Result<Read, ToolError> {
    match operation {
        Operation::ClusterStatus(_) => cluster::status(parts),
        Operation::NodeStatus(call) => cluster::node(call, parts),
        Operation::Guests(call) => guests::list(call, parts),
        Operation::Guest(call) => guest::one(call, parts).await,
        Operation::Storages(call) => storages::list(call, parts),
        Operation::StorageContent(call) => storages::content(call, parts).await,
        Operation::Backups(call) => backups::backups(call, parts).await,
        Operation::Tasks(call) => tasks::list(call, parts).await,
        Operation::TaskLog(call) => tasks::log(call, parts).await,
        Operation::Temperatures(call) => temperatures::temperatures(call, parts).await,
        Operation::History(call) => past::history(call, parts).await,
        Operation::Firewall(call) => firewall::firewall(call, parts).await,
        Operation::Services(call) => services::services(call, parts).await,
        Operation::Disks(call) => disks::disks(call, parts).await,
        Operation::Volumes(call) => volumes::volumes(call, parts).await,
        Operation::Journal(call) => journal::journal(call, parts).await,
        Operation::Processes(call) => tables::processes(call, parts).await,
        Operation::Sockets(call) => tables::sockets(call, parts).await,
        Operation::Shares(call) => shares::shares(call, parts).await,
        Operation::Docker(call) => docker::list(call, parts).await,
        Operation::DockerLogs(call) => docker::logs(call, parts).await,
        Operation::Events(call) => past::events(call, parts).await,
        Operation::Incidents(call) => Ok(past::incidents(call, parts)),
        Operation::Audit(call) => past::audit(call, parts).await,
        // The executor's own record; it answers this itself.
        Operation::Action(_) => Err(ToolError::NotHere { tool: "action" }),
        Operation::StartGuest(_)
        | Operation::ResumeGuest(_)
        | Operation::WakeNode(_)
        | Operation::RestartService(_)
        | Operation::CreateSnapshot(_)
        | Operation::StartBackup(_)
        | Operation::DockerStart(_)
        | Operation::ShutdownGuest(_)
        | Operation::StopGuest(_)
        | Operation::RebootGuest(_)
        | Operation::SuspendGuest(_)
        | Operation::MigrateGuest(_)
        | Operation::DeleteSnapshot(_)
        | Operation::DockerRestart(_)
        | Operation::DockerStop(_)
        | Operation::RebootNode(_)
        | Operation::ShutdownNode(_) => Err(ToolError::NotARead { tool: operation.descriptor().name }),
    }
}
