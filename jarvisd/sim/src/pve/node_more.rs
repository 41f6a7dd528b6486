//! `/nodes/N`: the machine's parts: services, packages, network, journal, certificates.

use serde_json::{Value, json};

use super::access::empty;
use super::cluster_more::firewall;
use super::params::{Must, opt};
use super::reply::Reply;
use super::{Call, Perm, Route, get, post, put, wave};
use crate::cluster::World;
use crate::cluster::edit;
use crate::cluster::model::Node;
use crate::cluster::task::NewTask;
use crate::cluster::work::Op;
use crate::num;

const AUDIT: Perm = Perm::Node("Sys.Audit");
const MODIFY: Perm = Perm::Node("Sys.Modify");
const SYSLOG: Perm = Perm::Node("Sys.Syslog");

pub const ROUTES: &[Route] = &[
    get("/nodes/{node}/services", AUDIT, &[], services),
    get("/nodes/{node}/services/{service}/state", AUDIT, &[], service),
    post("/nodes/{node}/services/{service}/restart", MODIFY, &[], restart),
    post("/nodes/{node}/services/{service}/reload", MODIFY, &[], restart),
    post("/nodes/{node}/services/{service}/start", MODIFY, &[], restart),
    post("/nodes/{node}/services/{service}/stop", MODIFY, &[], stop),
    get("/nodes/{node}/apt/update", MODIFY, &[], updates),
    post("/nodes/{node}/apt/update", MODIFY, &[opt("notify", Must::Bool), opt("quiet", Must::Bool)], refresh),
    get("/nodes/{node}/apt/versions", AUDIT, &[], versions),
    get("/nodes/{node}/network", Perm::Any, &[opt("type", Must::Text)], network),
    get("/nodes/{node}/dns", AUDIT, &[], dns),
    get("/nodes/{node}/time", AUDIT, &[], time),
    get("/nodes/{node}/hosts", AUDIT, &[], hosts),
    get("/nodes/{node}/subscription", Perm::Any, &[], subscription),
    get("/nodes/{node}/config", Perm::Root("Sys.Audit"), &[opt("property", Must::Text)], config),
    put(
        "/nodes/{node}/config",
        Perm::Root("Sys.Modify"),
        &[
            opt("wakeonlan", Must::Text),
            opt("description", Must::Text),
            opt("delete", Must::Text),
            opt("digest", Must::Text),
        ],
        set_config,
    ),
    get("/nodes/{node}/journal", SYSLOG, &[], journal).open(),
    get("/nodes/{node}/syslog", SYSLOG, &[], syslog).open(),
    get("/nodes/{node}/firewall/options", AUDIT, &[], firewall),
    get("/nodes/{node}/firewall/rules", AUDIT, &[], empty),
    get("/nodes/{node}/replication", Perm::Any, &[opt("guest", Must::Vmid)], empty),
    get("/nodes/{node}/netstat", AUDIT, &[], empty),
    get("/nodes/{node}/hardware/pci", Perm::Any, &[], empty).open(),
    get("/nodes/{node}/certificates/info", Perm::Any, &[], certificates),
];

/// Services as a host of this release lists them.
pub const SERVICES: [&str; 24] = [
    "chrony",
    "corosync",
    "cron",
    "ksmtuned",
    "lxcfs",
    "postfix",
    "proxmox-firewall",
    "pve-cluster",
    "pve-firewall",
    "pve-ha-crm",
    "pve-ha-lrm",
    "pve-lxc-syscalld",
    "pvedaemon",
    "pvefw-logger",
    "pveproxy",
    "pvescheduler",
    "pvestatd",
    "qmeventd",
    "spiceproxy",
    "sshd",
    "syslog",
    "systemd-journald",
    "systemd-timesyncd",
    "proxmox-boot-cleanup",
];

fn node_of<'w>(world: &'w World, call: &Call) -> Option<&'w Node> {
    world.node(call.part("node"))
}

fn service_row(node: Option<&Node>, name: &str) -> Value {
    let down = node.is_some_and(|n| n.down(name));
    let (state, active) = match node.is_some_and(|n| n.failed(name)) {
        true => ("failed", "failed"),
        false if down => ("dead", "inactive"),
        false => ("running", "active"),
    };
    json!({"service": name, "name": name, "desc": name, "state": state, "active-state": active, "unit-state": "enabled"})
}

fn services(world: &mut World, call: &Call) -> Reply {
    let node = node_of(world, call);
    Reply::data(SERVICES.iter().map(|s| service_row(node, s)).collect()).taking(1_400)
}

fn service(world: &mut World, call: &Call) -> Reply {
    let name = call.part("service");
    if !SERVICES.contains(&name) {
        let text =
            format!("value '{name}' does not have a value in the enumeration '{}'", SERVICES.join(", "));
        return Reply::bad_param("service", &text);
    }
    Reply::data(service_row(node_of(world, call), name)).taking(60)
}

