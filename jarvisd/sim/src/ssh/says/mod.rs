//! What the programs of a simulated machine print, from the same truth the API shows.

pub mod containers;
pub mod disks;
pub mod health;
pub mod journal;
pub mod network;
pub mod processes;
pub mod shares;
pub mod units;

use super::table::Asked;
use crate::cluster::World;
use crate::cluster::model::{Guest, Node};
use crate::site::Host;

/// The output of a program and how long it takes, simulated.
#[derive(Clone, Debug, Default)]
pub struct Says {
    pub out: String,
    pub err: String,
    pub exit: u8,
    pub takes_ms: u64,
}

impl Says {
    pub fn prints(out: impl Into<String>) -> Self {
        Self { out: out.into(), takes_ms: 30, ..Self::default() }
    }

    pub fn fails(exit: u8, err: &str) -> Self {
        Self { err: err.to_owned(), exit, takes_ms: 20, ..Self::default() }
    }

    /// As `env` says it of a program that is not installed.
    pub fn missing(program: &str) -> Self {
        Self::fails(127, &format!("/usr/bin/env: '{program}': No such file or directory\n"))
    }

    pub fn taking(self, takes_ms: u64) -> Self {
        Self { takes_ms, ..self }
    }
}

/// The machine a command runs on.
#[derive(Clone, Copy)]
pub enum On<'w> {
    Node(&'w Node),
    Guest(&'w Guest),
}

impl On<'_> {
    pub fn name(&self) -> &str {
        match self {
            Self::Node(node) => &node.name,
            Self::Guest(guest) => &guest.name,
        }
    }

    pub fn seed(&self) -> u64 {
        match self {
            Self::Node(node) => node.how.seed,
            Self::Guest(guest) => guest.how.seed,
        }
    }

    pub fn uptime_s(&self, now_ms: u64) -> u64 {
        match self {
            Self::Node(node) => now_ms.saturating_sub(node.boot_ms) / 1000,
            Self::Guest(guest) => guest.uptime_s(now_ms),
        }
    }
}

/// What a command prints; one that changes something is only timed here.
pub fn command(world: &World, host: &Host, asked: &Asked) -> Says {
    let on = match host {
        Host::Node(name) => world.node(name).map(On::Node),
        Host::Guest(vmid) => world.guests.get(vmid).map(On::Guest),
    };
    let Some(on) = on else { return Says::fails(255, "there is no such machine\n") };
    match asked {
        Asked::Journal { unit, lines, since } => journal::unit(world, on, unit, *lines, since.as_deref()),
        Asked::KernelLog { lines, since } => journal::kernel(world, on, *lines, since.as_deref()),
        Asked::UnitState(unit) => units::show(world, on, unit),
        Asked::FailedUnits => units::failed(on),
        Asked::RestartService(_) => Says::default().taking(units::RESTART_MS),
        Asked::Processes => processes::list(world, on),
        Asked::Sockets => network::sockets(on),
        Asked::Links => network::links(world, on),
        Asked::Pressure => health::pressure(world, on),
        Asked::DockerList => containers::list(world, host, on),
        Asked::DockerStats => containers::stats(world, host, on),
        Asked::DockerLogs { name, lines } => containers::logs(world, host, on, name, *lines),
        Asked::Ceph => Says::missing("/usr/bin/ceph"),
        hardware => of_node(world, on, hardware),
    }
}

/// What only a real machine has.
fn of_node(world: &World, on: On<'_>, asked: &Asked) -> Says {
    let On::Node(node) = on else { return of_guest(asked) };
    match asked {
        Asked::Sensors => health::sensors(world, node),
        Asked::ThermalZones => health::zones(world, node),
        Asked::Smart(disk) => disks::smart(world, node, disk),
        Asked::Zpool => disks::zpool(world, node),
        Asked::ZpoolList => disks::zpool_list(world, node),
        Asked::Lvm => disks::lvs(world, node),
        Asked::Mounts => shares::mounts(world, node),
        Asked::ShareFill(path) => shares::fill(world, node, path),
        Asked::Exports => shares::exports(world, node),
        Asked::Samba => shares::samba(world, node),
        _ => Says::fails(1, ""),
    }
}

fn of_guest(asked: &Asked) -> Says {
    match asked {
        Asked::Sensors => Says::missing("/usr/bin/sensors"),
        Asked::Smart(_) => Says::missing("/usr/sbin/smartctl"),
        Asked::Zpool | Asked::ZpoolList => Says::missing("/usr/sbin/zpool"),
        Asked::Lvm => Says::missing("/usr/sbin/lvs"),
        Asked::Samba => Says::missing("/usr/bin/smbstatus"),
        Asked::Exports => Says::fails(1, "/usr/bin/cat: /var/lib/nfs/etab: No such file or directory\n"),
        Asked::ThermalZones => health::no_zones(0),
        // Nothing mounted from elsewhere.
        _ => Says::fails(1, ""),
    }
}
