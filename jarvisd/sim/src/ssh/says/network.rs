//! Listening sockets and network cards.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{On, Says};
use crate::cluster::World;
use crate::cluster::model::{Guest, Kind};
use crate::pve::config::mac_of;

/// Protocol, address, port, program.
type Socket = (&'static str, &'static str, u16, &'static str);

const NODE: [Socket; 9] = [
    ("udp", "0.0.0.0", 111, "rpcbind"),
    ("udp", "127.0.0.1", 323, "chronyd"),
    ("udp", "0.0.0.0", 5405, "corosync"),
    ("tcp", "127.0.0.1", 85, "pvedaemon"),
    ("tcp", "0.0.0.0", 22, "sshd"),
    ("tcp", "127.0.0.1", 25, "master"),
    ("tcp", "0.0.0.0", 111, "rpcbind"),
    ("tcp", "*", 8006, "pveproxy"),
    ("tcp", "*", 3128, "spiceproxy"),
];
const GUEST: [Socket; 5] = [
    ("tcp", "0.0.0.0", 22, "sshd"),
    ("tcp", "0.0.0.0", 80, "docker-proxy"),
    ("tcp", "0.0.0.0", 443, "docker-proxy"),
    ("tcp", "127.0.0.1", 9443, "docker-proxy"),
    ("tcp", "0.0.0.0", 3000, "docker-proxy"),
];

pub fn sockets(on: On<'_>) -> Says {
    let mut rows: Vec<Socket> = match on {
        On::Node(_) => NODE.to_vec(),
        On::Guest(_) => GUEST.to_vec(),
    };
    if let On::Node(node) = on {
        match node.nodeid {
            1 if !node.failed("smbd") && !node.down("smbd") => {
                rows.extend([("tcp", "0.0.0.0", 445, "smbd"), ("tcp", "0.0.0.0", 139, "smbd")]);
            }
            2 => rows.push(("tcp", "0.0.0.0", 2049, "")),
            _ => {}
        }
        if node.nodeid == 1 && !node.failed("llama-server") {
            rows.push(("tcp", "127.0.0.1", 8080, "llama-server"));
        }
    }
    let mut out = String::new();
    for (i, (kind, address, port, program)) in (0_u64..).zip(rows) {
        let (state, queue) = if kind == "tcp" { ("LISTEN", 4096) } else { ("UNCONN", 0) };
        let peer = if address == "*" { "*:*" } else { "0.0.0.0:*" };
        let user = match program {
            "" => String::new(),
            name => format!(" users:((\"{name}\",pid={},fd={}))", 700 + i * 13, 3 + i % 9),
        };
        let _ = writeln!(
            out,
            "{kind:<5} {state:<6} 0      {queue:<6} {:>20} {peer:>16}{user}",
            format!("{address}:{port}")
        );
    }
    Says::prints(out)
}

fn link(index: usize, name: &str, mac: &str, up: bool, master: Option<&str>) -> Value {
    let flags: &[&str] =
        if up { &["BROADCAST", "MULTICAST", "UP", "LOWER_UP"] } else { &["BROADCAST", "MULTICAST"] };
    let mut value = json!({"ifindex": index, "ifname": name, "flags": flags, "mtu": 1500, "qdisc": "fq_codel",
        "operstate": if up { "UP" } else { "DOWN" }, "linkmode": "DEFAULT", "group": "default", "txqlen": 1000,
        "link_type": "ether", "address": mac.to_lowercase(), "broadcast": "ff:ff:ff:ff:ff:ff"});
    if let (Some(master), Some(map)) = (master, value.as_object_mut()) {
        map.insert("master".into(), json!(master));
    }
    value
}

pub fn links(world: &World, on: On<'_>) -> Says {
    let mut rows =
        vec![json!({"ifindex": 1, "ifname": "lo", "flags": ["LOOPBACK", "UP", "LOWER_UP"], "mtu": 65536,
        "qdisc": "noqueue", "operstate": "UNKNOWN", "linkmode": "DEFAULT", "group": "default", "txqlen": 1000,
        "link_type": "loopback", "address": "00:00:00:00:00:00", "broadcast": "00:00:00:00:00:00"})];
    match on {
        On::Guest(guest) => rows.push(link(2, "ens18", &mac_of(guest), true, None)),
        On::Node(node) => {
            rows.push(link(2, "eno1", &node.mac, true, Some("vmbr0")));
            rows.push(link(3, "vmbr0", &node.mac, true, None));
            let here = |g: &&Guest| g.node == node.name && g.run.on();
            for (i, guest) in world.guests.values().filter(here).enumerate() {
                let name = match guest.kind {
                    Kind::Qemu => format!("tap{}i0", guest.vmid),
                    Kind::Lxc => format!("veth{}i0", guest.vmid),
                };
                // The outer end has an address of its own.
                let mac = mac_of(guest).replacen("BC", "FE", 1);
                rows.push(link(4 + i, &name, &mac, true, Some("vmbr0")));
            }
        }
    }
    Says::prints(format!("{}\n", Value::from(rows)))
}