fn change_service(world: &mut World, call: &Call, kind: &str, up: bool) -> Reply {
    let name = call.part("service");
    if !SERVICES.contains(&name) {
        let text =
            format!("value '{name}' does not have a value in the enumeration '{}'", SERVICES.join(", "));
        return Reply::bad_param("service", &text);
    }
    let op = Op::Service { name: name.to_owned(), up: Some(up) };
    let node = call.part("node");
    let upid = world.spawn(NewTask { node, kind, id: name, asker: &call.who.asker, op, lasts_ms: 1_200 });
    Reply::data(json!(upid))
}

fn restart(world: &mut World, call: &Call) -> Reply {
    let verb = call.path.rsplit('/').next().unwrap_or("restart");
    let kind = format!("srv{verb}");
    change_service(world, call, &kind, true)
}

fn stop(world: &mut World, call: &Call) -> Reply {
    change_service(world, call, "srvstop", false)
}

fn package(name: &str, version: &str, old: &str, title: &str) -> Value {
    json!({"Package": name, "Version": version, "OldVersion": old, "Title": title, "Description": title,
        "Arch": "amd64", "Section": "admin", "Priority": "optional", "Origin": "Proxmox"})
}

fn updates(world: &mut World, call: &Call) -> Reply {
    let all = [
        package("pve-manager", "9.2.12", "9.2.11", "Proxmox Virtual Environment Management Tools"),
        package("libpve-common-perl", "9.1.5", "9.1.4", "Proxmox VE base library"),
        package("qemu-server", "9.1.8", "9.1.7", "QEMU server tools"),
        package("openssl", "3.5.4-1~deb13u2", "3.5.4-1~deb13u1", "Secure Sockets Layer toolkit"),
    ];
    let n = num::size(wave::hash(world.seed, wave::key_of(call.part("node"))) % 4 + 1);
    Reply::data(all.into_iter().take(n).collect()).taking(3_000)
}

fn refresh(world: &mut World, call: &Call) -> Reply {
    let node = call.part("node");
    let upid = world.spawn(NewTask {
        node,
        kind: "aptupdate",
        id: "",
        asker: &call.who.asker,
        op: Op::Nothing,
        lasts_ms: 4_000,
    });
    Reply::data(json!(upid))
}

fn versions(_: &mut World, _: &Call) -> Reply {
    let row = |name: &str, version: &str, state: &str| {
        let mut row = package(name, version, version, name);
        if let Some(map) = row.as_object_mut() {
            map.insert("CurrentState".into(), json!(state));
            if state == "NotInstalled" {
                map.remove("OldVersion");
            }
        }
        row
    };
    Reply::data(json!([
        row("proxmox-ve", "9.2.0", "Installed"),
        row("pve-manager", "9.2.11", "Installed"),
        row("qemu-server", "9.1.7", "Installed"),
        row("pve-qemu-kvm", "10.1.2-4", "Installed"),
        row("corosync", "3.1.9-pve2", "Installed"),
        row("ceph-fuse", "19.2.3-pve2", "NotInstalled"),
    ]))
    .taking(1_300)
}

fn network(world: &mut World, call: &Call) -> Reply {
    let Some(node) = node_of(world, call) else { return Reply::data(json!([])) };
    let gateway = node.ip.rsplit_once('.').map(|(net, _)| format!("{net}.1")).unwrap_or_default();
    // udev of this release also names a card after its address.
    let by_mac = format!("enx{}", node.mac.replace(':', "").to_lowercase());
    Reply::data(json!([
        {"iface": "vmbr0", "type": "bridge", "active": 1, "autostart": 1, "method": "static", "method6": "manual",
         "families": ["inet"], "address": node.ip, "netmask": "24", "cidr": format!("{}/24", node.ip), "gateway": gateway,
         "bridge_ports": "eno1", "bridge_stp": "off", "bridge_fd": "0", "priority": 4},
        {"iface": "eno1", "type": "eth", "active": 1, "method": "manual", "method6": "manual", "families": ["inet"], "priority": 3,
         "altnames": ["enp2s0", by_mac]},
    ]))
    .taking(50)
}

fn dns(_: &mut World, _: &Call) -> Reply {
    Reply::data(json!({"dns1": "192.168.1.1", "search": "lan"}))
}

fn time(world: &mut World, call: &Call) -> Reply {
    let skew = node_of(world, call).map_or(0, |n| n.skew_s);
    let t = world.now.unix_s().saturating_add_signed(skew);
    Reply::data(json!({"timezone": "Etc/UTC", "time": t, "localtime": t}))
}

