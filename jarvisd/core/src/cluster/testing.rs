//! Rows and readings for tests, as a small healthy cluster gives them.

use super::{
    ClusterState, GuestKind, GuestStatus, NodeName, NodeStatus, SourceId, StorageStatus, TaskStatus, Upid,
    Vmid, reading::*,
};

pub const GIB: u64 = 1 << 30;
/// A moment in 2026, in milliseconds.
pub const T0: i64 = 1_790_000_000_000;

pub fn name(s: &str) -> NodeName {
    s.parse().unwrap()
}

pub fn vmid(n: u32) -> Vmid {
    n.try_into().unwrap()
}

pub fn node(n: &str, uptime_s: u64) -> NodeRow {
    NodeRow {
        name: name(n),
        status: NodeStatus::Online,
        cpu: Some(0.1),
        cpu_cores: Some(8),
        mem_used_bytes: Some(4 * GIB),
        mem_total_bytes: Some(32 * GIB),
        disk_used_bytes: Some(10 * GIB),
        disk_total_bytes: Some(100 * GIB),
        uptime_s: Some(uptime_s),
    }
}

pub fn node_gone(n: &str, status: NodeStatus) -> NodeRow {
    NodeRow { status, cpu: None, mem_used_bytes: None, disk_used_bytes: None, uptime_s: None, ..node(n, 0) }
}

pub fn guest(id: u32, on: &str, uptime_s: u64) -> GuestRow {
    GuestRow {
        vmid: vmid(id),
        kind: GuestKind::Qemu,
        node: name(on),
        status: GuestStatus::Running,
        name: Some(format!("guest{id}").into()),
        template: Some(false),
        tags: Some("lab".into()),
        cpu: Some(0.05),
        cpu_cores: Some(2.0),
        mem_used_bytes: Some(GIB),
        mem_total_bytes: Some(4 * GIB),
        mem_host_bytes: Some(GIB + 5),
        disk_used_bytes: Some(0),
        disk_total_bytes: Some(32 * GIB),
        uptime_s: Some(uptime_s),
        lock: None,
        pool: None,
        ha_state: None,
        net_in_bytes: Some(uptime_s * 1_000),
        net_out_bytes: Some(uptime_s * 100),
        disk_read_bytes: Some(uptime_s * 50),
        disk_write_bytes: Some(uptime_s * 10),
    }
}

pub fn stopped(id: u32, on: &str) -> GuestRow {
    GuestRow {
        status: GuestStatus::Stopped,
        cpu: Some(0.0),
        mem_used_bytes: Some(0),
        mem_host_bytes: Some(0),
        net_in_bytes: Some(0),
        net_out_bytes: Some(0),
        disk_read_bytes: Some(0),
        disk_write_bytes: Some(0),
        ..guest(id, on, 0)
    }
}

pub fn bare(id: u32, on: &str) -> GuestRow {
    GuestRow {
        status: GuestStatus::Unknown,
        name: None,
        template: None,
        tags: None,
        cpu: None,
        cpu_cores: None,
        mem_used_bytes: None,
        mem_total_bytes: None,
        mem_host_bytes: None,
        disk_used_bytes: None,
        disk_total_bytes: None,
        uptime_s: None,
        net_in_bytes: None,
        net_out_bytes: None,
        disk_read_bytes: None,
        disk_write_bytes: None,
        ..guest(id, on, 0)
    }
}

pub fn storage(on: &str, id: &str, used: u64, total: u64) -> StorageRow {
    StorageRow {
        node: name(on),
        storage: id.into(),
        status: StorageStatus::Available,
        shared: Some(id == "nas"),
        plugin: Some("dir".into()),
        content: Some(vec!["backup".into()]),
        used_bytes: Some(used),
        total_bytes: Some(total),
    }
}

pub fn task(upid_tail: &str, kind: &str, target: &str, start_ms: i64) -> TaskRow {
    let upid: Upid = format!("UPID:pve:0000A{upid_tail}:00B:66:{kind}:{target}:root@pam:").parse().unwrap();
    TaskRow {
        upid,
        node: name("pve"),
        kind: kind.into(),
        target: Some(target.into()),
        user: "root@pam".into(),
        start_ms,
        end_ms: None,
        status: TaskStatus::Running,
        exit: None,
    }
}

pub fn ended(mut row: TaskRow, end_ms: i64, exit: &str) -> TaskRow {
    row.end_ms = Some(end_ms);
    row.status = match exit {
        "OK" => TaskStatus::Ok,
        w if w.starts_with("WARNINGS") => TaskStatus::Warnings,
        _ => TaskStatus::Failed,
    };
    row.exit = Some(exit.into());
    row
}

pub fn members(online: &[(&str, bool)], quorate: bool) -> Membership {
    Membership {
        cluster_name: Some("homelab".into()),
        quorate: Some(quorate),
        version: None,
        nodes: online.iter().map(|(n, online)| Member::named(name(n), *online)).collect(),
    }
}

pub fn reading(source: SourceId, at_ms: i64, part: Part) -> Reading {
    Reading { source, at_ms, interval_ms: 1_000, via: Some(name("pve")), part: Ok(part), odd_rows: 0 }
}

pub fn failed(source: SourceId, at_ms: i64, error: &str) -> Reading {
    Reading { source, at_ms, interval_ms: 1_000, via: None, part: Err(error.into()), odd_rows: 0 }
}

pub fn rows(at_ms: i64, answer: Resources) -> Reading {
    reading(SourceId::resources(), at_ms, Part::Resources(answer))
}

pub fn membership(at_ms: i64, answer: Membership) -> Reading {
    reading(SourceId::membership(), at_ms, Part::Membership(answer))
}

pub fn tasks(at_ms: i64, answer: Vec<TaskRow>) -> Reading {
    reading(SourceId::tasks(), at_ms, Part::Tasks(answer))
}

pub fn now(at_ms: i64, row: GuestRow) -> Reading {
    reading(SourceId::resources(), at_ms, Part::GuestNow(row))
}

/// Two nodes, three guests (100 and 101 on pve, 102 on agent1), local storage on both; figures as of the
/// last round of ten seconds.
pub fn world(at_ms: i64) -> Resources {
    let round = u64::try_from((at_ms - T0) / 10_000 * 10).unwrap() + 1_000;
    Resources {
        nodes: vec![node("pve", round), node("agent1", round)],
        guests: vec![guest(100, "pve", round), stopped(101, "pve"), guest(102, "agent1", round)],
        storages: vec![storage("pve", "local", GIB, 10 * GIB), storage("agent1", "local", GIB, 10 * GIB)],
    }
}

pub const ALL: [(&str, bool); 2] = [("pve", true), ("agent1", true)];

/// The healthy cluster, watched for `s` seconds from `T0`.
pub fn healthy(s: i64) -> ClusterState {
    (0..=s).fold(ClusterState::default(), |state, t| {
        let at = T0 + t * 1_000;
        state.absorb(&[membership(at, members(&ALL, true)), rows(at, world(at)), tasks(at, vec![])], at)
    })
}
