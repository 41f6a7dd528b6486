//! `/nodes/N/{qemu,lxc}`: what guests are doing.

use serde_json::{Map, Value, json};

use super::access::empty;
use super::cluster_more::firewall;
use super::node::{CF, FRAME};
use super::params::{Must, opt, req};
use super::reply::Reply;
use super::{Call, Perm, Route, get, wave};
use crate::cluster::World;
use crate::cluster::figures::Figures;
use crate::cluster::model::{Guest, Kind, Run};
use crate::num;

const AUDIT: Perm = Perm::Guest("VM.Audit");

pub const ROUTES: &[Route] = &[
    get("/nodes/{node}/{kind}", Perm::Any, &[opt("full", Must::Bool)], list),
    get("/nodes/{node}/{kind}/{vmid}/status/current", AUDIT, &[], current),
    get("/nodes/{node}/{kind}/{vmid}/rrddata", AUDIT, &[req("timeframe", FRAME), opt("cf", CF)], history),
    get("/nodes/{node}/{kind}/{vmid}/firewall/options", AUDIT, &[], firewall),
    get("/nodes/{node}/{kind}/{vmid}/firewall/rules", AUDIT, &[], empty),
    get(
        "/nodes/{node}/{kind}/{vmid}/feature",
        AUDIT,
        &[req("feature", Must::Text), opt("snapname", Must::Text)],
        feature,
    ),
    get("/nodes/{node}/{kind}/{vmid}/agent/{what}", Perm::Guest("VM.GuestAgent.Audit"), &[], agent).open(),
    get("/nodes/{node}/{kind}/{vmid}/interfaces", AUDIT, &[], interfaces),
];

fn list(world: &mut World, call: &Call) -> Reply {
    let (node, kind) = (call.part("node"), call.kind());
    let now = world.now;
    let rows = world
        .guests
        .values()
        .filter(|g| g.node == node && g.kind == kind && call.who.can(&format!("/vms/{}", g.vmid), "VM.Audit"))
        .map(|g| {
            Value::Object(row(
                world,
                g,
                &world.guest_figures(g, now),
                call.flag("full") && kind == Kind::Qemu,
            ))
        })
        .collect();
    Reply::data(rows)
}

fn current(world: &mut World, call: &Call) -> Reply {
    let now = world.now;
    let guest = match call.guest(world) {
        Ok(guest) => guest,
        Err(reply) => return reply,
    };
    let mut row = row(world, guest, &world.guest_figures(guest, now), true);
    let ha = match guest.ha.as_ref() {
        Some(ha) => json!({"managed": 1, "state": ha.wanted.name()}),
        None => json!({"managed": 0}),
    };
    row.insert("ha".into(), ha);
    if guest.agent && guest.kind == Kind::Qemu {
        row.insert("agent".into(), json!(1));
    }
    Reply::data(Value::Object(row))
}

/// A row of the list; `full` adds what only QEMU itself knows.
fn row(world: &World, guest: &Guest, f: &Figures, full: bool) -> Map<String, Value> {
    let mut row = Map::new();
    let mut set = |key: &str, value: Value| {
        row.insert(key.to_owned(), value);
    };
    set("vmid", json!(guest.vmid));
    set("name", json!(guest.name));
    set("status", json!(if f.on { "running" } else { "stopped" }));
    set("cpu", f.cpu_number());
    set("cpus", json!(guest.cores));
    set("maxmem", json!(guest.mem_bytes));
    set("maxdisk", json!(guest.disk_bytes));
    set("mem", json!(f.mem));
    set("disk", json!(f.disk));
    set("uptime", json!(f.uptime));
    set("netin", json!(f.netin));
    set("netout", json!(f.netout));
    if guest.kind == Kind::Lxc {
        set("type", json!("lxc"));
        set("maxswap", json!(guest.swap_bytes));
        set("swap", json!(f.swap));
    } else {
        set("memhost", json!(f.memhost));
    }
    if !guest.tags.is_empty() {
        set("tags", json!(guest.tags));
    }
    if let Some(lock) = &guest.lock {
        set("lock", json!(lock));
    }
    if guest.template {
        set("template", json!(1));
    }
    if full && !f.on {
        set("qmpstatus", json!("stopped"));
    }
    if let Run::Running { pid, .. } = guest.run {
        set("pid", json!(pid));
        let pressures = [("pressurecpusome", 3.0), ("pressureiosome", 0.4), ("pressureiofull", 0.2)];
        for (key, factor) in pressures {
            set(key, json!(num::real(num::whole(f.cpu * factor * 100.0)) / 100.0));
        }
        for key in ["pressurememorysome", "pressurememoryfull"] {
            set(key, json!(0));
        }
        if guest.kind == Kind::Qemu {
            set("pressurecpufull", json!(0));
        } else {
            set("diskread", json!(f.diskread));
            set("diskwrite", json!(f.diskwrite));
        }
        if full && guest.kind == Kind::Qemu {
            row.extend(qmp(world, guest, f));
        }
    }
    row
}

