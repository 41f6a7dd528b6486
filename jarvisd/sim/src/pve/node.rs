//! `/nodes/N`: state, history, power.

use serde_json::{Value, json};

use super::params::{Must, opt, req};
use super::reply::Reply;
use super::{Call, Perm, Route, get, post};
use crate::cluster::World;
use crate::cluster::clock::Now;
use crate::cluster::figures::ratio;
use crate::cluster::machine::BOOT_MS;
use crate::cluster::model::Link;
use crate::cluster::task::NewTask;
use crate::cluster::work::Op;
use crate::num;

pub const FRAME: Must = Must::OneOf(&["hour", "day", "week", "month", "year", "decade"]);
pub const CF: Must = Must::OneOf(&["AVERAGE", "MAX"]);
const AUDIT: Perm = Perm::Node("Sys.Audit");
const POWER: Perm = Perm::Node("Sys.PowerMgmt");

pub const ROUTES: &[Route] = &[
    get("/nodes/{node}/status", AUDIT, &[], status),
    get("/nodes/{node}/rrddata", AUDIT, &[req("timeframe", FRAME), opt("cf", CF)], history),
    get("/nodes/{node}/version", Perm::Any, &[], super::access::version),
    post("/nodes/{node}/status", POWER, &[req("command", Must::OneOf(&["reboot", "shutdown"]))], command),
    post("/nodes/{node}/wakeonlan", POWER, &[], wake),
    post("/nodes/{node}/startall", POWER, ALL_TAKES, start_all),
    post("/nodes/{node}/stopall", POWER, ALL_TAKES, stop_all),
];

const ALL_TAKES: &[super::params::Param] = &[
    opt("vms", Must::Text),
    opt("force", Must::Bool),
    opt("force-stop", Must::Bool),
    opt("timeout", Must::Int { min: 0 }),
    opt("max-workers", Must::Int { min: 1 }),
];

fn status(world: &mut World, call: &Call) -> Reply {
    let now: Now = world.now;
    let Some(node) = world.node(call.part("node")) else { return Reply::fail("no such node") };
    let load = world.load_of(&node.name, now);
    let f = world.node_figures(node, now, load);
    let swap_total = 8_589_930_496_u64;
    let available = node.mem_bytes.saturating_sub(f.mem);
    let kernel = "6.18.44-2-pve";
    let build = "#1 SMP PREEMPT_DYNAMIC PMX 6.18.44-2 (2026-10-02T09:11Z)";
    Reply::data(json!({
        "cpu": ratio(f.cpu), "wait": ratio(f.wait), "idle": 0, "uptime": f.uptime,
        "loadavg": f.loadavg.map(|l| format!("{l:.2}")),
        "memory": {"total": node.mem_bytes, "used": f.mem, "free": available / 2, "available": available},
        "swap": {"total": swap_total, "used": swap_total / 40, "free": swap_total - swap_total / 40},
        "rootfs": {"total": node.root_bytes, "used": f.root, "avail": node.root_bytes - f.root, "free": node.root_bytes - f.root},
        "cpuinfo": {"model": node.model, "cpus": node.cpus, "cores": (node.cpus / 2).max(1), "sockets": 1,
            "mhz": format!("{:.3}", 1_800.0 + 2_400.0 * f.cpu), "user_hz": 100, "hvm": "1", "vendor": "GenuineIntel",
            "family": 6, "flags": "fpu vme de pse tsc msr vmx lm"},
        "ksm": {"shared": 0}, "boot-info": {"mode": "efi", "secureboot": 0},
        "current-kernel": {"sysname": "Linux", "release": kernel, "version": build, "machine": "x86_64"},
        "kversion": format!("Linux {kernel} {build}"),
        "pveversion": format!("pve-manager/{}/{}", super::access::VERSION, super::access::REPO),
    }))
}

fn history(world: &mut World, call: &Call) -> Reply {
    let (step_s, rows) =
        crate::cluster::history::frame(call.param("timeframe").unwrap_or("hour")).unwrap_or((60, 60));
    let Some(node) = world.node(call.part("node")) else { return Reply::fail("no such node") };
    Reply::data(world.node_history(node, step_s, rows).into())
}

/// Reboot or shutdown: the answer comes first, then the machine goes.
fn command(world: &mut World, call: &Call) -> Reply {
    let name = call.part("node").to_owned();
    let reboot = call.param("command") == Some("reboot");
    let text = format!("system {}", if reboot { "reboot" } else { "shutdown" });
    world.note(&name, &call.who.asker.full(), 6, text);
    world.command_node(&name, reboot);
    Reply::null()
}

/// Sent by the node that answers, so a dead node can be woken through a live one.
fn wake(world: &mut World, call: &Call) -> Reply {
    let name = call.part("node").to_owned();
    let Some(node) = world.node(&name) else {
        return Reply::fail(format!(
            "hostname lookup '{name}' failed - failed to get address info for: {name}: Temporary failure in name resolution"
        ));
    };
    let Some(mac) = node.wol.clone() else {
        return Reply::fail(format!("No wake on LAN MAC address defined for '{name}'!"));
    };
    if matches!(node.link, Link::Cut { dead: true, .. }) {
        world.restore_node(&name, BOOT_MS);
    }
    Reply::data(json!(mac))
}

fn all(world: &mut World, call: &Call, start: bool) -> Reply {
    let node = call.part("node");
    let listed: Option<Vec<u32>> =
        call.param("vms").map(|v| v.split([',', ' ', ';']).filter_map(|n| n.parse().ok()).collect());
    let wanted = |v: &u32| listed.as_ref().is_none_or(|l| l.contains(v));
    let forced = call.flag("force") || listed.is_some() || !start;
    let vmids: Vec<u32> = world
        .guests
        .values()
        .filter(|g| g.node == node && wanted(&g.vmid) && (forced || g.onboot))
        .map(|g| g.vmid)
        .collect();
    let lasts_ms = 1_500 * (num::len(vmids.len()) + 1);
    let upid = world.spawn(NewTask {
        node,
        kind: if start { "startall" } else { "stopall" },
        id: "",
        asker: &call.who.asker,
        op: Op::All { start, vmids },
        lasts_ms,
    });
    Reply::data(Value::String(upid))
}

fn start_all(world: &mut World, call: &Call) -> Reply {
    all(world, call, true)
}

fn stop_all(world: &mut World, call: &Call) -> Reply {
    all(world, call, false)
}
