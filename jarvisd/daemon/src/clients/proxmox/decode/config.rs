//! `GET /nodes/{node}/{kind}/{vmid}/config`: what a guest stands on, and by what it is known again.
//!
//! Proxmox writes a device as one text, `local:100/disk.raw,size=1G`; only the parts that say what the guest needs
//! are taken. Not here: the rest of the configuration, which the tool `guest` shows as it is.

use std::collections::BTreeSet;

use jarvis_core::{cluster::GuestKind, graph::GuestConfig};
use serde_json::{Map, Value, value::RawValue};

use super::{Decoded, Unreadable, guest::UNREADABLE, start};

/// A guest's configuration as far as decisions need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuestFile {
    pub config: GuestConfig,
    /// `name` of a VM, `hostname` of a container.
    pub name: Option<String>,
    /// Proxmox's own digest of the whole configuration; changes with every change of it.
    pub digest: String,
    /// `backup`, `migrate` …: what holds the configuration now.
    pub lock: Option<String>,
    pub template: bool,
    pub tags: Vec<String>,
}

pub(in super::super) fn guest_file(
    data: &RawValue,
    kind: GuestKind,
) -> Result<Decoded<GuestFile>, Unreadable> {
    let map: Map<String, Value> = serde_json::from_str(data.get())
        .map_err(|_| format!("not a guest's configuration: {}", start(data)))?;
    let text = |key: &str| map.get(key).and_then(text);
    let flag = |key: &str| text(key).is_some_and(|t| matches!(t.as_str(), "1" | "true" | "yes" | "on"));
    let mut config = GuestConfig {
        onboot: flag("onboot"),
        boot_order: text("startup").and_then(|t| boot_order(&t)),
        ..GuestConfig::default()
    };
    let (mut storages, mut bridges, mut addresses, mut macs) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (key, value) in &map {
        let Some(value) = self::text(value) else { continue };
        match device(key) {
            Some(Device::Disk) => storages.extend(storage_of(&value)),
            Some(Device::Net) => {
                bridges.extend(part(&value, "bridge").map(str::to_owned));
                addresses.extend(["ip", "ip6"].into_iter().filter_map(|name| address(&value, name)));
                macs.extend(mac_of(&value));
            }
            Some(Device::Ip) => {
                addresses.extend(["ip", "ip6"].into_iter().filter_map(|n| address(&value, n)))
            }
            None => {}
        }
    }
    config.identity = match kind {
        GuestKind::Qemu => born_qemu(&map).or_else(|| joined(&macs)),
        // A container's configuration has no uuid: its hardware addresses were drawn when it was made.
        GuestKind::Lxc => joined(&macs).or_else(|| text("rootfs")),
    };
    config.storages = storages.into_iter().collect();
    config.bridges = bridges.into_iter().collect();
    config.addresses = addresses.into_iter().collect();
    let value = GuestFile {
        config,
        name: text(if kind == GuestKind::Qemu { "name" } else { "hostname" }),
        digest: text("digest").unwrap_or_default(),
        lock: map.get("lock").and_then(lock),
        template: flag("template"),
        tags: text("tags").map(|t| super::words(&t)).unwrap_or_default(),
    };
    Ok(Decoded { value, ..Decoded::default() })
}

