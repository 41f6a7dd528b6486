//! A fresh look at one target, from the node that owns it, for one decision.
//!
//! What is read goes into the published state as well, so that screens see what the decision saw. What could not be
//! read stays unknown, with the reason.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jarvis_core::{
    cluster::{
        ClusterState, GuestKind, NodeName, NodeStatus, SourceId, SourceState, Vmid,
        reading::{Part, Reading},
    },
    graph::{ContainerPlace, Thing},
    policy::{Condition, Fact, Listed, evidence},
    tools::{
        Target,
        words::{ContainerName, HostName, StorageName, UnitName},
    },
};

use super::Inner;
use crate::clients::proxmox::{Answer, Proxmox, ProxmoxError};

/// Between two looks at a thing that has just changed; Proxmox' own status is renewed with every question.
const AGAIN_AFTER: Duration = Duration::from_millis(1_000);
/// What a source that was never polled is taken to be asked in.
const INTERVAL_MS: i64 = 10_000;

/// What one look brought.
#[derive(Debug, Clone)]
pub struct Look {
    pub state: Arc<ClusterState>,
    pub matches: Fact<u32>,
    pub condition: Fact<Condition>,
    pub looks: Fact<u32>,
    pub node: Option<NodeName>,
    /// Why its node is not known, where it has one.
    pub nowhere: Option<String>,
    pub kind: Option<GuestKind>,
    pub lock: Fact<Option<String>>,
    pub ha: Fact<Option<String>>,
    /// Names of its storages.
    pub storages: Fact<Vec<String>>,
    pub config_digest: String,
    pub absent: Fact<bool>,
    pub listed: Fact<Listed>,
}

