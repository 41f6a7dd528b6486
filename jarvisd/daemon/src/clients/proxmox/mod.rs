//! The Proxmox VE API as the daemon uses it: several nodes, one token, trust in the cluster's own CA.
//!
//! Reads are lenient (an odd row is counted, the list survives), bounded, and shared between callers. Changes leave
//! through [`changes`] alone. Not here: when to ask (tasks), what the answers mean (state, core), who may act (policy).

mod allowance;
mod ask;
pub mod changes;
mod decode;
pub mod doctor;
mod error;
mod failover;
mod flight;
pub mod meter;
mod odd;
mod privileges;
mod reads;
mod refusal;
mod settings;
mod tls;
mod transport;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jarvis_core::cluster::reading::{GuestRow, Membership, NodeDetail, Resources, TaskRow};
use jarvis_core::cluster::{GuestKind, NodeName, NodeStatus, TaskStatus, Upid, Vmid};
use serde_json::value::RawValue;

pub use allowance::Allowance;
pub use decode::{GuestFile, HaState, LogLine, PastMinute};
pub use error::{ErrorKind, Place, ProxmoxError};
pub use meter::Meter;
pub use reads::TaskFilter;
pub use settings::{NodeAddress, Settings};

use crate::{clients::sending::Gate, clock::Clock};
use ask::{Ask, Class};
use decode::{Decoded, Unreadable};
use transport::RawAnswer;

/// A handle on one cluster's API; clones share connections, memory of who answered, and requests under way.
#[derive(Clone)]
pub struct Proxmox {
    inner: Arc<Inner>,
    /// Asked before each request that this handle sends.
    allowance: Option<Arc<dyn Allowance>>,
    /// Asked before each change that this handle sends.
    gate: Option<Gate>,
}

struct Inner {
    nodes: failover::Nodes,
    flights: flight::Flights,
    odd: odd::OddLog,
    meter: Arc<Meter>,
    /// `user@realm!tokenid`
    token_id: String,
}

/// What was read, by whom it was answered, and how much of it could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    pub value: T,
    /// The node that answered.
    pub via: NodeName,
    /// When the answer was complete, UTC milliseconds.
    pub at_ms: i64,
    /// Rows with something unreadable in them: left out when it was their identity, else that value is unknown.
    pub odd_rows: u32,
}

/// Path → privileges the token has there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Permissions(pub BTreeMap<String, BTreeSet<String>>);

/// A part of a task's log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskLog {
    pub lines: Vec<LogLine>,
    /// Lines in the whole log, when Proxmox said so.
    pub total: Option<u64>,
}

/// How a task stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskEnd {
    pub status: TaskStatus,
    /// The task's own last word, once it has ended.
    pub exit: Option<String>,
}

impl Proxmox {
    /// Sets up a client; sends nothing.
    ///
    /// # Errors
    /// `misconfigured`, with the setting to change.
    pub fn new(settings: &Settings, clock: Clock, meter: Arc<Meter>) -> Result<Self, ProxmoxError> {
        if settings.nodes.is_empty() {
            let what = "no node to ask: give at least one in proxmox.nodes".into();
            return Err(ProxmoxError::unplaced(ErrorKind::Misconfigured { what }));
        }
        let roots = settings.ca_pem.as_deref().map(tls::roots).transpose()?;
        let authorization = settings.authorization()?;
        let endpoints = settings
            .nodes
            .iter()
            .map(|n| transport::Endpoint::new(n, roots.clone(), &authorization, Arc::clone(&meter), clock))
            .collect::<Result<Vec<_>, _>>()?;
        let inner = Inner {
            nodes: failover::Nodes::new(endpoints, Arc::clone(&meter), clock),
            flights: flight::Flights::default(),
            odd: odd::OddLog::new(clock),
            meter,
            token_id: settings.token_id()?,
        };
        Ok(Self { inner: Arc::new(inner), allowance: None, gate: None })
    }

    /// The same client for a caller who may send only so much: each request, retries and fail-over included,
    /// must be granted first.
    #[must_use]
    pub fn within(&self, allowance: Arc<dyn Allowance>) -> Self {
        Self { allowance: Some(allowance), ..self.clone() }
    }

    /// The same client, whose changes have a last word before each attempt.
    #[must_use]
    pub fn guarded(&self, gate: Gate) -> Self {
        Self { gate: Some(gate), ..self.clone() }
    }

