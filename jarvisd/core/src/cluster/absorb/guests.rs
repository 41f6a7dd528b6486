//! Guest rows: what Proxmox says of each guest and its figures. Whether that can be believed while its
//! node is away is settled afterwards (`settle`).
//!
//! Proxmox refreshes figures only every 10 s, while configuration (lock, tags, pool) is current in every
//! answer. So an unchanged row says nothing new about figures, and a status read from the guest itself
//! outranks a row for as long as that row may still be older.

use std::{collections::BTreeMap, sync::Arc};

use crate::cluster::{
    ClusterState, Guest, GuestKind, GuestStatus, Health, Node, NodeName, SourceId, Tags, Vmid,
    memory::{Direct, Grade, GuestMemory, RawGuest},
    reading::GuestRow,
    round,
};

pub(super) type Nodes = BTreeMap<NodeName, Arc<Node>>;

/// How long a status read from the guest itself stands against a row that contradicts it: one round of
/// Proxmox's figures (10 s) and two seconds for the round to be written and asked.
pub const DIRECT_HOLDS_MS: i64 = 12_000;
/// `running` in a row does not contradict a direct `paused`; the pause is believed over until the guest is
/// seen to use its processors in a round that began well after the direct read.
pub const PAUSE_DOUBTED_AFTER_MS: i64 = 25_000;
/// A start time moves only when the uptime says so by more than this: an uptime is up to one round old,
/// and in whole seconds.
pub const START_SLACK_MS: i64 = 15_000;

/// Takes one row of `resources` into a known guest.
pub(super) fn update(
    guest: &mut Arc<Guest>,
    memory: &mut GuestMemory,
    row: &GuestRow,
    nodes: &Nodes,
    at_ms: i64,
) {
    memory.missed = false;
    let bare = is_bare(row);
    let raw = raw(row);
    let held = hold(memory, &raw, at_ms);
    let moved = !bare && raw != memory.raw;
    let said = match held {
        Some(status) => status,
        None => row.status,
    };
    let figures = !bare && held.is_none() && (moved || memory.direct.is_some());
    if said == memory.said && !moved && !figures && same_names(guest, row, bare) {
        return;
    }
    // Copied straight into its own place: of 10,000 changed guests every move shows.
    let mut copy = Arc::clone(guest);
    let next = Arc::make_mut(&mut copy);
    names(next, row, nodes, bare);
    if figures {
        take_figures(next, row, memory, (said, moved.then_some(&raw)), at_ms);
    }
    if held.is_none() && !bare {
        memory.direct = None;
    }
    if moved {
        memory.raw = raw;
        memory.moved_ms = at_ms;
    }
    memory.said = said;
    if copy != *guest {
        *guest = copy;
    }
}

/// The direct status to keep against this row, or `None` when the row is to be taken.
fn hold(memory: &GuestMemory, raw: &RawGuest, at_ms: i64) -> Option<GuestStatus> {
    let direct = memory.direct?;
    let row = raw.status?;
    if row == direct.status {
        return None;
    }
    // Both ways: an answer that set out before the direct read may arrive after it. A clock that jumped
    // far either way ends the hold.
    let age_ms = at_ms.saturating_sub(direct.at_ms);
    let paused = matches!(direct.status, GuestStatus::Paused | GuestStatus::Suspended);
    if paused && row == GuestStatus::Running {
        let awake =
            age_ms >= PAUSE_DOUBTED_AFTER_MS && raw != &memory.raw && raw.cpu.is_some_and(|c| c > 0.0);
        return (!awake).then_some(direct.status);
    }
    (age_ms.saturating_abs() < DIRECT_HOLDS_MS).then_some(direct.status)
}

/// Takes a status read from the guest itself.
pub(super) fn direct(state: &mut ClusterState, row: &GuestRow, at_ms: i64) {
    let (Some(guest), Some(memory)) =
        (state.guests.get_mut(&row.vmid), state.memory.guests.get_mut(&row.vmid))
    else {
        let (guest, mut memory) = create(row, &state.nodes, at_ms);
        memory.direct = Some(Direct { at_ms, status: row.status });
        state.guests.insert(row.vmid, Arc::new(guest));
        state.memory.guests.extend([(row.vmid, memory)]);
        return;
    };
    // Overtaken by a newer one; further back than that it is the clock that was set back.
    let overtaken = |d: Direct| (1..DIRECT_HOLDS_MS).contains(&d.at_ms.saturating_sub(at_ms));
    if memory.direct.is_some_and(overtaken) || row.status == GuestStatus::Unknown {
        return;
    }
    let mut next = Guest::clone(guest);
    names(&mut next, row, &state.nodes, true);
    next.lock.clone_from(&row.lock);
    let was = memory.said;
    memory.said = row.status;
    memory.direct = Some(Direct { at_ms, status: row.status });
    if runs(row.status) {
        // No counters here: they would be newer than the next row's and look like a restart.
        next.cpu = round::share(row.cpu).or(next.cpu);
        next.mem_used_bytes =
            nonzero(round::used(row.mem_used_bytes, next.mem_total_bytes)).or(next.mem_used_bytes);
        if !runs(was) {
            still(&mut next);
            next.started_ms = started(row.uptime_s, at_ms);
        }
    } else {
        off(&mut next);
    }
    if next != **guest {
        *guest = Arc::new(next);
    }
}

