//! One answer of `resources`: nodes, guests and storages, and what to think of rows that are not there.
//!
//! Not seen is never gone: a lone missing guest is removed at once (people delete guests), but when an
//! answer lacks much at a time it takes a second answer in a row to believe it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::guests;
use crate::cluster::{
    ClusterState, Health, Node, NodeName, NodeStatus, SourceId, Storage, StorageId, StorageStatus, Vmid,
    memory::{NodeMemory, RawNode, StorageMemory},
    reading::{GuestRow, NodeRow, Resources, StorageRow},
    round,
};

/// Guests that may go missing from one answer for no known reason; more than this share of all, in
/// hundredths, is a doubtful answer.
const MISSING_HUNDREDTHS_MAX: usize = 25;
/// Below this number of missing guests a share says nothing.
const MISSING_FEW: usize = 3;

/// Takes an answer in; returns why it is not to be believed as a whole, if it is not.
pub(super) fn take(state: &mut ClusterState, answer: &Resources, at_ms: i64) -> Option<String> {
    let doubt = doubt(state, answer);
    state.memory.resources_at_ms = at_ms;
    nodes(state, &answer.nodes, at_ms);
    let rows: BTreeSet<&NodeName> = answer.nodes.iter().map(|n| &n.name).collect();
    guest_rows(state, &answer.guests, &rows, doubt.is_some(), at_ms);
    storage_rows(state, &answer.storages, &rows, doubt.is_some(), at_ms);
    doubt
}

fn doubt(state: &ClusterState, answer: &Resources) -> Option<String> {
    if answer.nodes.is_empty() {
        return Some(
            "the answer names no node; check the token's permissions (it needs PVEAuditor on /)".into(),
        );
    }
    let nothing = answer.guests.is_empty() && answer.storages.is_empty();
    let bare = answer.nodes.iter().all(|n| n.mem_total_bytes.is_none() && n.cpu.is_none());
    if nothing && (bare || !state.guests.is_empty() || !state.storages.is_empty()) {
        return Some(
            "the answer names nodes but no guest and no storage; a token with privilege separation needs its \
             own ACL (PVEAuditor on /)"
                .into(),
        );
    }
    (answer.guests.is_empty() && state.guests.len() >= MISSING_FEW)
        .then(|| "the answer names no guest although there were some".into())
}

fn nodes(state: &mut ClusterState, rows: &[NodeRow], at_ms: i64) {
    for memory in state.memory.nodes.values_mut() {
        memory.row = None;
    }
    for row in rows {
        let memory = state.memory.nodes.entry(row.name.clone()).or_default();
        memory.row = Some(row.status);
        let node = state.nodes.entry(row.name.clone()).or_insert_with(|| Arc::new(empty_node(&row.name)));
        update_node(node, memory, row, at_ms);
    }
    let members = state.memory.membership.clone();
    let known = |name: &NodeName| members.as_ref().is_some_and(|m| m.nodes.contains_key(name));
    let mut gone = Vec::new();
    for (name, memory) in &mut state.memory.nodes {
        if memory.row.is_some() || known(name) {
            memory.missed = false;
        } else if std::mem::replace(&mut memory.missed, true) {
            gone.push(name.clone());
        }
    }
    for name in gone {
        state.memory.nodes.remove(&name);
        state.nodes.remove(&name);
        state.sources.remove(&SourceId::node(&name));
        state.sources.remove(&SourceId::sensors(&name));
    }
}

fn update_node(node: &mut Arc<Node>, memory: &mut NodeMemory, row: &NodeRow, at_ms: i64) {
    let raw = RawNode {
        cpu: row.cpu.filter(|c| c.is_finite()),
        mem_used_bytes: row.mem_used_bytes,
        disk_used_bytes: row.disk_used_bytes,
        uptime_s: row.uptime_s,
    };
    let mut next = Node::clone(node);
    next.cpu_cores = row.cpu_cores.filter(|n| *n > 0).or(next.cpu_cores);
    next.mem_total_bytes = row.mem_total_bytes.filter(|n| *n > 0).or(next.mem_total_bytes);
    next.disk_total_bytes = row.disk_total_bytes.filter(|n| *n > 0).or(next.disk_total_bytes);
    // An absent node's row has no figures; what was last seen stays, with its time.
    let speaks = row.status == NodeStatus::Online && (raw.cpu.is_some() || raw.mem_used_bytes.is_some());
    if speaks && raw != memory.raw {
        let restarted = raw.uptime_s < memory.raw.uptime_s;
        next.cpu = round::share(raw.cpu);
        next.mem_used_bytes = round::used(raw.mem_used_bytes, next.mem_total_bytes);
        next.disk_used_bytes = round::used(raw.disk_used_bytes, next.disk_total_bytes);
        next.started_ms = guests::start_time(next.started_ms.filter(|_| !restarted), raw.uptime_s, at_ms);
        memory.raw = raw;
        memory.moved_ms = at_ms;
    }
    if next != **node {
        *node = Arc::new(next);
    }
}

