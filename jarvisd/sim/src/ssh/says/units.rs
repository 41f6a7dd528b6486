//! systemd: states of units, what failed, restarts.

use std::fmt::Write;

use super::shares;
use super::{On, Says};
use crate::cluster::{World, edit};
use crate::pve::node_more::SERVICES;
use crate::site::Host;

/// How long a restart takes.
pub const RESTART_MS: u64 = 700;

/// A unit as it is.
#[derive(Clone, Debug)]
pub struct Unit {
    /// With its type.
    pub name: String,
    pub about: String,
    pub failed: bool,
    pub down: bool,
    /// How often it was restarted, and when (wall seconds) last.
    pub starts: (u32, u64),
}

/// Units every Debian host has besides what the API lists.
const COMMON: [&str; 8] =
    ["ssh", "zfs-zed", "smartmontools", "nfs-blkmap", "rpcbind", "dbus", "systemd-logind", "systemd-udevd"];
const IN_GUEST: [&str; 6] = ["ssh", "docker", "containerd", "cron", "qemu-guest-agent", "systemd-journald"];

/// Names without type of the units of a machine.
fn names(on: On<'_>) -> Vec<&'static str> {
    match on {
        On::Guest(_) => IN_GUEST.to_vec(),
        On::Node(node) => {
            let mut names: Vec<&str> = SERVICES.iter().chain(&COMMON).copied().collect();
            names.extend(shares::units(node));
            names
        }
    }
}

/// A unit by its name with type; services alone exist here.
pub fn find(on: On<'_>, name: &str) -> Option<Unit> {
    let bare = name.strip_suffix(".service")?;
    if !names(on).contains(&bare) {
        return None;
    }
    let (failed, down, starts) = match on {
        On::Node(node) => {
            (node.failed(bare), node.down(bare), node.service_starts.get(bare).copied().unwrap_or_default())
        }
        On::Guest(_) => (false, false, (0, 0)),
    };
    Some(Unit { name: name.to_owned(), about: format!("{bare} - simulated service"), failed, down, starts })
}

pub fn show(world: &World, on: On<'_>, name: &str) -> Says {
    let mut out = format!("Id={name}\n");
    let Some(unit) = find(on, name) else {
        out.push_str("LoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\nNRestarts=0\nActiveEnterTimestamp=\nInactiveEnterTimestamp=\n");
        return Says::prints(out);
    };
    let (active, sub, result) = match (unit.failed, unit.down) {
        (true, _) => ("failed", "failed", "exit-code"),
        (_, true) => ("inactive", "dead", "success"),
        _ => ("active", "running", "success"),
    };
    let now_s = world.now.unix_s();
    let boot_s = now_s.saturating_sub(on.uptime_s(world.now.unix_ms));
    let since_s = unit.starts.1.max(boot_s + 9);
    let ended = if active == "active" { String::new() } else { edit::unit_stamp(now_s.saturating_sub(3)) };
    let _ = write!(
        out,
        "LoadState=loaded\nActiveState={active}\nSubState={sub}\nResult={result}\nNRestarts=0\nActiveEnterTimestamp={}\nInactiveEnterTimestamp={ended}\n",
        edit::unit_stamp(since_s)
    );
    Says::prints(out)
}

pub fn failed(on: On<'_>) -> Says {
    let row = |name: &str| find(on, &format!("{name}.service")).filter(|u| u.failed);
    let rows = names(on).into_iter().filter_map(row);
    Says::prints(rows.map(|u| format!("{} loaded failed failed {}\n", u.name, u.about)).collect::<String>())
}

/// Does it, and says what systemctl says.
pub fn restart(world: &mut World, host: &Host, name: &str) -> Says {
    let now_ms = world.now.unix_ms;
    let on = match host {
        Host::Node(node) => world.node(node).map(On::Node),
        Host::Guest(vmid) => world.guests.get(vmid).map(On::Guest),
    };
    if on.and_then(|on| find(on, name)).is_none() {
        return Says::fails(5, &format!("Failed to restart {name}: Unit {name} not found.\n"));
    }
    let bare = name.trim_end_matches(".service");
    match host {
        Host::Node(node) => world.turn_service(node, bare, true),
        Host::Guest(vmid) if bare == "docker" => {
            for container in world.engines.get_mut(vmid).into_iter().flat_map(|e| &mut e.containers) {
                container.end(now_ms, 0);
                container.begin(now_ms);
            }
        }
        Host::Guest(_) => {}
    }
    Says::default()
}