/// A guest seen for the first time.
pub(super) fn create(row: &GuestRow, nodes: &Nodes, at_ms: i64) -> (Guest, GuestMemory) {
    let mut guest = Guest {
        vmid: row.vmid,
        kind: row.kind,
        node: place(nodes, &row.node),
        status: row.status,
        health: Health::Unknown,
        template: false,
        tags: Tags::default(),
        src: SourceId::resources(),
        name: None,
        why: None,
        cpu: None,
        cpu_cores: None,
        mem_used_bytes: None,
        mem_total_bytes: None,
        mem_host_bytes: None,
        disk_used_bytes: None,
        disk_total_bytes: None,
        started_ms: None,
        lock: None,
        pool: None,
        ha_state: None,
        net_in_bps: None,
        net_out_bps: None,
        disk_read_bps: None,
        disk_write_bps: None,
        as_of_ms: None,
    };
    let bare = is_bare(row);
    let mut memory = GuestMemory {
        raw: RawGuest::default(),
        moved_ms: at_ms,
        direct: None,
        said: row.status,
        known: None,
        mem: Grade::Fine,
        disk: Grade::Fine,
        missed: false,
        seat: 0,
    };
    names(&mut guest, row, nodes, bare);
    if !bare {
        let raw = raw(row);
        take_figures(&mut guest, row, &memory, (row.status, Some(&raw)), at_ms);
        memory.raw = raw;
    }
    (guest, memory)
}

/// A row without name and sizes: a guest just made, or of a node that is away. It has no figures.
fn is_bare(row: &GuestRow) -> bool {
    row.status == GuestStatus::Unknown || (row.name.is_none() && row.mem_total_bytes.is_none())
}

/// Of two rows with one VMID (a guest on the move) the one that says more.
pub(super) fn says_more(a: &GuestRow, b: &GuestRow) -> bool {
    let weight = |r: &GuestRow| (!is_bare(r), runs(r.status), r.uptime_s);
    weight(a) > weight(b)
}

/// The node's own copy of its name: ten thousand guests share fifty of them.
fn place(nodes: &Nodes, name: &NodeName) -> NodeName {
    nodes.get(name).map_or(name, |n| &n.name).clone()
}

/// What every answer knows currently: place, name, configuration. A bare row keeps what was known.
fn names(guest: &mut Guest, row: &GuestRow, nodes: &Nodes, bare: bool) {
    guest.kind = row.kind;
    if guest.node != row.node {
        guest.node = place(nodes, &row.node);
    }
    if row.name.is_some() && row.name != guest.name {
        guest.name.clone_from(&row.name);
    }
    guest.template = row.template.unwrap_or(bare && guest.template);
    match &row.tags {
        Some(tags) if *tags != guest.tags => guest.tags = tags.clone(),
        None if !bare => guest.tags = Tags::default(),
        _ => {}
    }
    guest.cpu_cores = row.cpu_cores.filter(|c| *c > 0.0).or(guest.cpu_cores);
    guest.mem_total_bytes = nonzero(row.mem_total_bytes).or(guest.mem_total_bytes);
    guest.disk_total_bytes = nonzero(row.disk_total_bytes).or(guest.disk_total_bytes);
    if row.lock != guest.lock {
        guest.lock.clone_from(&row.lock);
    }
    // Missing in a bare row as well when set; both come from the cluster's own configuration.
    if (!bare || row.pool.is_some()) && row.pool != guest.pool {
        guest.pool.clone_from(&row.pool);
    }
    if !bare || row.ha_state.is_some() {
        guest.ha_state.clone_from(&row.ha_state);
    }
}

/// Whether [`names`] would change nothing; spares a copy of every quiet guest.
fn same_names(guest: &Guest, row: &GuestRow, bare: bool) -> bool {
    guest.kind == row.kind
        && guest.node == row.node
        && (row.name.is_none() || row.name == guest.name)
        && guest.template == row.template.unwrap_or(bare && guest.template)
        && row.tags.as_ref().map_or(bare || guest.tags.is_empty(), |t| *t == guest.tags)
        && row.cpu_cores.is_none_or(|c| c <= 0.0 || guest.cpu_cores == Some(c))
        && nonzero(row.mem_total_bytes).is_none_or(|n| guest.mem_total_bytes == Some(n))
        && nonzero(row.disk_total_bytes).is_none_or(|n| guest.disk_total_bytes == Some(n))
        && row.lock == guest.lock
        && ((bare && row.pool.is_none()) || row.pool == guest.pool)
        && ((bare && row.ha_state.is_none()) || row.ha_state == guest.ha_state)
}