    /// Nodes, guests and storages in one answer.
    pub async fn resources(&self) -> Result<Answer<Resources>, ProxmoxError> {
        let seen = self.resources_once().await?;
        // By a node that is apart from the others it is they who are gone; whoever has quorum is asked again.
        if most_are_gone(&seen.value)
            && let Ok(members) = self.membership().await
            && members.value.quorate == Some(true)
            && members.via != seen.via
        {
            return self.resources_once().await;
        }
        Ok(seen)
    }

    async fn resources_once(&self) -> Result<Answer<Resources>, ProxmoxError> {
        let ask = Ask::resources();
        let raw = self.raw(&ask).await?;
        let read = self.decoded(&ask, &raw, decode::resources)?;
        match refusal::stripped(&read.value) {
            Some(what) => Err(ProxmoxError::at(raw.place.clone(), ErrorKind::Forbidden { what })),
            None => Ok(read),
        }
    }

    /// Quorum, and which nodes are online.
    pub async fn membership(&self) -> Result<Answer<Membership>, ProxmoxError> {
        let ask = Ask::membership();
        let Inner { flights, meter, .. } = &*self.inner;
        let raw = flights.join(&ask.path, meter, || self.quorate_view(&ask)).await?;
        self.decoded(&ask, &raw, decode::membership)
    }

    /// A node without quorum may be the only one that has none: then it is another one's view that counts.
    async fn quorate_view(&self, ask: &Ask) -> Result<RawAnswer, ProxmoxError> {
        let (nodes, allowance) = (&self.inner.nodes, self.allowance.as_deref());
        let quorate =
            |raw: &RawAnswer| decode::membership(&raw.data).ok().and_then(|read| read.value.quorate);
        let seen = nodes.ask(ask, allowance).await?;
        if quorate(&seen) == Some(false)
            && let Some(other) = nodes.second_view(&seen.place.node, ask, allowance).await
            && quorate(&other) == Some(true)
        {
            nodes.prefer(&other.place.node, &seen.place.node);
            return Ok(other);
        }
        Ok(seen)
    }

    /// Running tasks, and about 25 finished ones of each node.
    pub async fn tasks(&self) -> Result<Answer<Vec<TaskRow>>, ProxmoxError> {
        self.read(&Ask::tasks(), decode::tasks).await
    }

    /// Load, swap and kernel of a node; passed on to it, so it may take 8 s when the node is dying.
    pub async fn node_detail(&self, node: &NodeName) -> Result<Answer<NodeDetail>, ProxmoxError> {
        self.read(&Ask::node_status(node), |data| decode::node_detail(data, node)).await
    }

    /// The last hour of a node, minute by minute, oldest first.
    pub async fn node_past(&self, node: &NodeName) -> Result<Answer<Vec<PastMinute>>, ProxmoxError> {
        self.read(&Ask::node_past(node), decode::node_past).await
    }

    /// A guest as it is now, where the resources lag up to 10 s behind.
    pub async fn guest_now(
        &self,
        node: &NodeName,
        kind: GuestKind,
        vmid: Vmid,
    ) -> Result<Answer<GuestRow>, ProxmoxError> {
        let ask = Ask::guest_status(node, kind_path(kind), vmid);
        self.read(&ask, |data| decode::guest_now(data, node, kind, vmid)).await
    }

    /// `9.2.11`
    pub async fn version(&self) -> Result<Answer<String>, ProxmoxError> {
        self.read(&Ask::version(), decode::version).await
    }

    /// What the token may do, and where. Empty for a token with privilege separation and no permission of its own.
    pub async fn permissions(&self) -> Result<Answer<Permissions>, ProxmoxError> {
        let read = self.read(&Ask::permissions(), decode::permissions).await?;
        Ok(read.map(Permissions))
    }

    pub async fn task_end(&self, upid: &Upid) -> Result<Answer<TaskEnd>, ProxmoxError> {
        let ask = Ask::task(upid, "status", "/nodes/{node}/tasks/{upid}/status")?;
        let read = self.read(&ask, decode::task_end).await?;
        Ok(read.map(|(status, exit)| TaskEnd { status, exit }))
    }

    /// `limit` lines of a task's log, from line `start` (0 is the first).
    pub async fn task_log(
        &self,
        upid: &Upid,
        start: u32,
        limit: u32,
    ) -> Result<Answer<TaskLog>, ProxmoxError> {
        let what = format!("log?start={start}&limit={limit}");
        let ask = Ask::task(upid, &what, "/nodes/{node}/tasks/{upid}/log")?;
        let raw = self.raw(&ask).await?;
        let read = self.decoded(&ask, &raw, |data| decode::log_lines(data, start, limit))?;
        Ok(read.map(|lines| TaskLog { lines, total: raw.total }))
    }

