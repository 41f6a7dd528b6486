//! Facts that follow from the published state: what is seen is turned into what policy asks for, purely.
//!
//! Whatever is late, missing or of two minds becomes *unknown*, never a comfortable guess. Not here: facts from the
//! store, the settings and the switch, which the daemon reads itself.

mod looks;

use std::collections::{BTreeMap, BTreeSet};

pub use looks::Looks;

use super::{Condition, Fact, Identity, Moment, Sight, Trouble};
use crate::{
    cluster::{
        Cluster, ClusterState, GuestStatus, Health, NodeName, NodeStatus, SourceId, SourceState, Task,
        TaskStatus, Upid, Vmid,
    },
    graph::{GuestConfig, Votes},
    tools::Target,
};

/// A guest with this tag is left alone however it is.
pub const TAG_HANDS_OFF: &str = "jarvis-ignore";

/// Kinds of tasks that Proxmox starts by itself under a person's name: schedules, HA, boot, updates.
const NOBODYS_TASKS: &[&str] = &[
    "vzdump",
    "hastart",
    "hastop",
    "hashutdown",
    "hamigrate",
    "startall",
    "stopall",
    "migrateall",
    "aptupdate",
    "pvesr",
    "replication",
    "logrotate",
    "imgdel",
    "prune",
];

/// Kinds of tasks by which a guest is switched off, and on.
const OFF_TASKS: &[&str] = &["qmstop", "qmshutdown", "vzstop", "vzshutdown", "qmsuspend", "vzsuspend"];
const ON_TASKS: &[&str] = &["qmstart", "qmresume", "qmreboot", "vzstart", "vzresume", "vzreboot"];

fn seen_cluster(state: &ClusterState) -> Result<&Cluster, &'static str> {
    let cluster = state.cluster.as_deref().ok_or("the cluster was not read yet")?;
    match cluster.sight {
        SourceState::Fresh => Ok(cluster),
        SourceState::Waiting | SourceState::Late | SourceState::Lost => {
            Err("the last reading of the cluster is too old")
        }
    }
}

/// A cluster without a name is a node alone; several nodes without one are a cluster that does not tell of its quorum.
fn is_standalone(cluster: &Cluster) -> bool {
    cluster.name.is_empty() && cluster.nodes_total <= 1
}

pub fn sight(state: &ClusterState) -> Fact<Sight> {
    let cluster = match seen_cluster(state) {
        Ok(cluster) => cluster,
        Err(why) => return Fact::unknown(why),
    };
    if cluster.quorate.is_none() && !is_standalone(cluster) {
        return Fact::unknown("whether the cluster has quorum is not known");
    }
    Fact::Known(Sight { quorate: cluster.quorate, contradiction: cluster.contradiction.clone() })
}

pub fn votes(state: &ClusterState) -> Fact<Votes> {
    match seen_cluster(state) {
        Err(why) => Fact::unknown(why),
        Ok(cluster) if is_standalone(cluster) => Fact::Known(Votes::Standalone),
        Ok(cluster) => {
            let majority = cluster.nodes_total / 2 + 1;
            Fact::Known(Votes::Cluster {
                online: cluster.nodes_online,
                needed: cluster.quorum.unwrap_or(majority).max(1),
            })
        }
    }
}

/// `fallen`: guests that are down against the wish of people, as the open incidents say.
pub fn trouble(state: &ClusterState, fallen: &BTreeSet<Vmid>, own_network_suspect: bool) -> Fact<Trouble> {
    if let Err(why) = seen_cluster(state) {
        return Fact::unknown(why);
    }
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let guests: Vec<_> = state.guests.values().filter(|guest| !guest.template).collect();
    let ill = guests.iter().filter(|guest| {
        matches!(guest.health, Health::Critical | Health::Unknown) || fallen.contains(&guest.vmid)
    });
    Fact::Known(Trouble {
        nodes_unhealthy: count(state.nodes.values().filter(|node| node.status != NodeStatus::Online).count()),
        guests_unhealthy: count(ill.count()),
        guests_total: count(guests.len()),
        own_network_suspect,
    })
}

