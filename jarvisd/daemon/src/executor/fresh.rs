//! Reads that acting needs and nobody else asks for: a guest's configuration, storages' servers, HA's states, a
//! node's own list of tasks, units, snapshots.
//!
//! Foreign shapes become ours here. What is odd is left out; whoever needs it then finds it missing.

use std::collections::BTreeMap;

use jarvis_core::{
    cluster::{GuestKind, NodeName, TaskStatus, Upid, Vmid},
    graph::{GuestConfig, StorageConfig},
};
use serde_json::{Map, Value};

use crate::clients::proxmox::{Proxmox, ProxmoxError};

/// What a guest's configuration says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestRead {
    pub config: GuestConfig,
    pub lock: Option<String>,
    pub digest: String,
}

/// A task as its node lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeTask {
    pub upid: Upid,
    pub kind: String,
    pub user: String,
    pub start_ms: i64,
    pub status: TaskStatus,
}

pub async fn guest_config(
    proxmox: &Proxmox,
    node: &NodeName,
    kind: GuestKind,
    vmid: Vmid,
) -> Result<GuestRead, ProxmoxError> {
    let number = vmid.to_string();
    let map = object(proxmox, &["nodes", node.as_str(), word(kind), &number, "config"], &[]).await?;
    Ok(guest_read(&map, kind))
}

/// By name.
pub async fn storage_configs(proxmox: &Proxmox) -> Result<BTreeMap<String, StorageConfig>, ProxmoxError> {
    let rows = list(proxmox, &["storage"], &[]).await?;
    let named = rows.iter().filter_map(|row| {
        let server = text(row, "server").or_else(|| text(row, "portal"));
        Some((text(row, "storage")?, StorageConfig { server }))
    });
    Ok(named.collect())
}

/// The HA manager's present state of each guest it manages.
pub async fn ha_states(proxmox: &Proxmox) -> Result<BTreeMap<Vmid, String>, ProxmoxError> {
    let rows = list(proxmox, &["cluster", "ha", "status", "current"], &[]).await?;
    let services = rows.iter().filter_map(|row| {
        let sid = text(row, "sid")?;
        let (_, vmid) = sid.split_once(':')?;
        Some((vmid.parse().ok()?, text(row, "crm_state").or_else(|| text(row, "state"))?))
    });
    Ok(services.collect())
}

/// Tasks of a node since then, finished ones too, newest first.
pub async fn node_tasks(
    proxmox: &Proxmox,
    node: &NodeName,
    since_ms: i64,
    vmid: Option<Vmid>,
) -> Result<Vec<NodeTask>, ProxmoxError> {
    let since = (since_ms.max(0) / 1_000).to_string();
    let number = vmid.map(|vmid| vmid.to_string());
    let mut query = vec![("source", "all"), ("since", since.as_str()), ("limit", "500")];
    if let Some(number) = &number {
        query.push(("vmid", number));
    }
    let rows = list(proxmox, &["nodes", node.as_str(), "tasks"], &query).await?;
    Ok(rows.iter().filter_map(task).collect())
}

/// Units of a node and whether each runs; missing where the node does not say.
pub async fn services(
    proxmox: &Proxmox,
    node: &NodeName,
) -> Result<BTreeMap<String, Option<bool>>, ProxmoxError> {
    let rows = list(proxmox, &["nodes", node.as_str(), "services"], &[]).await?;
    let units = rows.iter().filter_map(|row| {
        let name = text(row, "service").or_else(|| text(row, "name"))?;
        let running = match (text(row, "active-state"), text(row, "state")) {
            (Some(active), _) => Some(active == "active"),
            (None, Some(state)) => Some(state == "running"),
            (None, None) => None,
        };
        Some((name, running))
    });
    Ok(units.collect())
}