    /// The text of `data` of any read, its path given segment by segment (`["nodes", "pve", "services"]`). Waits
    /// up to 60 s: some of these run commands on the node. Typed reads are better where there is one.
    pub async fn get_raw(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer<Box<RawValue>>, ProxmoxError> {
        let ask = Ask::raw(segments, query, Class::Slow)?;
        if !jarvis_core::tools::routes::is_read_path(&ask.path) {
            let what = format!("{} is none of the paths that are read", ask.path);
            return Err(ProxmoxError::unplaced(ErrorKind::Misconfigured { what }));
        }
        let raw = self.raw(&ask).await?;
        Ok(Answer { value: raw.data.clone(), via: raw.place.node.clone(), at_ms: raw.at_ms, odd_rows: 0 })
    }

    pub fn meter(&self) -> &Meter {
        &self.inner.meter
    }

    /// `user@realm!tokenid`, which is no secret.
    pub fn token_id(&self) -> &str {
        &self.inner.token_id
    }

    /// How far each node's clock is ahead of ours in milliseconds, by its last answer; exact to a second.
    pub fn clock_skews_ms(&self) -> Vec<(NodeName, i64)> {
        self.inner.nodes.endpoints().filter_map(|e| Some((e.name.clone(), e.skew_ms()?))).collect()
    }

    /// Nodes whose clocks are so far from ours that times no longer tell one story: one line each.
    pub fn clock_faults(&self) -> Vec<String> {
        let endpoints = self.inner.nodes.endpoints();
        endpoints
            .filter_map(|e| doctor::skewed(&format!("{} ({})", e.name, e.url), e.recent_skew_ms()?))
            .collect()
    }

    /// When each node's certificate ends (UTC seconds), by the last handshake.
    pub fn certificate_ends_s(&self) -> Vec<(NodeName, i64)> {
        self.inner.nodes.endpoints().filter_map(|e| Some((e.name.clone(), e.shown.not_after_s()?))).collect()
    }

    async fn read<T>(
        &self,
        ask: &Ask,
        decode: impl FnOnce(&RawValue) -> Result<Decoded<T>, Unreadable>,
    ) -> Result<Answer<T>, ProxmoxError> {
        let raw = self.raw(ask).await?;
        self.decoded(ask, &raw, decode)
    }

    fn decoded<T>(
        &self,
        ask: &Ask,
        raw: &RawAnswer,
        decode: impl FnOnce(&RawValue) -> Result<Decoded<T>, Unreadable>,
    ) -> Result<Answer<T>, ProxmoxError> {
        let read =
            decode(&raw.data).map_err(|what| ProxmoxError::at(raw.place.clone(), ErrorKind::Odd { what }))?;
        if read.odd_rows > 0 {
            self.inner.meter.odd(read.odd_rows);
            self.inner.odd.tell(ask.template, read.odd_rows, read.first_odd.as_deref());
        }
        Ok(Answer {
            value: read.value,
            via: raw.place.node.clone(),
            at_ms: raw.at_ms,
            odd_rows: read.odd_rows,
        })
    }

    async fn raw(&self, ask: &Ask) -> Result<Arc<RawAnswer>, ProxmoxError> {
        let allowance = self.allowance.as_deref();
        self.inner.flights.join(&ask.path, &self.inner.meter, || self.inner.nodes.ask(ask, allowance)).await
    }
}

/// Tells nothing but who it is: there is a token inside.
impl fmt::Debug for Proxmox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxmox").field("token_id", &self.inner.token_id).finish_non_exhaustive()
    }
}

impl<T> Answer<T> {
    /// The same answer with its value turned into another.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: f(self.value), via: self.via, at_ms: self.at_ms, odd_rows: self.odd_rows }
    }
}

fn most_are_gone(seen: &Resources) -> bool {
    let online = seen.nodes.iter().filter(|n| n.status == NodeStatus::Online).count();
    seen.nodes.len() > 1 && online * 2 <= seen.nodes.len()
}

/// As in `/nodes/{node}/qemu`.
pub(super) fn kind_path(kind: GuestKind) -> &'static str {
    match kind {
        GuestKind::Qemu => "qemu",
        GuestKind::Lxc => "lxc",
    }
}
