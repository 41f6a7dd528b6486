//! Network shares: who serves them, who has mounted them, whether they answer.

use serde_json::{Map, Value, json};

use super::Says;
use crate::cluster::model::{Node, Storage};
use crate::cluster::{World, edit, wave};
use crate::num;

/// `timeout` ends `stat` after so long.
const DEAD_MS: u64 = 5_000;
/// Status of a program that was killed.
const KILLED: u8 = 137;

fn option<'s>(storage: &'s Storage, name: &str) -> Option<&'s str> {
    storage.options.get(name).and_then(Value::as_str)
}

fn remote(storage: &Storage) -> bool {
    matches!(storage.plugin.as_str(), "nfs" | "cifs")
}

/// Where a share comes from, as the kernel shows it.
fn source(storage: &Storage) -> String {
    let server = option(storage, "server").unwrap_or("192.168.1.1");
    match storage.plugin.as_str() {
        "nfs" => format!("{server}:{}", option(storage, "export").unwrap_or("/srv")),
        _ => format!("//{server}/{}", option(storage, "share").unwrap_or("share")),
    }
}

fn path(storage: &Storage) -> String {
    option(storage, "path").map_or_else(|| format!("/mnt/pve/{}", storage.id), str::to_owned)
}

fn served_by<'w>(world: &'w World, node: &'w Node, plugin: &'w str) -> impl Iterator<Item = &'w Storage> {
    world.storages.iter().filter(move |s| s.plugin == plugin && option(s, "server") == Some(node.ip.as_str()))
}

/// Units of the servers a node runs; every host may be one.
pub fn units(node: &Node) -> &'static [&'static str] {
    // The first machine shares by Samba and answers language models, the second by NFS, as in the seed.
    match node.nodeid {
        1 => &["smbd", "nmbd", "llama-server"],
        2 => &["nfs-server", "nfs-mountd", "nfs-idmapd", "rpc-statd"],
        _ => &[],
    }
}

pub fn mounts(world: &World, node: &Node) -> Says {
    let row = |s: &Storage| {
        let (fstype, options) = match s.plugin.as_str() {
            "nfs" => (
                "nfs4",
                format!(
                    "rw,relatime,vers=4.2,rsize=1048576,wsize=1048576,namlen=255,hard,proto=tcp,timeo=600,retrans=2,sec=sys,clientaddr={},addr={}",
                    node.ip,
                    option(s, "server").unwrap_or_default()
                ),
            ),
            _ => (
                "cifs",
                format!(
                    "rw,relatime,vers=3.1.1,cache=strict,username={},uid=0,gid=0,addr={},file_mode=0755,dir_mode=0755,soft",
                    option(s, "username").unwrap_or("guest"),
                    option(s, "server").unwrap_or_default()
                ),
            ),
        };
        json!({"target": path(s), "source": source(s), "fstype": fstype, "options": options})
    };
    let rows: Vec<Value> = world.storages.iter().filter(|s| remote(s) && s.on(&node.name)).map(row).collect();
    match rows.is_empty() {
        true => Says::fails(1, ""),
        false => {
            let value = json!({"filesystems": rows});
            Says::prints(serde_json::to_string_pretty(&value).unwrap_or_default() + "\n")
        }
    }
}

pub fn fill(world: &World, node: &Node, at: &str) -> Says {
    const BLOCK: u64 = 4_096;
    let found = world.storages.iter().find(|s| s.on(&node.name) && path(s) == at);
    let Some(storage) = found else {
        let text = format!(
            "/usr/bin/stat: cannot read file system information for '{at}': No such file or directory\n"
        );
        return Says::fails(1, &text);
    };
    if !storage.active_on(&node.name) || world.share_dead(&storage.id, &node.name) {
        return Says::fails(KILLED, "").taking(DEAD_MS);
    }
    let used = storage.used_bytes(&node.name, num::real(world.now.unix_s()));
    let blocks = storage.total_bytes / BLOCK;
    let free = storage.total_bytes.saturating_sub(used) / BLOCK;
    Says::prints(format!("{BLOCK} {blocks} {free} {free}\n"))
}

pub fn exports(world: &World, node: &Node) -> Says {
    let net = node.ip.rsplit_once('.').map(|(net, _)| format!("{net}.0/24")).unwrap_or_default();
    let row = |s: &Storage| {
        let export = option(s, "export").unwrap_or("/srv");
        format!(
            "{export}\t{net}(rw,sync,wdelay,hide,nocrossmnt,secure,no_root_squash,no_all_squash,no_subtree_check,secure_locks,acl,no_pnfs,anonuid=65534,anongid=65534,sec=sys,rw,secure,no_root_squash,no_all_squash)\n"
        )
    };
    let out: String = served_by(world, node, "nfs").map(row).collect();
    match out.is_empty() {
        true => Says::fails(1, "/usr/bin/cat: /var/lib/nfs/etab: No such file or directory\n"),
        false => Says::prints(out),
    }
}

pub fn samba(world: &World, node: &Node) -> Says {
    let mut tcons = Map::new();
    let mut serves = false;
    for storage in served_by(world, node, "cifs") {
        serves = true;
        if node.down("smbd") || node.failed("smbd") {
            continue;
        }
        let clients = world.nodes.iter().filter(|n| n.link.up() && storage.active_on(&n.name));
        for client in clients {
            let n = wave::hash(client.how.seed, 77) % 4_000_000_000;
            let at = edit::iso_stamp(client.boot_ms / 1000 + 30);
            tcons.insert(n.to_string(), json!({
                "service": option(storage, "share").unwrap_or("share"),
                "server_id": {"pid": (4_000 + n % 9_000).to_string(), "task_id": "0", "vnn": "4294967295", "unique_id": (n * 7_919).to_string()},
                "tcon_id": n.to_string(), "session_id": (n / 3).to_string(), "machine": client.ip,
                "connected_at": format!("{at}.000000+00:00"),
                "encryption": {"cipher": "-", "degree": "none"}, "signing": {"cipher": "-", "degree": "none"},
            }));
        }
    }
    if !serves {
        return Says::missing("/usr/bin/smbstatus");
    }
    let at = edit::iso_stamp(world.now.unix_s());
    let value = json!({"timestamp": format!("{at}.000000+0000"), "version": "4.22.4-Debian-4.22.4+dfsg-1",
        "smb_conf": "/etc/samba/smb.conf", "tcons": tcons});
    Says::prints(serde_json::to_string_pretty(&value).unwrap_or_default() + "\n")
}