pub async fn snapshots(
    proxmox: &Proxmox,
    node: &NodeName,
    kind: GuestKind,
    vmid: Vmid,
) -> Result<Vec<String>, ProxmoxError> {
    let number = vmid.to_string();
    let rows = list(proxmox, &["nodes", node.as_str(), word(kind), &number, "snapshot"], &[]).await?;
    Ok(rows.iter().filter_map(|row| text(row, "name")).filter(|name| name != "current").collect())
}

/// When each backup of the guest on this storage was made, UTC seconds.
pub async fn backups(
    proxmox: &Proxmox,
    node: &NodeName,
    storage: &str,
    vmid: Vmid,
) -> Result<Vec<i64>, ProxmoxError> {
    let number = vmid.to_string();
    let query = [("content", "backup"), ("vmid", number.as_str())];
    let rows = list(proxmox, &["nodes", node.as_str(), "storage", storage, "content"], &query).await?;
    Ok(rows.iter().filter_map(|row| row.get("ctime").and_then(whole)).collect())
}

/// Seconds since the node was started.
pub async fn node_uptime_s(proxmox: &Proxmox, node: &NodeName) -> Result<Option<i64>, ProxmoxError> {
    let map = object(proxmox, &["nodes", node.as_str(), "status"], &[]).await?;
    Ok(map.get("uptime").and_then(whole))
}

async fn object(
    proxmox: &Proxmox,
    path: &[&str],
    query: &[(&str, &str)],
) -> Result<Map<String, Value>, ProxmoxError> {
    let raw = proxmox.get_raw(path, query).await?;
    Ok(serde_json::from_str(raw.value.get()).unwrap_or_default())
}

async fn list(
    proxmox: &Proxmox,
    path: &[&str],
    query: &[(&str, &str)],
) -> Result<Vec<Map<String, Value>>, ProxmoxError> {
    let raw = proxmox.get_raw(path, query).await?;
    let rows: Vec<Value> = serde_json::from_str(raw.value.get()).unwrap_or_default();
    Ok(rows.into_iter().filter_map(|row| if let Value::Object(map) = row { Some(map) } else { None }).collect())
}

fn word(kind: GuestKind) -> &'static str {
    match kind {
        GuestKind::Qemu => "qemu",
        GuestKind::Lxc => "lxc",
    }
}

/// Proxmox writes numbers and texts for one another.
fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    match map.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn task(row: &Map<String, Value>) -> Option<NodeTask> {
    let user = match (text(row, "user")?, text(row, "tokenid")) {
        (user, Some(token)) if !user.contains('!') => format!("{user}!{token}"),
        (user, _) => user,
    };
    let ended = row.get("endtime").and_then(whole).is_some();
    let status = match (ended, text(row, "status").as_deref()) {
        (false, _) => TaskStatus::Running,
        (true, Some("OK")) => TaskStatus::Ok,
        (true, Some(word)) if word.starts_with("WARNINGS") => TaskStatus::Warnings,
        (true, None | Some("unexpected status")) => TaskStatus::Unknown,
        (true, Some(_)) => TaskStatus::Failed,
    };
    Some(NodeTask {
        upid: text(row, "upid")?.parse().ok()?,
        kind: text(row, "type")?,
        user,
        start_ms: row.get("starttime").and_then(whole)?.saturating_mul(1_000),
        status,
    })
}

fn guest_read(map: &Map<String, Value>, kind: GuestKind) -> GuestRead {
    let mut config = GuestConfig {
        identity: identity(map, kind),
        onboot: map.get("onboot").and_then(whole) == Some(1),
        boot_order: text(map, "startup").and_then(|s| option(&s, "order")?.parse().ok()),
        ..GuestConfig::default()
    };
    for (key, value) in map {
        let Value::String(value) = value else { continue };
        let first = value.split(',').next().unwrap_or_default();
        if is_numbered(key, &["scsi", "virtio", "ide", "sata", "efidisk", "tpmstate", "mp"]) || key == "rootfs" {
            let medium = option(value, "media").as_deref() == Some("cdrom");
            if let Some((storage, _)) = first.split_once(':').filter(|(name, _)| !medium && !name.contains('/')) {
                push(&mut config.storages, storage);
            }
        } else if is_numbered(key, &["net"]) {
            option(value, "bridge").into_iter().for_each(|bridge| push(&mut config.bridges, &bridge));
            address(value).into_iter().for_each(|ip| push(&mut config.addresses, &ip));
        } else if is_numbered(key, &["ipconfig"]) {
            address(value).into_iter().for_each(|ip| push(&mut config.addresses, &ip));
        }
    }
    GuestRead { config, lock: text(map, "lock"), digest: text(map, "digest").unwrap_or_default() }
}