impl Inner {
    /// Looks until as many looks agree as are asked for, or one more did not help.
    pub(super) async fn look(&self, target: &Target, looks_min: u32) -> Look {
        let mut look = self.look_once(target).await;
        for _ in 1..looks_min.max(1) {
            let enough = match &look.looks {
                Fact::Known(count) => *count >= looks_min,
                Fact::Unknown(_) => true,
            };
            if enough {
                break;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
            look = self.look_once(target).await;
        }
        look
    }

    async fn look_once(&self, target: &Target) -> Look {
        let Some(proxmox) = self.parts.proxmox.clone() else {
            return unseen(self.parts.state.current().1, "no cluster is configured");
        };
        self.renew_lists(&proxmox).await;
        let state = self.parts.state.current().1;
        match target {
            Target::Guest(vmid) => self.guest(&proxmox, state, *vmid).await,
            Target::Node(node) => self.node(state, node),
            Target::Service { node, unit } => self.service(&proxmox, state, node, unit).await,
            Target::Cluster | Target::Storage(_) => unseen(state, "nothing is done to this"),
            Target::Container { host, name } => self.container(state, host, name).await,
        }
    }

    /// Membership and tasks anew, and the resources when the last ones are not fresh.
    async fn renew_lists(&self, proxmox: &Proxmox) {
        let (_, state) = self.parts.state.current();
        let fresh = state.sources.get(&SourceId::resources()).is_some_and(|s| s.state == SourceState::Fresh);
        let resources = async { if fresh { None } else { Some(proxmox.resources().await) } };
        let (membership, tasks, resources) = tokio::join!(proxmox.membership(), proxmox.tasks(), resources);
        let mut readings = Vec::new();
        if let Some(answer) = resources {
            readings.extend(reading(&state, SourceId::resources(), answer.map(|a| a.map(Part::Resources))));
        }
        readings.extend(reading(&state, SourceId::membership(), membership.map(|a| a.map(Part::Membership))));
        readings.extend(reading(&state, SourceId::tasks(), tasks.map(|a| a.map(Part::Tasks))));
        self.absorb(readings).await;
    }

    /// Into the published state, with its lines for the feed.
    pub(super) async fn absorb(&self, readings: Vec<Reading>) -> Arc<ClusterState> {
        let events = self.parts.state.absorb(readings, self.parts.clock.now_ms());
        if let Err(error) = self.parts.store.events().append(events).await {
            tracing::error!(%error, "activity lines are lost");
        }
        let (_, state) = self.parts.state.current();
        self.note_falls(&state).await;
        state
    }

    async fn guest(&self, proxmox: &Proxmox, state: Arc<ClusterState>, vmid: Vmid) -> Look {
        let target = Target::Guest(vmid);
        let Some(guest) = state.guests.get(&vmid).cloned() else {
            return Look {
                matches: evidence::matches(&state, &target),
                ..unseen(state, "there is no such guest")
            };
        };
        let (node, kind) = (guest.node.clone(), guest.kind);
        let online = state.nodes.get(&node).is_some_and(|n| n.status == NodeStatus::Online);
        if !online {
            let why = format!("its node {node} is not online");
            let matches = evidence::matches(&state, &target);
            return Look { matches, node: Some(node), kind: Some(kind), ..unseen(state, why) };
        }
        let (now, config) = tokio::join!(
            proxmox.guest_now(&node, kind, vmid),
            self.configs.fresh(proxmox, &node, kind, vmid),
        );
        let read_ms = now.as_ref().ok().map(|answer| answer.at_ms);
        let own_word =
            now.as_ref().ok().map(|answer| (answer.value.lock.clone(), answer.value.ha_state.clone()));
        let failed = now.as_ref().err().map(|e| format!("{node} could not be asked for it: {e}"));
        let readings = reading(&state, SourceId::guest(vmid), now.map(|a| a.map(Part::GuestNow)));
        let state = self.absorb(readings.into_iter().collect()).await;
        let mut look = Look {
            matches: evidence::matches(&state, &target),
            node: Some(node),
            kind: Some(kind),
            ..unseen(Arc::clone(&state), failed.clone().unwrap_or_default())
        };
        if let Some((lock, _)) = &own_word {
            look.condition = evidence::condition(&state, &target);
            // The owner's own answer is a look of its own; the published record only tells of the lists.
            let seen_ms = read_ms.unwrap_or(0);
            look.looks = Fact::Known(self.eyes.look_at(target, &look.condition, look.node.clone(), seen_ms));
            if let Ok(read) = &config {
                look.lock = Fact::Known(lock.clone().or_else(|| read.lock.clone()));
            }
        } else {
            // Its record may be older than the answer that did not come.
            self.parts.poke();
        }
        let managed = own_word.as_ref().and_then(|(_, ha)| ha.clone()).or_else(|| guest.ha_state.clone());
        look.ha = match (own_word.is_some(), managed) {
            (false, _) => look.ha,
            (true, None) => Fact::Known(None),
            (true, Some(_)) => ha_state(proxmox, vmid).await,
        };
        match config {
            Ok(read) => {
                look.storages = Fact::Known(read.config.storages.clone());
                look.config_digest = read.digest;
            }
            Err(why) => {
                look.lock = Fact::unknown(why.clone());
                look.storages = Fact::unknown(why);
            }
        }
        look
    }

    fn node(&self, state: Arc<ClusterState>, node: &NodeName) -> Look {
        let target = Target::Node(node.clone());
        let members = state.sources.get(&SourceId::membership());
        let fresh = members.is_some_and(|source| source.state == SourceState::Fresh);
        let quorate = state.cluster.as_ref().is_some_and(|cluster| cluster.quorate == Some(true));
        let absent = match state.nodes.get(node).map(|node| node.status) {
            _ if !fresh => Fact::unknown("the list of members is not fresh"),
            _ if !quorate => Fact::unknown("no quorate peer answers"),
            Some(NodeStatus::Offline) => Fact::Known(true),
            Some(NodeStatus::Online) => Fact::Known(false),
            Some(NodeStatus::Unknown) | None => Fact::unknown("the members do not say"),
        };
        Look {
            matches: evidence::matches(&state, &target),
            condition: evidence::condition(&state, &target),
            looks: Fact::Known(self.eyes.looks(&target)),
            node: Some(node.clone()),
            lock: Fact::Known(None),
            ha: Fact::Known(None),
            storages: Fact::Known(Vec::new()),
            absent,
            ..unseen(state, "this is no guest")
        }
    }

    async fn service(
        &self,
        proxmox: &Proxmox,
        state: Arc<ClusterState>,
        node: &NodeName,
        unit: &UnitName,
    ) -> Look {
        let target = Target::Service { node: node.clone(), unit: unit.clone() };
        let listed = if self.in_force().rules.restart.contains(&target) { Listed::Yes } else { Listed::No };
        let (matches, condition) = match self.unit_now(proxmox, node, unit).await {
            Err(why) => (Fact::unknown(why.clone()), Fact::unknown(why)),
            Ok(now) => {
                let condition = match now.runs {
                    Some(true) => Fact::Known(Condition::Up),
                    Some(false) => Fact::Known(Condition::Down),
                    None => Fact::unknown("the node does not say how it does"),
                };
                (Fact::Known(u32::from(now.there)), condition)
            }
        };
        let looks = self.eyes.look_at(target, &condition, Some(node.clone()), self.parts.clock.now_ms());
        Look {
            matches,
            condition,
            looks: Fact::Known(looks),
            node: Some(node.clone()),
            lock: Fact::Known(None),
            ha: Fact::Known(None),
            storages: Fact::Known(Vec::new()),
            listed: Fact::Known(listed),
            ..unseen(state, "this is no guest")
        }
    }
}

impl Inner {
    async fn container(&self, state: Arc<ClusterState>, host: &HostName, name: &ContainerName) -> Look {
        let target = Target::Container { host: host.clone(), name: name.clone() };
        let docker = &self.parts.send.docker;
        let placed = match docker.runs_on(host) {
            Some(Thing::Node(node)) => Ok(node.clone()),
            Some(Thing::Guest(vmid)) => {
                let guest = state.guests.get(vmid).map(|guest| guest.node.clone());
                guest.ok_or_else(|| {
                    format!("guest {vmid}, in which {host}'s engine runs, is not in the cluster")
                })
            }
            _ => Err(format!(
                "the settings do not say what {host}'s engine runs on: give its vmid or node under [[docker.hosts]]"
            )),
        };
        let (node, nowhere) = match placed {
            Ok(node) => (Some(node), None),
            Err(why) => (None, Some(why)),
        };
        let (matches, condition, listed) = match docker.containers(host).await {
            Err(error) => {
                let why = error.to_string();
                (Fact::unknown(why.clone()), Fact::unknown(why.clone()), Fact::unknown(why))
            }
            Ok(all) => {
                let found: Vec<_> = all.iter().filter(|one| one.name == name.as_str()).collect();
                let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
                match found.first() {
                    None => (
                        Fact::Known(count),
                        Fact::unknown("there is no such container"),
                        Fact::Known(Listed::No),
                    ),
                    Some(one) => {
                        let listed = Fact::Known(docker.listed(host, one));
                        (Fact::Known(count), container_condition(&one.state), listed)
                    }
                }
            }
        };
        let looks = self.eyes.look_at(target, &condition, node.clone(), self.parts.clock.now_ms());
        Look {
            matches,
            condition,
            looks: Fact::Known(looks),
            node,
            nowhere,
            lock: Fact::Known(None),
            ha: Fact::Known(None),
            storages: Fact::Known(Vec::new()),
            listed,
            ..unseen(state, "this is no guest")
        }
    }