/// `moved`: what the row says now, when that is not what it said before.
fn take_figures(
    guest: &mut Guest,
    row: &GuestRow,
    memory: &GuestMemory,
    (said, moved): (GuestStatus, Option<&RawGuest>),
    at_ms: i64,
) {
    if !runs(said) {
        off(guest);
        guest.disk_used_bytes = disk(row, guest.disk_total_bytes);
        return;
    }
    let reset = row.uptime_s < memory.raw.uptime_s;
    guest.cpu = round::share(row.cpu);
    guest.mem_used_bytes = nonzero(round::used(row.mem_used_bytes, guest.mem_total_bytes));
    guest.mem_host_bytes = nonzero(round::used(row.mem_host_bytes, None));
    guest.disk_used_bytes = disk(row, guest.disk_total_bytes);
    guest.started_ms = start_time(guest.started_ms.filter(|_| !reset), row.uptime_s, at_ms);
    let Some(new) = moved else { return };
    if reset || !memory.raw.status.is_some_and(runs) {
        still(guest);
        return;
    }
    let span_ms = at_ms.saturating_sub(memory.moved_ms);
    let [net_in, net_out, read, write] = rates(memory.raw.counters, new.counters, span_ms);
    guest.net_in_bps = net_in;
    guest.net_out_bps = net_out;
    guest.disk_read_bps = read;
    guest.disk_write_bps = write;
}

/// A counter that went back was reset: unknown until it has grown again.
fn rates(was: [Option<u64>; 4], is: [Option<u64>; 4], span_ms: i64) -> [Option<u64>; 4] {
    let mut out = [None; 4];
    for (slot, (was, is)) in out.iter_mut().zip(was.into_iter().zip(is)) {
        *slot = was.zip(is).and_then(|(w, i)| i.checked_sub(w)).and_then(|n| round::per_second(n, span_ms));
    }
    out
}

fn raw(row: &GuestRow) -> RawGuest {
    RawGuest {
        status: Some(row.status),
        uptime_s: row.uptime_s,
        cpu: row.cpu.filter(|c| c.is_finite()),
        mem_used_bytes: row.mem_used_bytes,
        mem_host_bytes: row.mem_host_bytes,
        disk_used_bytes: row.disk_used_bytes,
        counters: [row.net_in_bytes, row.net_out_bytes, row.disk_read_bytes, row.disk_write_bytes],
    }
}

/// Uptimes are old by up to one round, so the earliest start that any of them gives is nearest the truth.
pub(super) fn start_time(was: Option<i64>, uptime_s: Option<u64>, at_ms: i64) -> Option<i64> {
    let implied = started(uptime_s, at_ms)?;
    match was {
        Some(was) if implied < was.saturating_sub(1_000) => Some(implied),
        Some(was) if implied <= was.saturating_add(START_SLACK_MS) => Some(was),
        _ => Some(implied),
    }
}

fn started(uptime_s: Option<u64>, at_ms: i64) -> Option<i64> {
    let uptime_ms = i64::try_from(uptime_s.filter(|s| *s > 0)?).ok()?.checked_mul(1_000)?;
    let start = at_ms.checked_sub(uptime_ms)?;
    Some(start.div_euclid(1_000).saturating_mul(1_000))
}

/// Proxmox does not know what is inside a VM's disks and answers 0: that is unknown, not empty.
fn disk(row: &GuestRow, total: Option<u64>) -> Option<u64> {
    match row.kind {
        GuestKind::Qemu => nonzero(round::used(row.disk_used_bytes, total)),
        GuestKind::Lxc => round::used(row.disk_used_bytes, total),
    }
}

fn nonzero(n: Option<u64>) -> Option<u64> {
    n.filter(|n| *n > 0)
}

pub(crate) fn runs(status: GuestStatus) -> bool {
    !matches!(status, GuestStatus::Stopped | GuestStatus::Unknown)
}

/// A guest that is off has no figures of a running one.
fn off(guest: &mut Guest) {
    guest.cpu = None;
    guest.mem_used_bytes = None;
    guest.mem_host_bytes = None;
    guest.started_ms = None;
    still(guest);
}

fn still(guest: &mut Guest) {
    guest.net_in_bps = None;
    guest.net_out_bps = None;
    guest.disk_read_bps = None;
    guest.disk_write_bps = None;
}

/// The name people know it by: `104 gitea`.
pub(crate) fn label(vmid: Vmid, name: Option<&str>) -> String {
    name.map_or_else(|| vmid.to_string(), |n| format!("{vmid} {n}"))
}