pub(super) fn empty_node(name: &NodeName) -> Node {
    Node {
        name: name.clone(),
        status: NodeStatus::Unknown,
        health: Health::Unknown,
        src: SourceId::resources(),
        why: None,
        ip: None,
        cpu: None,
        cpu_cores: None,
        mem_used_bytes: None,
        mem_total_bytes: None,
        disk_used_bytes: None,
        disk_total_bytes: None,
        started_ms: None,
        as_of_ms: None,
        load1: None,
        load5: None,
        load15: None,
        iowait: None,
        swap_used_bytes: None,
        swap_total_bytes: None,
        cpu_model: None,
        kernel: None,
        pve_version: None,
        detail_as_of_ms: None,
        temp_c: None,
        shares_mounted: None,
        shares_dead: None,
        units_failed: None,
        sensors_as_of_ms: None,
    }
}

/// One walk over the known guests and the rows, both sorted: a cluster of 10,000 guests changes every row
/// at a time.
fn guest_rows(
    state: &mut ClusterState,
    rows: &[GuestRow],
    nodes: &BTreeSet<&NodeName>,
    doubted: bool,
    at_ms: i64,
) {
    let (rows, twice) = in_order(rows);
    state.memory.guests_twice = twice;
    let mut rows = rows.into_iter().peekable();
    let (mut fresh, mut missing) = (Vec::new(), Vec::new());
    for ((vmid, guest), memory) in state.guests.iter_mut().zip(state.memory.guests.values_mut()) {
        while let Some((_, new)) = rows.next_if(|(id, _)| id < vmid) {
            fresh.push(new);
        }
        match rows.next_if(|(id, _)| id == vmid) {
            Some((_, row)) => guests::update(guest, memory, row, &state.nodes, at_ms),
            None => missing.push(*vmid),
        }
    }
    fresh.extend(rows.map(|(_, row)| row));
    let mut memories = Vec::with_capacity(fresh.len());
    for row in fresh {
        let (guest, memory) = guests::create(row, &state.nodes, at_ms);
        state.guests.insert(row.vmid, Arc::new(guest));
        memories.push((row.vmid, memory));
    }
    state.memory.guests.extend(memories);
    if missing.is_empty() {
        return;
    }
    let of = |v: &_| state.guests.get(v).map(|g| g.node.clone());
    let all = count(state.guests.values().map(|g| &g.node));
    let much =
        missing.len() > MISSING_FEW && missing.len() * 100 > state.guests.len() * MISSING_HUNDREDTHS_MAX;
    let gone = believed(&missing, of, &all, nodes, much || doubted);
    for vmid in missing {
        let first =
            state.memory.guests.get_mut(&vmid).is_some_and(|m| !std::mem::replace(&mut m.missed, true));
        if !first || gone.contains(&vmid) {
            state.guests.remove(&vmid);
        }
    }
    let guests = &state.guests;
    state.memory.guests.retain(|vmid| guests.contains_key(vmid));
}

/// One row for each VMID, by VMID, and those that had several. The ids are sorted beside each other: following 10,000 references to
/// compare them would be spent waiting for memory. Of equal ones the earlier row comes first, as a stable
/// sort would have it.
fn in_order(rows: &[GuestRow]) -> (Vec<(Vmid, &GuestRow)>, BTreeSet<Vmid>) {
    let mut places: Vec<(Vmid, usize)> = rows.iter().map(|r| r.vmid).zip(0..).collect();
    places.sort_unstable();
    let mut sorted: Vec<(Vmid, &GuestRow)> = Vec::with_capacity(places.len());
    let mut twice = BTreeSet::new();
    for (vmid, at) in places {
        let Some(row) = rows.get(at) else { continue };
        let Some((_, kept)) = sorted.last_mut().filter(|(last, _)| *last == vmid) else {
            sorted.push((vmid, row));
            continue;
        };
        twice.insert(vmid);
        if guests::says_more(row, kept) {
            *kept = row;
        }
    }
    (sorted, twice)
}

