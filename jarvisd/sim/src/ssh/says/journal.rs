//! The journal of a unit and the kernel's log.

use super::units;
use super::{On, Says};
use crate::cluster::{World, edit, wave};
use crate::num;
use crate::ssh::table::seconds_of;

/// Between two lines of a quiet unit, and of the kernel.
const UNIT_STEP_S: u64 = 97;
const KERNEL_STEP_S: u64 = 411;

const KERNEL: [&str; 7] = [
    "perf: interrupt took too long (2513 > 2500), lowering kernel.perf_event_max_sample_rate to 79500",
    "vmbr0: port 3(tap103i0) entered forwarding state",
    "audit: type=1400 apparmor=\"STATUS\" operation=\"profile_replace\" name=\"lxc-container-default\"",
    "nfs: server 192.168.1.74 OK",
    "EXT4-fs (dm-6): mounted filesystem with ordered data mode. Quota mode: none.",
    "x86/split lock detection: #AC: CPU 0/KVM/2841 took a split_lock trap at address: 0xfffff801",
    "usb 1-3: new high-speed USB device number 4 using xhci_hcd",
];

pub fn unit(world: &World, on: On<'_>, name: &str, lines: u32, since: Option<&str>) -> Says {
    let Some(unit) = units::find(on, name) else { return Says::prints("") };
    let short = unit.name.trim_end_matches(".service");
    let pid = 600 + wave::key_of(&unit.name) % 3_000;
    let mut rows = made_up(world, on, lines, since, UNIT_STEP_S, |dice| {
        let texts = [
            format!("{short}: reload requested from client PID {}", dice % 9_000 + 1_000),
            format!("worker {} finished", dice % 9_000 + 1_000),
            format!("connection from 192.168.1.{} port {}", dice % 200 + 20, dice % 20_000 + 40_000),
            format!("status update time ({}.{:03} seconds)", dice % 9 + 1, dice % 1_000),
            "configuration unchanged".to_owned(),
        ];
        let pick = num::size((dice >> 16) % num::len(texts.len()));
        format!("{short}[{pid}]: {}", texts.into_iter().nth(pick).unwrap_or_default())
    });
    let (starts, last_s) = unit.starts;
    if starts > 0 {
        rows.push((last_s, format!("systemd[1]: Stopping {}...", unit.about)));
        rows.push((last_s, format!("systemd[1]: Started {}.", unit.about)));
    }
    if unit.failed {
        let now_s = world.now.unix_s();
        rows.push((
            now_s.saturating_sub(4),
            format!("{short}[{pid}]: fatal: cannot bind to address: Address already in use"),
        ));
        rows.push((
            now_s.saturating_sub(3),
            format!("systemd[1]: {}: Main process exited, code=exited, status=1/FAILURE", unit.name),
        ));
        rows.push((
            now_s.saturating_sub(3),
            format!("systemd[1]: {}: Failed with result 'exit-code'.", unit.name),
        ));
    }
    print(on, rows, lines, since)
}

pub fn kernel(world: &World, on: On<'_>, lines: u32, since: Option<&str>) -> Says {
    let rows = made_up(world, on, lines, since, KERNEL_STEP_S, |dice| {
        let pick = num::size((dice >> 16) % num::len(KERNEL.len()));
        format!("kernel: {}", KERNEL.get(pick).copied().unwrap_or_default())
    });
    print(on, rows, lines, since)
}

/// Lines at fixed moments of the past, the same whenever they are read.
fn made_up(
    world: &World,
    on: On<'_>,
    lines: u32,
    since: Option<&str>,
    step_s: u64,
    text: impl Fn(u64) -> String,
) -> Vec<(u64, String)> {
    let now_s = world.now.unix_s();
    let boot_s = now_s.saturating_sub(on.uptime_s(world.now.unix_ms));
    let from_s = since.and_then(seconds_of).unwrap_or(0).max(boot_s);
    let last = now_s / step_s;
    let row = |i: u64| (i * step_s, text(wave::hash(on.seed(), i)));
    let first = last.saturating_sub(u64::from(lines));
    (first..=last).filter(|i| i * step_s >= from_s).map(row).collect()
}

fn print(on: On<'_>, mut rows: Vec<(u64, String)>, lines: u32, since: Option<&str>) -> Says {
    let from_s = since.and_then(seconds_of).unwrap_or(0);
    rows.retain(|(at_s, _)| *at_s >= from_s);
    rows.sort_by_key(|(at_s, _)| *at_s);
    let skip = rows.len().saturating_sub(num::size(u64::from(lines)));
    let row =
        |(at_s, text): &(u64, String)| format!("{}+00:00 {} {text}\n", edit::iso_stamp(*at_s), on.name());
    Says::prints(rows.iter().skip(skip).map(row).collect::<String>()).taking(60)
}
