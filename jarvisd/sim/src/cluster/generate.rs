//! Clusters of any size with plausible names, and the parts every inventory is made from.

use serde_json::{Map, json};

use super::Inventory;
use super::clock::now_s;
use super::model::{Guest, Kind, Link, Node, Run};
use super::wave::{self, Personality};
use crate::num;

/// The largest cluster that makes sense to pretend.
pub const NODES_MAX: u32 = 50;
pub const GUESTS_MAX: u32 = 10_000;

const GIB: u64 = 1 << 30;

/// Kinds of behaviour.
#[derive(Clone, Copy, Debug)]
pub enum Temper {
    Idle,
    Steady,
    Web,
    Database,
    Media,
    Camera,
    Busy,
    Lab,
}

const TEMPERS: [Temper; 8] = [
    Temper::Idle,
    Temper::Web,
    Temper::Steady,
    Temper::Database,
    Temper::Idle,
    Temper::Media,
    Temper::Web,
    Temper::Busy,
];

impl Temper {
    pub fn person(self, seed: u64) -> Personality {
        // floor, daily, peak hour, burst, share of bursts, memory, KiB/s in, out, read, write
        let (floor, daily, peak, burst, share, mem, rates) = match self {
            Self::Idle => (0.004, 0.01, 19.0, 0.05, 0.04, 0.22, [9.0, 7.0, 0.6, 3.0]),
            Self::Steady => (0.05, 0.02, 18.0, 0.08, 0.1, 0.45, [30.0, 22.0, 2.0, 26.0]),
            Self::Web => (0.015, 0.12, 20.0, 0.35, 0.12, 0.5, [140.0, 520.0, 60.0, 45.0]),
            Self::Database => (0.06, 0.14, 14.0, 0.2, 0.15, 0.62, [90.0, 110.0, 180.0, 340.0]),
            Self::Media => (0.01, 0.45, 21.0, 0.4, 0.2, 0.42, [260.0, 2_900.0, 2_100.0, 24.0]),
            Self::Camera => (0.3, 0.1, 15.0, 0.2, 0.25, 0.64, [3_900.0, 330.0, 40.0, 2_700.0]),
            Self::Busy => (0.14, 0.12, 20.0, 0.25, 0.2, 0.68, [320.0, 280.0, 120.0, 210.0]),
            Self::Lab => (0.02, 0.1, 21.0, 0.5, 0.2, 0.5, [20.0, 14.0, 90.0, 60.0]),
        };
        let own = |n: u64, low: f64, high: f64| low + (high - low) * wave::unit(seed, n);
        let [net_in, net_out, disk_read, disk_write] = rates.map(|kib: f64| kib * 1024.0 * own(2, 0.7, 1.4));
        Personality {
            seed,
            cpu_floor: floor * own(3, 0.6, 1.5),
            cpu_daily: daily * own(4, 0.6, 1.4),
            peak_hour: peak + own(5, -2.0, 2.0),
            burst,
            burst_share: share,
            mem: mem * own(6, 0.8, 1.25),
            disk: own(8, 0.15, 0.7),
            net_in,
            net_out,
            disk_read,
            disk_write,
        }
    }
}

/// A node with the usual settings.
pub fn node(seed: u64, nodeid: u64, name: &str, ip: &str, cpus: u64, mem_bytes: u64, model: &str) -> Node {
    let own = wave::hash(seed, wave::key_of(name));
    let [a, b, c, ..] = own.to_be_bytes();
    let mut how = Temper::Idle.person(own);
    how.cpu_floor = 0.02;
    how.cpu_daily = 0.02;
    how.mem = 0.04;
    how.disk = 0.12 + 0.2 * wave::unit(own, 1);
    Node {
        name: name.into(),
        nodeid,
        ip: ip.into(),
        mac: format!("58:47:CA:{a:02X}:{b:02X}:{c:02X}"),
        cpus,
        model: model.into(),
        mem_bytes,
        root_bytes: 100_861_726_720,
        boot_ms: (now_s() - 3_600 * (30 + own % 900)) * 1000,
        link: Link::Up { since_ms: 0 },
        how,
        wol: None,
        skew_s: 0,
        shown: None,
        fingerprint: String::new(),
        pem: String::new(),
        next_pid: 200_000 + own % 90_000,
        services_down: Vec::new(),
        services_failed: Vec::new(),
        service_starts: Default::default(),
        sensors: vec![("Package id 0".into(), 45.0)],
    }
}

