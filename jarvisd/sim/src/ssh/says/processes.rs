//! `ps`: what works on a machine, busiest first.

use super::{On, Says};
use crate::cluster::World;
use crate::cluster::model::{Guest, Kind, Run};
use crate::cluster::wave;
use crate::num;

struct Process {
    pid: u64,
    user: &'static str,
    cpu: f64,
    rss: u64,
    name: String,
    since_s: u64,
}

const ON_NODE: [(&str, &str, u64); 10] = [
    ("systemd", "root", 14),
    ("corosync", "root", 180),
    ("pmxcfs", "root", 60),
    ("pveproxy worker", "www-data", 170),
    ("pvedaemon worke", "root", 165),
    ("pvestatd", "root", 130),
    ("pve-ha-lrm", "root", 110),
    ("sshd", "root", 9),
    ("chronyd", "_chrony", 4),
    ("master", "root", 5),
];
const ON_GUEST: [(&str, &str, u64); 5] = [
    ("systemd", "root", 13),
    ("dockerd", "root", 110),
    ("containerd", "root", 60),
    ("sshd", "root", 8),
    ("cron", "root", 3),
];

pub fn list(world: &World, on: On<'_>) -> Says {
    let now_ms = world.now.unix_ms;
    let up_s = on.uptime_s(now_ms);
    let (table, total): (&[_], u64) = match on {
        On::Node(node) => (&ON_NODE, node.mem_bytes),
        On::Guest(guest) => (&ON_GUEST, guest.mem_bytes),
    };
    let own = |(i, (name, user, mib)): (u64, &(&str, &'static str, u64))| Process {
        pid: if i == 0 { 1 } else { 600 + i * 37 },
        user,
        cpu: 0.6 * wave::unit(on.seed(), i + now_ms / 10_000),
        rss: mib << 20,
        name: (*name).to_owned(),
        since_s: up_s,
    };
    let mut all: Vec<Process> = (0_u64..).zip(table).map(own).collect();
    match on {
        On::Node(node) => {
            all.extend(
                world.guests.values().filter(|g| g.node == node.name).filter_map(|g| of_guest(world, g)),
            );
            if node.nodeid == 1 && !node.failed("llama-server") {
                let cpu = 100.0 * wave::noise(node.how.seed, num::real(now_ms) / 1000.0, 60.0);
                let since_s = up_s.saturating_sub(20);
                all.push(Process {
                    pid: 2_411,
                    user: "llama",
                    cpu,
                    rss: total / 4,
                    name: "llama-server".into(),
                    since_s,
                });
            }
        }
        On::Guest(guest) => {
            for container in world.engines.get(&guest.vmid).into_iter().flat_map(|e| &e.containers) {
                let (cpu, rss, _) = container.load(guest, world.now);
                let since_s = container.since_ms(guest).map_or(0, |s| now_ms.saturating_sub(s) / 1000);
                if container.on() {
                    let name: String = container.name.chars().take(15).collect();
                    all.push(Process {
                        pid: container.pid,
                        user: "root",
                        cpu: cpu * 100.0,
                        rss,
                        name,
                        since_s,
                    });
                }
            }
        }
    }
    all.sort_by(|a, b| b.cpu.total_cmp(&a.cpu));
    let row = |p: &Process| {
        let share = 100.0 * num::real(p.rss) / num::real(total.max(1));
        format!(
            "{:>7} {:<8} {:>4.1} {share:>4.1} {:>7} {:>7} {}\n",
            p.pid,
            p.user,
            p.cpu,
            p.rss / 1024,
            p.since_s,
            p.name
        )
    };
    Says::prints(all.iter().map(row).collect::<String>())
}

fn of_guest(world: &World, guest: &Guest) -> Option<Process> {
    let Run::Running { pid, .. } = guest.run else { return None };
    let f = world.guest_figures(guest, world.now);
    let name = if guest.kind == Kind::Qemu { "kvm" } else { "lxc-start" };
    let user = if guest.kind == Kind::Qemu { "root" } else { "100000" };
    Some(Process {
        pid,
        user,
        cpu: f.cpu * num::real(guest.cores) * 100.0,
        rss: f.memhost.max(f.mem),
        name: name.to_owned(),
        since_s: f.uptime,
    })
}