/// How many guests or nodes bear the name; services and containers are counted by who lists them.
pub fn matches(state: &ClusterState, target: &Target) -> Fact<u32> {
    if let Err(why) = seen_cluster(state) {
        return Fact::unknown(why);
    }
    match target {
        Target::Guest(vmid) => {
            let one = u32::from(state.guests.get(vmid).is_some_and(|guest| !guest.template));
            Fact::Known(if state.ambiguous(*vmid) { one.saturating_mul(2) } else { one })
        }
        Target::Node(node) => Fact::Known(u32::from(state.nodes.contains_key(node))),
        Target::Storage(storage) => Fact::Known(u32::from(state.storages.contains_key(storage))),
        Target::Cluster => Fact::Known(1),
        Target::Service { .. } | Target::Container { .. } => {
            Fact::unknown("this is not part of the cluster's list")
        }
    }
}

/// *Unknown* is not *down*.
pub fn condition(state: &ClusterState, target: &Target) -> Fact<Condition> {
    if let Err(why) = seen_cluster(state) {
        return Fact::unknown(why);
    }
    let found = match target {
        Target::Guest(vmid) => state.guests.get(vmid).and_then(|guest| match guest.status {
            GuestStatus::Running => Some(Condition::Up),
            GuestStatus::Stopped => Some(Condition::Down),
            GuestStatus::Paused | GuestStatus::Suspended => Some(Condition::Paused),
            GuestStatus::Prelaunch | GuestStatus::Unknown => None,
        }),
        Target::Node(node) => state.nodes.get(node).and_then(|node| match node.status {
            NodeStatus::Online => Some(Condition::Up),
            NodeStatus::Offline => Some(Condition::Down),
            NodeStatus::Unknown => None,
        }),
        Target::Cluster | Target::Storage(_) | Target::Service { .. } | Target::Container { .. } => None,
    };
    found.map_or_else(|| Fact::unknown("its state is not known"), Fact::Known)
}

/// The node a target is on; for a container that is for the settings to say.
pub fn node_of(state: &ClusterState, target: &Target) -> Option<NodeName> {
    match target {
        Target::Guest(vmid) => state.guests.get(vmid).map(|guest| guest.node.clone()),
        Target::Node(node) | Target::Service { node, .. } => Some(node.clone()),
        Target::Storage(storage) => state.storages.get(storage).map(|storage| storage.node.clone()),
        Target::Cluster | Target::Container { .. } => None,
    }
}

/// A guest without a name or mark of its birth is not pinned: a bare row names neither.
pub fn identity(
    state: &ClusterState,
    configs: &BTreeMap<Vmid, GuestConfig>,
    target: &Target,
) -> Fact<Identity> {
    let Target::Guest(vmid) = target else { return Fact::Known(Identity::named(target)) };
    let guest = state.guests.get(vmid);
    let born = configs.get(vmid).and_then(|config| config.identity.clone());
    match (guest, born) {
        (Some(guest), Some(born)) => match &guest.name {
            Some(name) => Fact::Known(Identity::Guest {
                vmid: *vmid,
                born,
                name: name.to_string(),
                node: guest.node.clone(),
            }),
            None => Fact::unknown("the guest's name is not known"),
        },
        (None, _) => Fact::unknown("there is no such guest"),
        (_, None) => Fact::unknown("neither uuid nor creation time of the guest could be read"),
    }
}

fn fresh_tasks(state: &ClusterState) -> Result<impl Iterator<Item = &Task>, &'static str> {
    match state.sources.get(&SourceId::tasks()).map(|source| source.state) {
        Some(SourceState::Fresh) => Ok(state.tasks.values().map(|task| &**task)),
        _ => Err("the list of tasks is not fresh"),
    }
}

/// Running tasks in the way: on the guest, on one of its storages, a backup of everything on its node; for a node
/// everything that runs there.
pub fn busy(state: &ClusterState, target: &Target, storages: &[String]) -> Fact<Vec<String>> {
    let tasks = match fresh_tasks(state) {
        Ok(tasks) => tasks,
        Err(why) => return Fact::unknown(why),
    };
    let node = node_of(state, target);
    let concerns = |task: &Task| match target {
        Target::Guest(vmid) => {
            let same_node = Some(&task.node) == node.as_ref();
            task.vmid == Some(*vmid)
                || task.target.as_ref().is_some_and(|on| storages.contains(on))
                || (same_node && task.vmid.is_none() && task.kind == "vzdump")
        }
        Target::Node(node) => task.node == *node,
        Target::Cluster | Target::Storage(_) | Target::Service { .. } | Target::Container { .. } => false,
    };
    let running = tasks.filter(|task| task.status == TaskStatus::Running && concerns(task));
    Fact::Known(running.map(|task| task.kind.clone()).collect())
}