fn hosts(world: &mut World, _: &Call) -> Reply {
    let lines: Vec<String> =
        world.nodes.iter().map(|n| format!("{} {}.lan {}\n", n.ip, n.name, n.name)).collect();
    let text = format!("127.0.0.1 localhost\n{}", lines.concat());
    Reply::data(json!({"data": text, "digest": super::config::digest(&text)}))
}

fn subscription(_: &mut World, _: &Call) -> Reply {
    Reply::data(json!({"status": "notfound", "message": "There is no subscription key", "serverid": null,
        "url": "https://www.proxmox.com/en/proxmox-virtual-environment/pricing"}))
}

fn config(world: &mut World, call: &Call) -> Reply {
    match node_of(world, call).and_then(|n| n.wol.clone()) {
        Some(mac) => Reply::data(json!({"wakeonlan": mac, "digest": super::config::digest(&mac)})),
        None => Reply::data(json!({})),
    }
}

fn set_config(world: &mut World, call: &Call) -> Reply {
    let name = call.part("node").to_owned();
    if !world.quorate_by(&call.asked, world.now) {
        return Reply::fail(format!(
            "unable to open file '/etc/pve/nodes/{name}/config.tmp.120' - Permission denied"
        ));
    }
    let Some(node) = world.node_mut(&name) else { return Reply::null() };
    if let Some(mac) = call.param("wakeonlan") {
        node.wol = Some(mac.to_owned());
    }
    if call.param("delete").is_some_and(|d| d.split(',').any(|k| k == "wakeonlan")) {
        node.wol = None;
    }
    Reply::null()
}

/// Lines as a quiet host writes them, the same for the same minute.
fn journal_lines(node: &Node, now_s: u64, n: u64) -> Vec<String> {
    let texts = [
        "pvestatd: status update time (5.204 seconds)",
        "systemd: Starting man-db.service - Daily man-db regeneration...",
        "pvedaemon: <root@pam> successful auth for user 'root@pam'",
        "corosync: [KNET  ] pmtud: Global data MTU changed to: 1397",
        "sshd: Connection closed by 192.168.1.20 port 51544",
        "chronyd: Selected source 162.159.200.123",
        "smartd: Device: /dev/nvme0, SMART usage Attribute: Temperature changed to 41",
        "kernel: perf: interrupt took too long (2513 > 2500)",
    ];
    let line = |i: u64| {
        let at_s = (now_s / 37).saturating_sub(n - 1 - i) * 37;
        let pick = num::size(wave::hash(node.how.seed, at_s) % num::len(texts.len()));
        let text = texts.get(pick).copied().unwrap_or_default();
        let (unit, rest) = text.split_once(": ").unwrap_or(("kernel", text));
        format!("{} {} {unit}[{}]: {rest}", edit::journal_stamp(at_s), node.name, 700 + pick)
    };
    (0..n).map(line).collect()
}

/// Lines of the journal that are told at most.
const JOURNAL_MAX: u64 = 500;

fn journal(world: &mut World, call: &Call) -> Reply {
    let Some(node) = node_of(world, call) else { return Reply::data(json!([])) };
    let now_s = world.now.unix_s();
    let since = call.number("since").map(|s| now_s.saturating_sub(s) / 37);
    let n = call.number("lastentries").or(since).unwrap_or(100).min(JOURNAL_MAX);
    Reply::data(json!(journal_lines(node, now_s, n)))
}

fn syslog(world: &mut World, call: &Call) -> Reply {
    let Some(node) = node_of(world, call) else { return Reply::data(json!([])) };
    let n = call.number("limit").unwrap_or(50).min(JOURNAL_MAX);
    let lines = journal_lines(node, world.now.unix_s(), n);
    let rows: Vec<Value> = lines.into_iter().enumerate().map(|(i, t)| json!({"n": i + 1, "t": t})).collect();
    let total = rows.len();
    Reply::list(rows, total)
}

fn certificates(world: &mut World, call: &Call) -> Reply {
    let Some(node) = node_of(world, call) else { return Reply::data(json!([])) };
    let now_s = world.now.unix_s();
    let expired = world.cert_expired(&node.name);
    let (from, to) =
        if expired { (now_s - 63_158_400, now_s - 86_400) } else { (now_s - 86_400, now_s + 63_072_000) };
    Reply::data(json!([
        {"filename": "pve-ssl.pem", "fingerprint": node.fingerprint, "pem": node.pem, "notbefore": from, "notafter": to,
         "subject": format!("/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN={}.lan", node.name),
         "issuer": "/CN=Proxmox Virtual Environment/OU=simulated/O=PVE Cluster Manager CA",
         "san": ["127.0.0.1", "localhost", node.name], "public-key-type": "id-ecPublicKey", "public-key-bits": 256},
    ]))
}
