//! Temperature, mounted shares and failed units of each node, by commands there, on a loop of their own.
//!
//! Proxmox's API knows none of the three. A node without SSH is left out, one that is offline is not asked, and what
//! could not be read of a node is not known while the rest is. Not here: what an answer means (core, clients).

use std::time::Duration;

use futures_util::StreamExt;
use jarvis_core::{
    cluster::{
        NodeName, NodeStatus, SourceId,
        reading::{Mounted, Part, Reading, Sensors},
    },
    shapes::NodeRead,
};

use crate::{
    clients::ssh::{
        Ssh,
        reads::{ReadError, Temperature, failed_units},
    },
    clock::Clock,
    state::StateHub,
    supervisor::{Loop, OnStop, Supervisor},
    tasks::journal::Journal,
};

/// Nodes asked at once.
const AT_ONCE_MAX: usize = 8;
/// Shares of a node whose servers are asked; each dead one takes 5 s.
const SHARES_MAX: usize = 8;

/// Starts the loop; `every` is its period.
pub fn start(
    supervisor: &Supervisor,
    ssh: Ssh,
    state: StateHub,
    journal: Journal,
    clock: Clock,
    every: Duration,
) {
    let this = Loop::every("sensors", every, OnStop::Drop);
    supervisor.start(this, move || {
        let (ssh, state, journal) = (ssh.clone(), state.clone(), journal.clone());
        async move { round(&ssh, &state, &journal, clock, every).await }
    });
}

async fn round(ssh: &Ssh, state: &StateHub, journal: &Journal, clock: Clock, every: Duration) {
    let (_, seen) = state.current();
    let online = seen.nodes.values().filter(|node| node.status == NodeStatus::Online);
    let nodes: Vec<NodeName> = online.map(|node| node.name.clone()).filter(|name| ssh.knows(name)).collect();
    let interval_ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    let asked = nodes.into_iter().map(|node| async move {
        let part = sense(ssh, &node).await;
        Reading {
            source: SourceId::sensors(&node),
            at_ms: clock.now_ms(),
            interval_ms,
            via: Some(node),
            part: part.map(Part::Sensors).map_err(|e| e.to_string()),
            odd_rows: 0,
        }
    });
    // Each is absorbed as it comes: a hung node holds up nobody's figures.
    let mut answers = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE_MAX);
    while let Some(reading) = answers.next().await {
        let failing = seen.sources.get(&reading.source).is_some_and(|source| source.error.is_some());
        if let (Err(error), false) = (&reading.part, failing) {
            tracing::warn!(source = %reading.source, %error, "cannot be read");
        }
        journal.tell(state.absorb(vec![reading], clock.now_ms()));
    }
}

/// Everything of one node; an error when nothing at all could be read.
async fn sense(ssh: &Ssh, node: &NodeName) -> Result<Sensors, ReadError> {
    // One after the other: a node has one session for commands.
    let temps = ssh.temperatures(node).await;
    let shares = shares(ssh, node).await;
    let units = ssh.read_well(node, &NodeRead::FailedUnits).await;
    let nothing = temps.is_err() && shares.is_err() && units.is_err();
    match temps {
        Err(error) if nothing => Err(error),
        temps => Ok(Sensors {
            node: node.clone(),
            temp_c: temps.ok().and_then(|all| Temperature::of_machine(&all)),
            shares: shares.ok(),
            units_failed: units.ok().map(|said| failed_units(&said.text)),
        }),
    }
}

async fn shares(ssh: &Ssh, node: &NodeName) -> Result<Mounted, ReadError> {
    let mounts = ssh.mounts(node).await?;
    let mut dead = Vec::new();
    for mount in mounts.iter().take(SHARES_MAX) {
        // Only a server that does not answer is dead; what cannot be asked is not known to be.
        if let Ok(None) = ssh.fill(node, mount).await {
            dead.push(mount.target.clone());
        }
    }
    Ok(Mounted { count: u32::try_from(mounts.len()).unwrap_or(u32::MAX), dead })
}