/// What cannot be read holds the guest as well.
fn lock(value: &Value) -> Option<String> {
    let unreadable = matches!(value, Value::Array(_) | Value::Object(_)).then(|| UNREADABLE.to_owned());
    text(value).or(unreadable)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.trim().to_owned()).filter(|s| !s.is_empty()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(u8::from(*b).to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

enum Device {
    Disk,
    Net,
    /// cloud-init's address of a network card
    Ip,
}

fn device(key: &str) -> Option<Device> {
    const DISKS: [&str; 7] = ["scsi", "virtio", "ide", "sata", "efidisk", "tpmstate", "mp"];
    let numbered = |name: &str| {
        key.strip_prefix(name).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    if key == "rootfs" || key == "vmstate" || DISKS.into_iter().any(numbered) {
        Some(Device::Disk)
    } else if numbered("net") {
        Some(Device::Net)
    } else {
        numbered("ipconfig").then_some(Device::Ip)
    }
}

/// The storage a volume is on. A container may also be given a folder of a storage's mount.
fn storage_of(value: &str) -> Option<String> {
    let volume = value.split(',').find(|p| !p.contains('=')).or_else(|| part(value, "file"))?;
    if let Some(below) = volume.strip_prefix("/mnt/pve/") {
        return below.split('/').next().map(str::to_owned).filter(|s| !s.is_empty());
    }
    let (storage, _) = volume.split_once(':')?;
    (!storage.is_empty() && !storage.contains('/')).then(|| storage.to_owned())
}

/// The value of `name` in `a=1,name=2`.
fn part<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    value.split(',').filter_map(|p| p.split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v)
}

/// `10.0.0.5` of `ip=10.0.0.5/24`; words such as `dhcp` are no address.
fn address(value: &str, name: &str) -> Option<String> {
    let given = part(value, name)?;
    let bare = given.split('/').next().unwrap_or(given);
    bare.parse::<std::net::IpAddr>().ok().map(|ip| ip.to_string())
}

/// `hwaddr=…` of a container, `virtio=…` and the like of a VM.
fn mac_of(value: &str) -> Option<String> {
    let mac = value.split(',').filter_map(|p| p.split_once('=')).map(|(_, v)| v).find(|v| is_mac(v))?;
    Some(mac.to_ascii_lowercase())
}

pub(in super::super) fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 6 && parts.iter().all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The uuid that the firmware shows; without one what was drawn when the VM was made.
fn born_qemu(map: &Map<String, Value>) -> Option<String> {
    let get = |key: &str| map.get(key).and_then(text);
    let uuid = get("smbios1").and_then(|t| part(&t, "uuid").map(str::to_ascii_lowercase));
    let made = || get("meta").and_then(|t| part(&t, "ctime").map(|t| format!("ctime {t}")));
    uuid.or_else(made).or_else(|| get("vmgenid").map(|t| t.to_ascii_lowercase()))
}

fn joined(all: &BTreeSet<String>) -> Option<String> {
    (!all.is_empty()).then(|| all.iter().cloned().collect::<Vec<_>>().join(" "))
}

/// `order=2,up=30`, or only `2`.
fn boot_order(startup: &str) -> Option<u32> {
    part(startup, "order").or_else(|| startup.split(',').next()).and_then(|n| n.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(kind: GuestKind, value: &Value) -> GuestFile {
        let raw = RawValue::from_string(value.to_string()).unwrap();
        guest_file(&raw, kind).unwrap().value
    }

    #[test]
    fn a_vm_says_what_it_stands_on_and_who_it_is() {
        let file = read(
            GuestKind::Qemu,
            &json!({
                "name": "db", "digest": "d1", "lock": "backup", "onboot": 1, "startup": "order=2,up=30",
                "scsi0": "tank:vm-100-disk-0,size=32G", "efidisk0": "local-lvm:vm-100-disk-1,size=4M",
                "ide2": "none,media=cdrom", "sata0": "/dev/disk/by-id/x,size=1G", "unused0": "old:vm-100-disk-9",
                "scsihw": "virtio-scsi-pci", "net0": "virtio=BC:24:11:F6:6B:1C,bridge=vmbr0,firewall=1",
                "net1": "e1000=BC:24:11:F6:6B:1D,bridge=vmbr1", "ipconfig0": "ip=10.0.0.7/24,gw=10.0.0.1",
                "smbios1": "uuid=0DD754DE-bf71-433b-b21e-075d253b83bf", "memory": "8192", "template": 0,
                "meta": "creation-qemu=10.1.2,ctime=1795370283", "tags": "prod;db",
            }),
        );
        assert_eq!(file.config.storages, ["local-lvm", "tank"]);
        assert_eq!(file.config.bridges, ["vmbr0", "vmbr1"]);
        assert_eq!(file.config.addresses, ["10.0.0.7"]);
        assert_eq!(file.config.identity.as_deref(), Some("0dd754de-bf71-433b-b21e-075d253b83bf"));
        assert_eq!((file.config.onboot, file.config.boot_order), (true, Some(2)));
        assert_eq!(
            (file.name.as_deref(), file.digest.as_str(), file.lock.as_deref()),
            (Some("db"), "d1", Some("backup"))
        );
        assert!(!file.template);
        assert_eq!(file.tags, ["prod", "db"]);
    }

    #[test]
    fn a_container_is_known_by_its_hardware_addresses() {
        let file = read(
            GuestKind::Lxc,
            &json!({
                "hostname": "dns", "rootfs": "local-zfs:subvol-105-disk-0,size=8G",
                "mp0": "/mnt/pve/nas/media,mp=/media", "mp1": "nas-ct:105/vm-105-disk-1.raw,mp=/data",
                "mp2": "/srv/plain,mp=/plain",
                "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:05,ip=10.0.0.5/24,type=veth",
                "net1": "name=eth1,bridge=vmbr0,hwaddr=BC:24:11:00:00:06,ip=dhcp,ip6=fd00::5/64", "startup": "3",
            }),
        );
        assert_eq!(file.config.storages, ["local-zfs", "nas", "nas-ct"]);
        assert_eq!(file.config.addresses, ["10.0.0.5", "fd00::5"]);
        assert_eq!(file.config.identity.as_deref(), Some("bc:24:11:00:00:05 bc:24:11:00:00:06"));
        assert_eq!(file.config.boot_order, Some(3));
        assert_eq!(file.name.as_deref(), Some("dns"));
    }

    #[test]
    fn without_a_uuid_what_was_drawn_at_its_making_tells_a_vm() {
        let born = |value: Value| read(GuestKind::Qemu, &value).config.identity;
        assert_eq!(born(json!({"meta": "ctime=17,creation-qemu=9"})).as_deref(), Some("ctime 17"));
        assert_eq!(born(json!({"vmgenid": "AB"})).as_deref(), Some("ab"));
        assert_eq!(born(json!({"net0": "virtio=BC:24:11:F6:6B:1C"})).as_deref(), Some("bc:24:11:f6:6b:1c"));
        assert_eq!(born(json!({"name": "x"})), None);
    }

    #[test]
    fn odd_values_cost_nothing_but_themselves() {
        let file = read(
            GuestKind::Qemu,
            &json!({"scsi0": ["x"], "net0": {}, "scsi1": ":", "scsi2": "", "lock": null}),
        );
        assert_eq!(file, GuestFile::default());
        let raw = RawValue::from_string("[]".into()).unwrap();
        assert!(guest_file(&raw, GuestKind::Qemu).is_err());
    }
}
