//! `/nodes/N/disks`: disks, their health, ZFS pools.

use serde_json::{Value, json};

use super::params::{Must, opt, req};
use super::reply::Reply;
use super::{Call, Perm, Route, get, wave};
use crate::cluster::World;
use crate::cluster::model::{Node, Storage};
use crate::num;

pub const ROUTES: &[Route] = &[
    get(
        "/nodes/{node}/disks/list",
        Perm::Node("Sys.Audit"),
        &[opt("include-partitions", Must::Bool), opt("skipsmart", Must::Bool), opt("type", Must::Text)],
        list,
    ),
    get(
        "/nodes/{node}/disks/smart",
        Perm::Root("Sys.Audit"),
        &[req("disk", Must::Text), opt("healthonly", Must::Bool)],
        smart,
    ),
    get("/nodes/{node}/disks/zfs", Perm::Root("Sys.Audit"), &[], zfs),
    get("/nodes/{node}/disks/lvm", Perm::Root("Sys.Audit"), &[], lvm),
    get("/nodes/{node}/disks/lvmthin", Perm::Root("Sys.Audit"), &[], lvmthin),
    get("/nodes/{node}/disks/directory", Perm::Root("Sys.Audit"), &[], super::access::empty),
    get("/nodes/{node}/disks/zfs/{name}", Perm::Root("Sys.Audit"), &[], zfs_one),
];

/// A disk of a node, the same for the API and for `smartctl`.
pub struct Disk {
    pub path: &'static str,
    /// `nvme` or `hdd`.
    pub kind: &'static str,
    pub model: &'static str,
    pub serial: String,
    pub size_bytes: u64,
    pub used: &'static str,
    /// Of its life, for flash.
    pub worn_percent: u64,
    pub degrees: u64,
    pub seed: u64,
}

/// The share that the second machine of the seed exports lies on a pool of two disks.
pub struct Pool {
    pub name: String,
    pub size_bytes: u64,
    pub alloc_bytes: u64,
    pub frag_percent: u64,
    /// `ONLINE` or `DEGRADED`.
    pub health: &'static str,
}

const SWAP_BYTES: u64 = 8_589_934_592;
/// Machines below this have one disk.
const CPUS_WITH_HDD: u64 = 5;
/// The machine with the pool.
const NAS_NODEID: u64 = 2;

pub fn disks(node: &Node) -> Vec<Disk> {
    let own = |n: u64| wave::hash(node.how.seed, n);
    let serial = |n: u64| format!("S6{:08X}", own(n) & 0xffff_ffff);
    let hdd = |path: &'static str, n: u64, used: &'static str| Disk {
        path,
        kind: "hdd",
        model: "ST4000VN006-3CW104",
        serial: serial(n),
        size_bytes: 4_000_787_030_016,
        used,
        worn_percent: 0,
        degrees: 32 + own(n) % 5,
        seed: own(n),
    };
    let mut all = vec![Disk {
        path: "/dev/nvme0n1",
        kind: "nvme",
        model: "Samsung SSD 980 PRO 1TB",
        serial: serial(1),
        size_bytes: 1_000_204_886_016,
        used: "LVM",
        worn_percent: num::whole(2.0 + 10.0 * wave::unit(node.how.seed, 4)),
        degrees: 39 + own(1) % 6,
        seed: own(1),
    }];
    if node.nodeid == NAS_NODEID {
        all.extend([hdd("/dev/sda", 2, "ZFS"), hdd("/dev/sdb", 3, "ZFS")]);
    } else if node.cpus >= CPUS_WITH_HDD {
        all.push(hdd("/dev/sda", 2, "partitions"));
    }
    all
}

/// The ZFS pool of a node, if it has one.
pub fn pool(world: &World, node: &Node) -> Option<Pool> {
    if node.nodeid != NAS_NODEID {
        return None;
    }
    let text = |s: &Storage, key: &str| s.options.get(key).and_then(Value::as_str).map(str::to_owned);
    let served = |s: &&Storage| s.plugin == "nfs" && text(s, "server").as_deref() == Some(node.ip.as_str());
    let storage = world.storages.iter().find(served)?;
    let export = text(storage, "export").unwrap_or_default();
    let used = storage.used_bytes(&node.name, num::real(world.now.unix_s()));
    Some(Pool {
        name: export.rsplit('/').next().unwrap_or("pool").to_owned(),
        size_bytes: storage.total_bytes / 96 * 100,
        alloc_bytes: used,
        frag_percent: 12,
        health: if world.pool_degraded(&node.name) { "DEGRADED" } else { "ONLINE" },
    })
}

fn health(world: &World, node: &Node, disk: &Disk) -> &'static str {
    if world.disk_failing(&node.name, disk.path) { "FAILED" } else { "PASSED" }
}

fn list(world: &mut World, call: &Call) -> Reply {
    let Some(node) = world.node(call.part("node")) else { return Reply::data(json!([])) };
    let row = |d: Disk| {
        let wear = if d.kind == "nvme" { json!(100 - d.worn_percent) } else { json!("N/A") };
        json!({"devpath": d.path, "type": d.kind, "model": d.model, "size": d.size_bytes, "used": d.used,
            "serial": d.serial, "vendor": "unknown", "gpt": 1, "mounted": 0, "health": health(world, node, &d), "wearout": wear,
            "rpm": if d.kind == "hdd" { 5_400 } else { 0 }, "osdid": -1, "osdid-list": null,
            "by_id_link": format!("/dev/disk/by-id/{}-{}", if d.kind == "nvme" { "nvme" } else { "ata" }, d.serial),
            "wwn": format!("eui.0025385{:09x}", d.seed & 0xf_ffff_ffff)})
    };
    Reply::data(disks(node).into_iter().map(row).collect()).taking(190)
}