/// Whether a person started this task: not we, and not Proxmox by itself.
fn by_person(task: &Task, own_users: &BTreeSet<String>) -> bool {
    !own_users.contains(&task.user) && !NOBODYS_TASKS.contains(&task.kind.as_str())
}

fn is_on(task: &Task, target: &Target) -> bool {
    match target {
        Target::Guest(vmid) => task.vmid == Some(*vmid),
        Target::Node(node) => task.node == *node && task.vmid.is_none(),
        Target::Service { node, unit } => {
            let unit = unit.as_str().trim_end_matches(".service");
            task.node == *node
                && task.target.as_deref().is_some_and(|on| on.trim_end_matches(".service") == unit)
        }
        Target::Cluster | Target::Storage(_) | Target::Container { .. } => false,
    }
}

/// When tasks were first seen, on our clock: a jump of ours or theirs later on changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstSeen(BTreeMap<Upid, Moment>);

impl FirstSeen {
    /// Takes in the tasks of a state; those no longer listed are forgotten with the state.
    pub fn absorb(&mut self, state: &ClusterState, now: &Moment) {
        self.0.retain(|upid, _| state.tasks.contains_key(upid));
        for (upid, task) in &state.tasks {
            let age_ms = now.wall_ms.saturating_sub(task.start_ms).max(0);
            let then = now.plus_ms(age_ms.saturating_neg());
            self.0.entry(upid.clone()).or_insert(then);
        }
    }
}

/// When a person's last task on the target was seen to start or, if it still runs, now.
pub fn human_task(
    state: &ClusterState,
    target: &Target,
    own_users: &BTreeSet<String>,
    seen: &FirstSeen,
    now: &Moment,
) -> Fact<Option<Moment>> {
    let tasks = match fresh_tasks(state) {
        Ok(tasks) => tasks,
        Err(why) => return Fact::unknown(why),
    };
    let theirs = tasks.filter(|task| is_on(task, target) && by_person(task, own_users));
    let moments = theirs.map(|task| match (task.status, seen.0.get(&task.upid)) {
        (TaskStatus::Running, _) | (_, None) => *now,
        // A long task counts from its end.
        (_, Some(first)) => {
            let took_ms = task.end_ms.map_or(0, |end| end.saturating_sub(task.start_ms).max(0));
            first.plus_ms(took_ms)
        }
    });
    Fact::Known(moments.min_by_key(|moment| now.surely_since_ms(moment)))
}

/// Why a guest is off on purpose: its tag, its configuration, or whoever switched it off last. A stop by Jarvis is on
/// purpose as well: it never stops anything without a person's approval.
pub fn meant_off(
    state: &ClusterState,
    configs: &BTreeMap<Vmid, GuestConfig>,
    target: &Target,
) -> Fact<Option<String>> {
    let Target::Guest(vmid) = target else { return Fact::Known(None) };
    let (Some(guest), Some(config)) = (state.guests.get(vmid), configs.get(vmid)) else {
        return Fact::unknown("the guest or its configuration could not be read");
    };
    if guest.tags.contains(TAG_HANDS_OFF) {
        return Fact::Known(Some(format!("it is tagged `{TAG_HANDS_OFF}`")));
    }
    if !config.onboot {
        return Fact::Known(Some("it is not set to start at boot (onboot)".into()));
    }
    let tasks = match fresh_tasks(state) {
        Ok(tasks) => tasks,
        Err(why) => return Fact::unknown(why),
    };
    let switching = |task: &&Task| {
        let kind = task.kind.as_str();
        let done = matches!(task.status, TaskStatus::Ok | TaskStatus::Warnings | TaskStatus::Running);
        task.vmid == Some(*vmid) && done && (OFF_TASKS.contains(&kind) || ON_TASKS.contains(&kind))
    };
    let last = tasks.filter(switching).max_by_key(|task| task.start_ms);
    let off = last.filter(|task| OFF_TASKS.contains(&task.kind.as_str()));
    Fact::Known(off.map(|task| format!("{} switched it off ({})", task.user, task.kind)))
}

#[cfg(test)]
mod tests;
