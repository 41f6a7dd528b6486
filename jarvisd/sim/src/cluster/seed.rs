//! The seed cluster: the four machines of the homelab and what runs on them.

use serde_json::{Map, Value, json};

use super::Inventory;
use super::backup::archive;
use super::clock::now_s;
use super::generate::{Temper, node, plain_guest};
use super::model::{Guest, Kind, Node, Run, Storage, Volume};
use super::wave;
use crate::num;

const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// vmid, type, name, node, cores, MiB, GiB of disk, tags, temper, runs.
type Row = (u32, Kind, &'static str, &'static str, u64, u64, u64, &'static str, Temper, bool);

use Kind::{Lxc, Qemu};

const GUESTS: [Row; 21] = [
    (100, Qemu, "home-assistant", "Home", 2, 4_096, 32, "home", Temper::Steady, true),
    (101, Lxc, "jellyfin", "pve", 4, 4_096, 24, "media", Temper::Media, true),
    (102, Lxc, "pihole", "Home", 1, 512, 8, "dns;net", Temper::Idle, true),
    (103, Qemu, "management", "agent1", 4, 8_192, 64, "docker;mgmt", Temper::Busy, true),
    (104, Lxc, "gitea", "agent1", 2, 2_048, 40, "dev", Temper::Web, true),
    (105, Lxc, "postgres", "agent1", 4, 4_096, 60, "db", Temper::Database, true),
    (106, Qemu, "frigate", "pve", 4, 6_144, 48, "cameras", Temper::Camera, true),
    (107, Qemu, "nextcloud", "pve", 4, 8_192, 120, "files", Temper::Web, true),
    (108, Lxc, "nginx-proxy", "Home", 1, 512, 8, "net;proxy", Temper::Idle, true),
    (109, Lxc, "grafana", "agent1", 2, 2_048, 20, "mon", Temper::Steady, true),
    (110, Qemu, "win11-lab", "pve", 6, 8_192, 80, "lab", Temper::Lab, false),
    (111, Lxc, "uptime-kuma", "agent", 1, 768, 8, "mon", Temper::Idle, true),
    (112, Lxc, "vaultwarden", "Home", 1, 512, 8, "secrets", Temper::Idle, true),
    (113, Qemu, "backup-test", "agent1", 2, 4_096, 32, "lab", Temper::Lab, false),
    (114, Lxc, "openwebui", "Home", 4, 4_096, 30, "ai", Temper::Web, true),
    (115, Lxc, "mosquitto", "agent", 1, 256, 4, "home", Temper::Steady, true),
    (116, Lxc, "paperless", "pve", 2, 3_072, 40, "files", Temper::Web, true),
    (117, Lxc, "influxdb", "agent1", 2, 4_096, 50, "db;mon", Temper::Database, true),
    (118, Lxc, "unifi", "agent1", 2, 2_048, 16, "net", Temper::Steady, true),
    (119, Lxc, "syncthing", "pve", 1, 1_024, 20, "files", Temper::Web, true),
    (9000, Qemu, "debian-13-template", "pve", 2, 2_048, 16, "template", Temper::Lab, false),
];

/// What runs in Docker on the management VM.
pub const MANAGEMENT_CONTAINERS: [(&str, &str); 16] = [
    ("portainer", "portainer/portainer-ce:2.33.2"),
    ("traefik", "traefik:v3.5"),
    ("watchtower", "containrrr/watchtower:1.7.1"),
    ("prometheus", "prom/prometheus:v3.6.0"),
    ("alertmanager", "prom/alertmanager:v0.28.1"),
    ("node-exporter", "prom/node-exporter:v1.9.1"),
    ("cadvisor", "gcr.io/cadvisor/cadvisor:v0.52.1"),
    ("loki", "grafana/loki:3.5.5"),
    ("homepage", "ghcr.io/gethomepage/homepage:v1.5.0"),
    ("authelia", "authelia/authelia:4.39"),
    ("redis", "redis:8.2-alpine"),
    ("n8n", "n8nio/n8n:1.113.3"),
    ("registry", "registry:3"),
    ("dozzle", "amir20/dozzle:v8.13"),
    ("restic-rest", "restic/rest-server:0.14.0"),
    ("jarvisd", "jarvisd:3.1.0"),
];

pub fn homelab(seed: u64) -> Inventory {
    let now_s = now_s();
    let mut guests: Vec<Guest> = GUESTS.iter().map(|row| guest(seed, row, now_s)).collect();
    for g in &mut guests {
        g.onboot = g.run.on();
    }
    let volumes = backups(seed, &guests, now_s);
    Inventory {
        name: "homelab".into(),
        nodes: nodes(seed),
        storages: storages(&[], volumes),
        backup_jobs: vec![job(&guests, now_s)],
        guests,
    }
}

fn nodes(seed: u64) -> Vec<Node> {
    let i5 = "13th Gen Intel(R) Core(TM) i5-13500";
    let i7 = "12th Gen Intel(R) Core(TM) i7-12700H";
    let i3 = "Intel(R) Core(TM) i5-9600K CPU @ 3.70GHz";
    let n = "Intel(R) N100";
    let mut list = vec![
        node(seed, 1, "Home", "192.168.1.50", 20, 24 * GIB, i5),
        node(seed, 2, "pve", "192.168.1.74", 6, 33_285_996_544, i3),
        node(seed, 3, "agent1", "192.168.1.61", 14, 33_285_996_544, i7),
        node(seed, 4, "agent", "192.168.1.62", 2, 4 * GIB, n),
    ];
    if let Some(home) = list.first_mut() {
        // The language model server on the host itself.
        home.how.mem = 0.33;
        home.how.burst = 0.35;
        home.how.burst_share = 0.3;
    }
    let rest = [[46.0, 41.0], [52.0, 44.0], [55.0, 47.0], [43.0, 39.0]];
    for (node, [package, board]) in list.iter_mut().zip(rest) {
        node.sensors = vec![("Package id 0".into(), package), ("acpitz".into(), board)];
    }
    list
}

fn guest(seed: u64, row: &Row, now_s: u64) -> Guest {
    let (vmid, kind, name, node, cores, mib, gib, tags, temper, on) = *row;
    let mut guest = plain_guest(seed, vmid, kind, name, node);
    guest.cores = cores;
    guest.mem_bytes = mib << 20;
    guest.disk_bytes = gib * GIB;
    guest.tags = tags.into();
    guest.template = tags == "template";
    guest.how = temper.person(wave::hash(seed, u64::from(vmid)));
    guest.created_s = now_s - 86_400 * (40 + wave::hash(seed, u64::from(vmid) + 7) % 500);
    let up_s = 3_600 * (5 + wave::hash(seed, u64::from(vmid) + 3) % 700);
    if on {
        guest.run =
            Run::Running { since_ms: (now_s - up_s) * 1000, pid: 1_200 + u64::from(vmid) * 7, paused: false };
    }
    if vmid == 103 {
        guest.agent = true;
        guest.config.insert("protection".into(), json!("1"));
        guest.config.insert("description".into(), json!("Docker host; Jarvis lives here.\n"));
    }
    guest
}

/// The usual storages: two local ones on every node, two network shares.
pub fn storages(only_on: &[String], volumes: Vec<Volume>) -> Vec<Storage> {
    let nas = json!({"server": "192.168.1.74", "export": "/srv/pool", "path": "/mnt/pve/nas-pool"});
    let smb = json!({"server": "192.168.1.50", "share": "backup", "username": "pve", "path": "/mnt/pve/backup",
        "prune-backups": "keep-daily=7,keep-weekly=4"});
    let mut list = vec![
        storage(
            "local",
            "dir",
            "iso,vztmpl,backup,snippets",
            json!({"path": "/var/lib/vz", "prune-backups": "keep-all=1"}),
        ),
        storage("local-lvm", "lvmthin", "rootdir,images", json!({"vgname": "pve", "thinpool": "data"})),
        storage("nas-pool", "nfs", "images,rootdir,iso,vztmpl", nas),
        storage("backup", "cifs", "backup", smb),
    ];
    let sizes = [
        (false, 100_861_726_720, 0.31),
        (false, 855_638_016_000, 0.44),
        (true, 4 * TIB, 0.57),
        (true, 2 * TIB, 0.63),
    ];
    let contents = [vec![], vec![], images(), volumes];
    for ((storage, (shared, total_bytes, used_share)), volumes) in list.iter_mut().zip(sizes).zip(contents) {
        storage.nodes = only_on.to_vec();
        storage.shared = shared;
        storage.total_bytes = total_bytes;
        storage.used_share = used_share;
        storage.volumes = volumes;
    }
    list
}

fn storage(id: &str, plugin: &str, content: &str, options: Value) -> Storage {
    Storage {
        id: id.into(),
        plugin: plugin.into(),
        content: content.into(),
        shared: false,
        nodes: Vec::new(),
        total_bytes: 0,
        used_share: 0.0,
        offline: Vec::new(),
        options: match options {
            Value::Object(map) => map,
            _ => Map::new(),
        },
        volumes: Vec::new(),
        shown: Default::default(),
    }
}

fn images() -> Vec<Volume> {
    let iso = |name: &str, size_bytes: u64| Volume {
        volid: format!("nas-pool:iso/{name}"),
        vmid: None,
        content: "iso",
        format: "iso".into(),
        size_bytes,
        ctime_s: 1_790_000_000,
        notes: None,
        protected: false,
        verified: false,
        subtype: None,
    };
    vec![iso("debian-13.1.0-amd64-netinst.iso", 790_626_304), iso("virtio-win-0.1.285.iso", 753_106_944)]
}

/// Nightly archives of the last days.
const NIGHTS: u64 = 5;

pub fn backups(seed: u64, guests: &[Guest], now_s: u64) -> Vec<Volume> {
    let midnight = now_s / 86_400 * 86_400;
    let mut volumes = Vec::new();
    for guest in guests.iter().filter(|g| !g.template && !g.tags.contains("lab")) {
        for night in 0..NIGHTS {
            let at_s = midnight - night * 86_400 + 9_000 + wave::hash(seed, u64::from(guest.vmid)) % 5_400;
            if at_s > now_s {
                continue;
            }
            let share = 0.28 + 0.2 * wave::unit(seed, u64::from(guest.vmid) * 31 + night);
            let size = num::whole(num::real(guest.disk_bytes) * share);
            let volume = archive("backup", guest.kind, guest.vmid, at_s, size);
            let protected = night == 4 && guest.vmid == 103;
            volumes.push(Volume { notes: Some(guest.name.clone()), protected, ..volume });
        }
    }
    volumes
}

fn job(guests: &[Guest], now_s: u64) -> Value {
    let ids: Vec<String> = guests
        .iter()
        .filter(|g| !g.template && !g.tags.contains("lab"))
        .map(|g| g.vmid.to_string())
        .collect();
    json!({
        "id": "backup-nightly", "type": "vzdump", "enabled": 1, "schedule": "02:30", "storage": "backup",
        "mode": "snapshot", "compress": "zstd", "vmid": ids.join(","), "notes-template": "{{guestname}}",
        "prune-backups": {"keep-daily": "7", "keep-weekly": "4"}, "next-run": (now_s / 86_400 + 1) * 86_400 + 9_000,
        "comment": "every night",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_homelab_has_twenty_one_guests_eighteen_of_them_running() {
        let lab = homelab(1);
        assert_eq!(lab.guests.len(), 21);
        assert_eq!(lab.guests.iter().filter(|g| g.kind == Qemu).count(), 7);
        assert_eq!(lab.guests.iter().filter(|g| g.run.on()).count(), 18);
        let names: Vec<&str> = lab.nodes.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(names, ["Home", "pve", "agent1", "agent"]);
    }

    #[test]
    fn running_guests_fit_into_their_machines() {
        let lab = homelab(1);
        for node in &lab.nodes {
            let on = lab.guests.iter().filter(|g| g.node == node.name && g.run.on());
            let asked: u64 = on.map(|g| g.mem_bytes).sum();
            assert!(asked < node.mem_bytes * 9 / 10, "{} asks {asked}", node.name);
        }
    }
}
