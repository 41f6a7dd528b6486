//! `GET /cluster/resources`: nodes, guests and storages in one list.

use jarvis_core::cluster::reading::{GuestRow, NodeRow, Resources, StorageRow};
use jarvis_core::cluster::{GuestKind, NodeName, NodeStatus, StorageId, StorageStatus};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::Field;
use super::{Decoded, Oddities, Unreadable, fields, guest, rows, words};

enum Row {
    Node(NodeRow),
    Guest(Box<GuestRow>),
    Storage(StorageRow),
}

pub(in super::super) fn resources(data: &RawValue) -> Result<Decoded<Resources>, Unreadable> {
    let mut value = Resources::default();
    let read = rows(data, row, |row| match row {
        Row::Node(n) => value.nodes.push(n),
        Row::Guest(g) => value.guests.push(*g),
        Row::Storage(s) => value.storages.push(s),
    })?;
    Ok(Decoded { value, odd_rows: read.odd_rows, first_odd: read.first_odd })
}

#[derive(Deserialize)]
struct Type {
    #[serde(default, rename = "type")]
    kind: Field<String>,
}

fn row(json: &str, odd: &mut Oddities) -> Result<Option<Row>, Unreadable> {
    let kind: Type = fields(json, odd)?;
    Ok(match kind.kind.read("type", odd).as_deref() {
        Some("qemu") => Some(guest_row(json, GuestKind::Qemu, odd)?),
        Some("lxc") => Some(guest_row(json, GuestKind::Lxc, odd)?),
        Some("node") => Some(Row::Node(node_row(fields(json, odd)?, odd)?)),
        Some("storage") => Some(Row::Storage(storage_row(fields(json, odd)?, odd)?)),
        // `network`, `sdn`, `pool` and what is yet to come.
        Some(_) => None,
        None => return Err("no type".into()),
    })
}

fn guest_row(json: &str, kind: GuestKind, odd: &mut Oddities) -> Result<Row, Unreadable> {
    let mut guest: guest::Fields = fields(json, odd)?;
    let node = node_name(std::mem::take(&mut guest.node), odd)?;
    Ok(Row::Guest(Box::new(guest::row(guest, kind, None, node, odd)?)))
}

fn node_name(field: Field<String>, odd: &mut Oddities) -> Result<NodeName, Unreadable> {
    field.read("node", odd).and_then(|n| n.parse().ok()).ok_or_else(|| "no usable node name".into())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeFields {
    node: Field<String>,
    status: Field<String>,
    cpu: Field<f64>,
    maxcpu: Field<u32>,
    mem: Field<u64>,
    maxmem: Field<u64>,
    disk: Field<u64>,
    maxdisk: Field<u64>,
    uptime: Field<u64>,
}

fn node_row(f: NodeFields, odd: &mut Oddities) -> Result<NodeRow, Unreadable> {
    Ok(NodeRow {
        name: node_name(f.node, odd)?,
        status: match f.status.read("status", odd).as_deref() {
            Some("online") => NodeStatus::Online,
            Some("offline") => NodeStatus::Offline,
            _ => NodeStatus::Unknown,
        },
        cpu: f.cpu.read("cpu", odd).and_then(|share| guest::ratio(share, "cpu", odd)),
        cpu_cores: f.maxcpu.read("maxcpu", odd),
        mem_used_bytes: f.mem.read("mem", odd),
        mem_total_bytes: f.maxmem.read("maxmem", odd),
        disk_used_bytes: f.disk.read("disk", odd),
        disk_total_bytes: f.maxdisk.read("maxdisk", odd),
        uptime_s: f.uptime.read("uptime", odd),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StorageFields {
    node: Field<String>,
    storage: Field<String>,
    status: Field<String>,
    shared: Field<bool>,
    plugintype: Field<String>,
    content: Field<String>,
    disk: Field<u64>,
    maxdisk: Field<u64>,
}

fn storage_row(f: StorageFields, odd: &mut Oddities) -> Result<StorageRow, Unreadable> {
    let node = node_name(f.node, odd)?;
    let storage = f.storage.read("storage", odd).ok_or("no storage name")?;
    StorageId::new(&node, &storage).map_err(|e| e.to_string())?;
    let content = f.content.read("content", odd).map(|text| {
        // Proxmox lists them in another order each time, which must not count as a change.
        let mut content = words(&text);
        content.sort();
        content
    });
    Ok(StorageRow {
        node,
        storage,
        status: match f.status.read("status", odd).as_deref() {
            Some("available") => StorageStatus::Available,
            Some("unavailable" | "inactive" | "offline") => StorageStatus::Unavailable,
            _ => StorageStatus::Unknown,
        },
        shared: f.shared.read("shared", odd),
        plugin: f.plugintype.read("plugintype", odd),
        content,
        used_bytes: f.disk.read("disk", odd),
        total_bytes: f.maxdisk.read("maxdisk", odd),
    })
}