/// What a running QEMU adds about itself, JSON booleans included.
fn qmp(world: &World, guest: &Guest, f: &Figures) -> Map<String, Value> {
    let free = guest.mem_bytes.saturating_sub(f.mem);
    let value = json!({
        "qmpstatus": if guest.paused() { "paused" } else { "running" },
        "running-qemu": "10.1.2", "running-machine": "pc-i440fx-10.1", "balloon": guest.mem_bytes, "freemem": free,
        "diskread": f.diskread, "diskwrite": f.diskwrite,
        "blockstat": {"scsi0": {"rd_bytes": f.diskread, "wr_bytes": f.diskwrite, "rd_operations": f.diskread / 4096, "wr_operations": f.diskwrite / 4096}},
        "ballooninfo": {"actual": guest.mem_bytes, "max_mem": guest.mem_bytes, "total_mem": guest.mem_bytes, "free_mem": free,
            "last_update": world.now.unix_s(), "mem_swapped_in": 0, "mem_swapped_out": 0, "major_page_faults": 100, "minor_page_faults": 1000},
        "nics": {format!("tap{}i0", guest.vmid): {"netin": f.netin, "netout": f.netout}},
        "proxmox-support": {"pbs-library-version": "1.5.2 (simulated)", "pbs-dirty-bitmap": true, "query-bitmap-info": true, "backup-max-workers": true},
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn history(world: &mut World, call: &Call) -> Reply {
    let (step_s, rows) =
        crate::cluster::history::frame(call.param("timeframe").unwrap_or("hour")).unwrap_or((60, 60));
    match call.guest(world) {
        Ok(guest) => Reply::data(world.guest_history(guest, step_s, rows).into()),
        Err(reply) => reply,
    }
}

fn feature(world: &mut World, call: &Call) -> Reply {
    match call.guest(world) {
        Ok(guest) => {
            let plugin = world.storage(&guest.storage).map(|s| s.plugin.clone()).unwrap_or_default();
            let has = u8::from(matches!(plugin.as_str(), "lvmthin" | "zfspool" | "rbd"));
            Reply::data(json!({"hasFeature": has, "nodes": [guest.node]}))
        }
        Err(reply) => reply,
    }
}

fn agent(world: &mut World, call: &Call) -> Reply {
    let guest = match call.guest(world) {
        Ok(guest) => guest,
        Err(reply) => return reply,
    };
    if guest.kind == Kind::Lxc {
        return Reply::not_implemented(&call.method, &call.path);
    }
    match (guest.agent, guest.run.on(), call.part("what")) {
        (false, ..) => Reply::fail("No QEMU guest agent configured"),
        (_, false, _) => Reply::fail(format!("VM {} is not running", guest.vmid)),
        (_, _, "get-osinfo") => Reply::data(
            json!({"result": {"id": "debian", "name": "Debian GNU/Linux", "pretty-name": "Debian GNU/Linux 13 (trixie)", "version-id": "13", "kernel-release": "6.12.48+deb13-amd64", "machine": "x86_64"}}),
        ),
        (_, _, "network-get-interfaces") => Reply::data(
            json!({"result": [{"name": "eth0", "hardware-address": super::config::mac_of(guest), "ip-addresses": [{"ip-address": address(guest), "ip-address-type": "ipv4", "prefix": 24}]}]}),
        ),
        _ => Reply::data(json!({"result": {}})),
    }
}

fn address(guest: &Guest) -> String {
    format!("192.168.1.{}", 100 + wave::hash(guest.how.seed, 9) % 150)
}

fn interfaces(world: &mut World, call: &Call) -> Reply {
    let guest = match call.guest(world) {
        Ok(guest) => guest,
        Err(reply) => return reply,
    };
    if !guest.run.on() {
        return Reply::data(Value::Null);
    }
    let (mac, ip) = (super::config::mac_of(guest), address(guest));
    Reply::data(json!([
        {"name": "lo", "hwaddr": "00:00:00:00:00:00", "hardware-address": "00:00:00:00:00:00", "inet": "127.0.0.1/8", "ip-addresses": []},
        {"name": "eth0", "hwaddr": mac, "hardware-address": mac, "inet": format!("{ip}/24"), "ip-addresses": [{"ip-address": ip, "ip-address-type": "inet", "prefix": "24"}]},
    ]))
}