fn smart(world: &mut World, call: &Call) -> Reply {
    let path = call.param("disk").unwrap_or_default();
    let found = world.node(call.part("node")).and_then(|n| disks(n).into_iter().find(|d| d.path == path));
    let Some(disk) = found else { return Reply::fail(format!("'{path}' is not a valid local disk")) };
    let verdict = world.node(call.part("node")).map_or("UNKNOWN", |n| health(world, n, &disk));
    if call.flag("healthonly") {
        return Reply::data(json!({"health": verdict}));
    }
    if disk.kind == "nvme" {
        let text = format!(
            "\nSMART/Health Information (NVMe Log 0x02)\nCritical Warning:                   0x00\nTemperature:                        {} Celsius\nAvailable Spare:                    100%\nPercentage Used:                    {}%\nMedia and Data Integrity Errors:    0\n",
            disk.degrees, disk.worn_percent
        );
        return Reply::data(json!({"type": "text", "health": verdict, "text": text}));
    }
    let row = |id: &str, name: &str, value: u64, threshold: u64, raw: u64, flags: &str| {
        json!({"id": id, "name": name, "value": value, "worst": value, "threshold": threshold, "raw": raw.to_string(),
            "fail": "-", "flags": flags, "normalized": value})
    };
    Reply::data(json!({"type": "ata", "health": verdict, "attributes": [
        row("  5", "Reallocated_Sector_Ct", 100, 10, 0, "PO--CK"),
        row("194", "Temperature_Celsius", disk.degrees, 0, disk.degrees, "-O---K"),
        row("197", "Current_Pending_Sector", 100, 0, 0, "-O--C-"),
    ]}))
}

fn zfs(world: &mut World, call: &Call) -> Reply {
    let pool = world.node(call.part("node")).and_then(|n| pool(world, n));
    let row = |p: Pool| {
        json!({"name": p.name, "size": p.size_bytes, "alloc": p.alloc_bytes, "free": p.size_bytes - p.alloc_bytes,
            "frag": p.frag_percent, "dedup": 1.0, "health": p.health})
    };
    Reply::data(pool.into_iter().map(row).collect()).taking(60)
}

/// The volume group of a node's first disk: root, swap and the thin pool.
fn lvm(world: &mut World, call: &Call) -> Reply {
    let Some(node) = world.node(call.part("node")) else { return Reply::fail("no such node") };
    let Some(disk) = disks(node).into_iter().next() else {
        return Reply::data(json!({"leaf": 0, "children": []}));
    };
    let thin: u64 = thin_pools(world, node).map(|s| s.total_bytes).sum();
    let size = disk.size_bytes.max(thin + node.root_bytes + SWAP_BYTES);
    let free = size - thin - node.root_bytes - SWAP_BYTES;
    let guests = world.guests.values().filter(|g| g.node == node.name).count();
    Reply::data(json!({"leaf": 0, "children": [{"name": "pve", "leaf": 0, "size": size, "free": free,
        "lvcount": guests + 3, "children": [{"name": format!("{}p3", disk.path), "leaf": 1, "size": size, "free": free}]}]}))
    .taking(90)
}

fn thin_pools<'w>(world: &'w World, node: &'w Node) -> impl Iterator<Item = &'w Storage> {
    world.storages.iter().filter(|s| s.plugin == "lvmthin" && s.on(&node.name))
}

fn lvmthin(world: &mut World, call: &Call) -> Reply {
    let Some(node) = world.node(call.part("node")) else { return Reply::fail("no such node") };
    let row = |s: &Storage| {
        let used = s.used_bytes(&node.name, num::real(world.now.unix_s()));
        let meta = s.total_bytes / 100;
        let option =
            |key: &str, or: &str| s.options.get(key).and_then(Value::as_str).unwrap_or(or).to_owned();
        json!({"lv": option("thinpool", "data"), "vg": option("vgname", "pve"), "lv_size": s.total_bytes, "used": used,
            "metadata_size": meta, "metadata_used": meta / 40, "lv_state": "a", "lv_type": "t"})
    };
    Reply::data(thin_pools(world, node).map(row).collect()).taking(90)
}

fn zfs_one(world: &mut World, call: &Call) -> Reply {
    let pool = world.node(call.part("node")).and_then(|n| pool(world, n));
    let name = call.part("name");
    let state = pool.as_ref().map_or("", |p| p.health);
    if pool.is_none_or(|p| p.name != name) {
        return Reply::fail(format!("cannot open '{name}': no such pool"));
    }
    let lost = if state == "ONLINE" { "ONLINE" } else { "UNAVAIL" };
    let leaf = |name: &str, state: &str| json!({"name": name, "leaf": 1, "state": state, "read": 0, "write": 0, "cksum": 0, "msg": ""});
    Reply::data(json!({"name": name, "state": state, "errors": "No known data errors", "leaf": 0,
        "scan": "scrub repaired 0B in 03:12:44 with 0 errors",
        "children": [{"name": "mirror-0", "leaf": 0, "state": state, "read": 0, "write": 0, "cksum": 0, "msg": "",
            "children": [leaf("sda", "ONLINE"), leaf("sdb", lost)]}]}))
}