    /// Containers of every engine that answers, for the graph.
    pub(super) async fn container_places(&self) -> Vec<ContainerPlace> {
        let docker = &self.parts.send.docker;
        let mut places = Vec::new();
        for host in docker.hosts() {
            let (Some(on), Ok(all)) = (docker.runs_on(host), docker.containers(host).await) else { continue };
            places.extend(all.iter().filter_map(|one| {
                Some(ContainerPlace {
                    host: host.clone(),
                    name: one.name.parse().ok()?,
                    on: on.clone(),
                    down: container_condition(&one.state) == Fact::Known(Condition::Down),
                })
            }));
        }
        places
    }
}

/// The engine's own word. One that restarts by itself over and over is in no state to act on.
fn container_condition(word: &str) -> Fact<Condition> {
    match word {
        "running" => Fact::Known(Condition::Up),
        "exited" | "created" | "dead" => Fact::Known(Condition::Down),
        "paused" => Fact::Known(Condition::Paused),
        other => Fact::unknown(format!("its engine says it is `{}`", super::follow::plain(other))),
    }
}

/// What the HA manager does with it now; its own status only tells what is asked of it.
async fn ha_state(proxmox: &Proxmox, vmid: Vmid) -> Fact<Option<String>> {
    match proxmox.ha_states().await {
        Ok(states) => match states.value.get(&vmid) {
            Some(ha) => Fact::Known(Some(ha.state.clone())),
            None => Fact::unknown("the HA manager does not list it, though it is said to be under HA"),
        },
        Err(error) => Fact::unknown(error.to_string()),
    }
}

pub fn reading(
    state: &ClusterState,
    source: SourceId,
    answer: Result<Answer<Part>, ProxmoxError>,
) -> Option<Reading> {
    let interval_ms = state.sources.get(&source).map_or(INTERVAL_MS, |known| known.interval_ms);
    // A failure is the poller's to report; here the value stays as old as it is.
    answer.ok().map(|answer| Reading {
        source,
        at_ms: answer.at_ms,
        interval_ms,
        via: Some(answer.via),
        part: Ok(answer.value),
        odd_rows: answer.odd_rows,
    })
}

fn unseen(state: Arc<ClusterState>, why: impl Into<String>) -> Look {
    let why = why.into();
    let because = || why.clone();
    Look {
        state,
        matches: Fact::unknown(because()),
        condition: Fact::unknown(because()),
        looks: Fact::unknown(because()),
        node: None,
        nowhere: None,
        kind: None,
        lock: Fact::unknown(because()),
        ha: Fact::unknown(because()),
        storages: Fact::unknown(because()),
        config_digest: String::new(),
        absent: Fact::unknown(because()),
        listed: Fact::unknown(because()),
    }
}

/// The storages by name as the target's node sees them; one that is not listed there is not available.
pub fn storages_now(
    state: &ClusterState,
    node: Option<&NodeName>,
    names: &[String],
) -> Vec<jarvis_core::policy::StorageNow> {
    let seen: BTreeMap<&str, _> = state
        .storages
        .values()
        .filter(|storage| Some(&storage.node) == node)
        .map(|storage| (storage.storage.as_str(), storage))
        .collect();
    let now = names.iter().map(|name| {
        let storage = seen.get(name.as_str());
        let percent = storage.and_then(|s| {
            let (used, total) = (s.used_bytes?, s.total_bytes.filter(|total| *total > 0)?);
            u32::try_from(used.saturating_mul(100) / total).ok()
        });
        jarvis_core::policy::StorageNow {
            name: name.clone(),
            available: storage.is_some_and(|s| s.status == jarvis_core::cluster::StorageStatus::Available),
            fill_percent: percent,
        }
    });
    now.collect()
}

/// The storage a backup goes to.
pub fn named(storage: &StorageName) -> Vec<String> {
    vec![storage.as_str().to_owned()]
}