/// A guest of middling size, stopped.
pub fn plain_guest(seed: u64, vmid: u32, kind: Kind, name: &str, node: &str) -> Guest {
    let own = wave::hash(seed, u64::from(vmid));
    let pick = num::size(own % num::len(TEMPERS.len()));
    let temper = TEMPERS.get(pick).copied().unwrap_or(Temper::Idle);
    let qemu = kind == Kind::Qemu;
    Guest {
        vmid,
        kind,
        name: name.into(),
        node: node.into(),
        cores: if qemu { 2 } else { 1 },
        mem_bytes: if qemu { 2 * GIB } else { GIB },
        swap_bytes: if qemu { 0 } else { GIB / 2 },
        disk_bytes: if qemu { 32 * GIB } else { 8 * GIB },
        tags: String::new(),
        template: false,
        onboot: true,
        agent: qemu,
        storage: "local-lvm".into(),
        pool: None,
        run: Run::Stopped,
        lock: None,
        snapshots: Vec::new(),
        config: Map::new(),
        created_s: now_s() - 86_400 * (10 + own % 300),
        how: temper.person(own),
        busy_until_ms: 0,
        shutdown_ms: if qemu { 3_500 + own % 4_000 } else { 1_500 + own % 1_500 },
        start_ms: if qemu { 1_200 + own % 900 } else { 1_600 + own % 1_200 },
        ha: None,
        shown: None,
    }
}

const PLACES: [&str; 10] =
    ["rack", "attic", "cellar", "north", "south", "garage", "lab", "edge", "core", "office"];
const ROLES: [&str; 24] = [
    "web", "db", "cache", "queue", "git", "ci", "dns", "proxy", "mail", "auth", "wiki", "chat", "metrics",
    "logs", "media", "photos", "files", "backup", "vpn", "iot", "search", "builder", "registry", "bot",
];
const TAGS: [&str; 6] = ["prod", "dev", "mon", "net", "lab", "prod;db"];

/// A cluster of a given size.
pub fn cluster(seed: u64, nodes: u32, guests: u32) -> Inventory {
    let count = nodes.clamp(1, NODES_MAX);
    let named = |i: u32| {
        let place = PLACES.get(num::size(u64::from(i)) % PLACES.len()).copied().unwrap_or("node");
        format!("{place}{}", i / 10 + 1)
    };
    let sizes = [(16, 64), (32, 128), (8, 32), (64, 256)];
    let make = |i: u32| {
        let (cpus, gib) =
            sizes.get(num::size(wave::hash(seed, u64::from(i) + 900)) % 4).copied().unwrap_or((16, 64));
        let ip = format!("10.20.{}.{}", i / 200, 10 + i % 200);
        node(seed, u64::from(i) + 1, &named(i), &ip, cpus, gib * GIB, "AMD EPYC 7313P 16-Core Processor")
    };
    let nodes: Vec<Node> = (0..count).map(make).collect();
    let now_s = now_s();
    let guests: Vec<Guest> = (0..guests.min(GUESTS_MAX)).map(|i| generated(seed, i, &nodes, now_s)).collect();
    let shown: Vec<Guest> = guests.iter().take(40).cloned().collect();
    let volumes = super::seed::backups(seed, &shown, now_s);
    let job = json!({"id": "backup-all", "type": "vzdump", "enabled": 1, "schedule": "03:00", "storage": "backup", "mode": "snapshot", "all": 1});
    Inventory {
        name: format!("sim{count}"),
        storages: super::seed::storages(&[], volumes),
        backup_jobs: vec![job],
        nodes,
        guests,
    }
}

fn generated(seed: u64, i: u32, nodes: &[Node], now_s: u64) -> Guest {
    let vmid = 100 + i;
    let dice = wave::hash(seed ^ 0x6e, u64::from(i));
    let kind = if dice.is_multiple_of(3) { Kind::Qemu } else { Kind::Lxc };
    let role = ROLES.get(num::size(dice >> 8) % ROLES.len()).copied().unwrap_or("app");
    let home = nodes.get(num::size(dice >> 16) % nodes.len().max(1)).map_or("", |n| n.name.as_str());
    let mut guest = plain_guest(seed, vmid, kind, &format!("{role}-{:02}", i / 24 + 1), home);
    guest.tags = TAGS.get(num::size(dice >> 24) % TAGS.len()).copied().unwrap_or_default().into();
    guest.cores = 1 + (dice >> 32) % 4;
    guest.mem_bytes = GIB / 2 * (1 + (dice >> 36) % 4);
    guest.template = i % 211 == 210;
    if !guest.template && !(dice >> 40).is_multiple_of(9) {
        let up_s = 600 + (dice >> 12) % 5_000_000;
        guest.run =
            Run::Running { since_ms: (now_s - up_s) * 1000, pid: 2_000 + u64::from(vmid), paused: false };
    }
    guest
}