fn storage_rows(
    state: &mut ClusterState,
    rows: &[StorageRow],
    nodes: &BTreeSet<&NodeName>,
    doubted: bool,
    at_ms: i64,
) {
    let mut named = BTreeSet::new();
    for row in rows {
        let Ok(id) = StorageId::new(&row.node, &row.storage) else { continue };
        update_storage(state, &id, row, at_ms);
        named.insert(id);
    }
    let missing: Vec<StorageId> = state.storages.keys().filter(|id| !named.contains(*id)).cloned().collect();
    let of = |id: &_| state.storages.get(id).map(|s| s.node.clone());
    let all = count(state.storages.values().map(|s| &s.node));
    let gone = believed(&missing, of, &all, nodes, doubted);
    for id in missing {
        let first =
            state.memory.storages.get_mut(&id).is_some_and(|m| !std::mem::replace(&mut m.missed, true));
        if !first || gone.contains(&id) {
            state.storages.remove(&id);
            state.memory.storages.remove(&id);
        }
    }
}

fn update_storage(state: &mut ClusterState, id: &StorageId, row: &StorageRow, at_ms: i64) {
    let raw = (row.used_bytes, row.total_bytes);
    let memory = state.memory.storages.entry(id.clone()).or_insert_with(|| StorageMemory {
        said: row.status,
        raw: (None, None),
        moved_ms: at_ms,
        known: None,
        fill: Default::default(),
        missed: false,
        seat: 0,
    });
    let storage = state.storages.entry(id.clone()).or_insert_with(|| Arc::new(empty_storage(row)));
    memory.missed = false;
    memory.said = row.status;
    let mut next = Storage::clone(storage);
    next.shared = row.shared.unwrap_or(next.shared);
    next.plugin = row.plugin.clone().or(next.plugin);
    if let Some(content) = &row.content {
        next.content.clone_from(content);
    }
    // Only an available storage has figures; 0 of 0 is none.
    if row.status == StorageStatus::Available && row.total_bytes.is_some_and(|t| t > 0) {
        if raw != memory.raw {
            next.total_bytes = row.total_bytes;
            next.used_bytes = round::used(row.used_bytes, row.total_bytes);
            memory.raw = raw;
        }
        memory.moved_ms = at_ms;
    }
    if next != **storage {
        *storage = Arc::new(next);
    }
}

fn empty_storage(row: &StorageRow) -> Storage {
    Storage {
        node: row.node.clone(),
        storage: row.storage.clone(),
        status: row.status,
        health: Health::Unknown,
        shared: false,
        content: Vec::new(),
        src: SourceId::resources(),
        why: None,
        plugin: None,
        used_bytes: None,
        total_bytes: None,
        as_of_ms: None,
    }
}

fn count<'a>(nodes: impl Iterator<Item = &'a NodeName>) -> BTreeMap<NodeName, usize> {
    let mut counts: BTreeMap<NodeName, usize> = BTreeMap::new();
    for node in nodes {
        match counts.get_mut(node) {
            Some(n) => *n += 1,
            None => drop(counts.insert(node.clone(), 1)),
        }
    }
    counts
}

/// Which missing things are believed to be gone at the first answer without them: those whose node still
/// has its row and at least one other thing of the kind, unless much is missing altogether.
fn believed<K: Ord + Clone>(
    missing: &[K],
    node_of: impl Fn(&K) -> Option<NodeName>,
    all: &BTreeMap<NodeName, usize>,
    rows: &BTreeSet<&NodeName>,
    much: bool,
) -> BTreeSet<K> {
    if much {
        return BTreeSet::new();
    }
    let homes: Vec<(&K, NodeName)> = missing.iter().filter_map(|k| Some((k, node_of(k)?))).collect();
    let lost = count(homes.iter().map(|(_, n)| n));
    homes
        .iter()
        .filter(|(_, node)| {
            let (lost, all) = (lost.get(node).copied().unwrap_or(0), all.get(node).copied().unwrap_or(0));
            rows.contains(node) && (lost < all || all == 1)
        })
        .map(|(k, _)| (*k).clone())
        .collect()
}