/// A VM's smbios uuid. A container has none: its first network card's address is drawn when it is made.
fn identity(map: &Map<String, Value>, kind: GuestKind) -> Option<String> {
    match kind {
        GuestKind::Qemu => option(&text(map, "smbios1")?, "uuid"),
        GuestKind::Lxc => {
            let card = map.iter().find(|(key, _)| is_numbered(key, &["net"]));
            let card = card.and_then(|(_, value)| option(value.as_str()?, "hwaddr"));
            card.or_else(|| text(map, "rootfs")?.split(',').next().map(str::to_owned))
        }
    }
}

fn is_numbered(key: &str, words: &[&str]) -> bool {
    words.iter().any(|word| {
        let number = key.strip_prefix(word);
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// `…,key=value,…`
fn option(text: &str, key: &str) -> Option<String> {
    let pairs = text.split(',').filter_map(|part| part.trim().split_once('='));
    pairs.filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).next()
}

fn address(card: &str) -> Option<String> {
    let ip = option(card, "ip")?;
    let ip = ip.split('/').next().unwrap_or_default();
    ip.parse::<std::net::IpAddr>().ok().map(|ip| ip.to_string())
}

fn push(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|known| known == item) {
        list.push(item.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value, kind: GuestKind) -> GuestRead {
        let Value::Object(map) = value else { panic!("an object") };
        guest_read(&map, kind)
    }

    #[test]
    fn a_vm_stands_on_its_disks_storages_and_bridges_and_a_cd_is_no_disk() {
        let read = read(
            json!({
                "smbios1": "uuid=6f4c-1,base64=1", "scsi0": "local-lvm:vm-100-disk-0,size=32G",
                "virtio1": "nas:100/vm-100-disk-1.qcow2", "ide2": "local:iso/x.iso,media=cdrom", "scsihw": "virtio-scsi-pci",
                "efidisk0": "local-lvm:vm-100-disk-2", "net0": "virtio=BC:24,bridge=vmbr0", "net1": "virtio=BC:25,bridge=vmbr1",
                "ipconfig0": "ip=192.168.1.9/24,gw=192.168.1.1", "onboot": "1", "startup": "order=3,up=10",
                "lock": "backup", "digest": "d1",
            }),
            GuestKind::Qemu,
        );
        assert_eq!(read.config.storages, ["local-lvm", "nas"]);
        assert_eq!(read.config.bridges, ["vmbr0", "vmbr1"]);
        assert_eq!(read.config.addresses, ["192.168.1.9"]);
        assert_eq!((read.config.onboot, read.config.boot_order), (true, Some(3)));
        assert_eq!(read.config.identity.as_deref(), Some("6f4c-1"));
        assert_eq!((read.lock.as_deref(), read.digest.as_str()), (Some("backup"), "d1"));
    }

    #[test]
    fn a_container_is_known_by_its_card_and_a_bind_mount_is_no_storage() {
        let read = read(
            json!({
                "rootfs": "local:vm-101-disk-0,size=8G", "mp0": "/srv/data,mp=/data",
                "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=dhcp,type=veth", "onboot": 0,
            }),
            GuestKind::Lxc,
        );
        assert_eq!(read.config.storages, ["local"]);
        assert_eq!(read.config.identity.as_deref(), Some("BC:24:11:00:00:01"));
        assert!(!read.config.onboot && read.config.addresses.is_empty());
    }
}
