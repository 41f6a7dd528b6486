//! Temperatures, pressure, memory.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{On, Says};
use crate::cluster::model::Node;
use crate::cluster::{World, wave};
use crate::num;
use crate::ssh::table::ZONES;

/// The smallest machine has no lm-sensors, as small machines often do not.
const CPUS_WITH_SENSORS: u64 = 4;
/// What full load adds to the processor, and to everything else.
const LOAD_DEGREES: f64 = 34.0;

/// Degrees of a sensor now: its rest, the load, a little noise.
fn degrees(world: &World, node: &Node, rest: f64, share: f64, salt: u64) -> f64 {
    let cpu = world.node_figures(node, world.now, world.load_of(&node.name, world.now)).cpu;
    let t_s = num::real(world.now.unix_ms) / 1000.0;
    let noise = 3.0 * (wave::noise(node.how.seed ^ salt, t_s, 25.0) - 0.5);
    let whole =
        num::real(num::whole((rest + LOAD_DEGREES * share * cpu + noise + world.heat(&node.name)) * 10.0));
    whole / 10.0
}

fn named(node: &Node, name: &str, rest: f64) -> f64 {
    node.sensors.iter().find(|(n, _)| n == name).map_or(rest, |(_, rest)| *rest)
}

pub fn sensors(world: &World, node: &Node) -> Says {
    if node.cpus < CPUS_WITH_SENSORS {
        return Says::missing("/usr/bin/sensors");
    }
    let rest = named(node, "Package id 0", 45.0);
    let mut core = Map::from_iter([("Adapter".to_owned(), json!("ISA adapter"))]);
    let package = degrees(world, node, rest, 1.0, 1);
    core.insert(
        "Package id 0".into(),
        json!({"temp1_input": package, "temp1_max": 80.0, "temp1_crit": 100.0, "temp1_crit_alarm": 0.0}),
    );
    for i in 0..(node.cpus / 2).min(8) {
        let t = degrees(world, node, rest - 2.0, 0.95, 10 + i);
        let n = i + 2;
        core.insert(
            format!("Core {i}"),
            json!({format!("temp{n}_input"): t, format!("temp{n}_max"): 80.0,
            format!("temp{n}_crit"): 100.0, format!("temp{n}_crit_alarm"): 0.0}),
        );
    }
    let nvme = degrees(world, node, 39.0, 0.2, 30);
    let board = degrees(world, node, named(node, "acpitz", 28.0), 0.3, 31);
    let value = json!({
        "coretemp-isa-0000": Value::Object(core),
        "acpitz-acpi-0": {"Adapter": "ACPI interface", "temp1": {"temp1_input": board}},
        "nvme-pci-0100": {"Adapter": "PCI adapter", "Composite": {"temp1_input": nvme, "temp1_max": 81.85,
            "temp1_min": -273.15, "temp1_crit": 84.85, "temp1_alarm": 0.0}},
    });
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    Says::prints(text + "\n").taking(120)
}

pub fn zones(world: &World, node: &Node) -> Says {
    let package = degrees(world, node, named(node, "Package id 0", 45.0), 1.0, 1);
    let board = degrees(world, node, named(node, "acpitz", 28.0), 0.3, 31);
    let mut out = String::new();
    for (i, (kind, t)) in [("acpitz", board), ("x86_pkg_temp", package)].into_iter().enumerate() {
        let gap = if i == 0 { "" } else { "\n" };
        let milli = num::whole(t * 1000.0);
        let _ = write!(
            out,
            "{gap}==> /sys/class/thermal/thermal_zone{i}/type <==\n{kind}\n\n==> /sys/class/thermal/thermal_zone{i}/temp <==\n{milli}\n"
        );
    }
    Says { out, ..no_zones(2) }
}

/// `tail` complains of every zone from this on.
pub fn no_zones(from: usize) -> Says {
    let mut err = String::new();
    for i in from..ZONES {
        for part in ["type", "temp"] {
            let _ = writeln!(
                err,
                "/usr/bin/tail: cannot open '/sys/class/thermal/thermal_zone{i}/{part}' for reading: No such file or directory"
            );
        }
    }
    Says { err, exit: 1, takes_ms: 20, ..Says::default() }
}

pub fn pressure(world: &World, on: On<'_>) -> Says {
    let (cpu, total, used) = match on {
        On::Node(node) => {
            let f = world.node_figures(node, world.now, world.load_of(&node.name, world.now));
            (f.cpu, node.mem_bytes, f.mem)
        }
        On::Guest(guest) => {
            let f = world.guest_figures(guest, world.now);
            (f.cpu, guest.mem_bytes, f.mem)
        }
    };
    let up_us = on.uptime_s(world.now.unix_ms) * 1_000_000;
    let line = |kind: &str, share: f64| {
        let total_us = num::whole(num::real(up_us) * share / 100.0);
        format!(
            "{kind} avg10={:.2} avg60={:.2} avg300={:.2} total={total_us}\n",
            share,
            share * 0.9,
            share * 0.8
        )
    };
    let mem = 100.0 * (num::real(used) / num::real(total.max(1)) - 0.85).max(0.0);
    let mut out = String::new();
    for (name, some, full) in
        [("cpu", cpu * 12.0, 0.0), ("io", cpu * 3.0, cpu * 2.0), ("memory", mem, mem * 0.6)]
    {
        let _ = write!(out, "==> /proc/pressure/{name} <==\n{}{}\n", line("some", some), line("full", full));
    }
    let kib = |bytes: u64| bytes / 1024;
    let free = total.saturating_sub(used);
    let _ = writeln!(out, "==> /proc/meminfo <==");
    let rows = [
        ("MemTotal", total),
        ("MemFree", free / 2),
        ("MemAvailable", free),
        ("Buffers", free / 20),
        ("Cached", free / 3),
        ("SwapCached", 0),
        ("SwapTotal", 8_589_930_496),
        ("SwapFree", 8_589_930_496 - 8_589_930_496 / 40),
        ("Dirty", 1_200_000),
        ("AnonPages", used * 4 / 5),
        ("Slab", total / 40),
    ];
    for (name, bytes) in rows {
        let _ = writeln!(out, "{:<16}{:>8} kB", format!("{name}:"), kib(bytes));
    }
    Says::prints(out)
}
