//! The figures of guests and nodes at an instant, from their personalities and the load faults.
//!
//! Not here: when figures reach the cluster (`publish`), series over time (`history`).

use serde_json::{Map, Value, json};

use super::World;
use super::clock::Now;
use super::model::{Guest, Kind, Node, Run};
use crate::num;

/// Memory the host itself needs besides its guests.
const HOST_MEM_BYTES: u64 = 1_300_000_000;
/// What a running guest costs the host beyond what the guest sees.
const QEMU_EXTRA_BYTES: u64 = 190_000_000;

/// What is known of one guest at one instant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub on: bool,
    pub cpu: f64,
    pub mem: u64,
    pub memhost: u64,
    pub disk: u64,
    pub netin: u64,
    pub netout: u64,
    pub diskread: u64,
    pub diskwrite: u64,
    pub uptime: u64,
    pub swap: u64,
}

/// What the guests of a node ask of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    pub cpu_cores: f64,
    pub mem_bytes: u64,
}

impl Load {
    pub fn add(&mut self, guest: &Guest, figures: &Figures) {
        self.cpu_cores += figures.cpu * num::real(guest.cores);
        self.mem_bytes += figures.memhost.max(figures.mem / 2);
    }
}

#[derive(Clone, Copy, Debug)]
pub struct NodeFigures {
    pub cpu: f64,
    pub wait: f64,
    pub mem: u64,
    pub root: u64,
    pub uptime: u64,
    pub loadavg: [f64; 3],
}

impl Figures {
    /// The members a push puts into a row of `/cluster/resources`, as JSON text: written directly, since
    /// ten thousand guests push at once.
    pub fn published(&self, guest: &Guest) -> String {
        let status = if self.on { "running" } else { "stopped" };
        let template = u8::from(guest.template);
        let name = Value::from(guest.name.as_str());
        format!(
            r#""name":{name},"status":"{status}","template":{template},"cpu":{},"maxcpu":{},"mem":{},"memhost":{},"maxmem":{},"disk":{},"maxdisk":{},"diskread":{},"diskwrite":{},"netin":{},"netout":{},"uptime":{}"#,
            self.cpu,
            guest.cores,
            self.mem,
            self.memhost,
            guest.mem_bytes,
            self.disk,
            guest.disk_bytes,
            self.diskread,
            self.diskwrite,
            self.netin,
            self.netout,
            self.uptime,
        )
    }

    /// A stopped or just started guest has the whole number 0, never 0.0.
    pub fn cpu_number(&self) -> Value {
        ratio(self.cpu)
    }
}

/// A ratio as the API prints it: 0 as a whole number.
pub fn ratio(x: f64) -> Value {
    if x == 0.0 { json!(0) } else { json!(x) }
}

impl World {
    pub fn guest_figures(&self, guest: &Guest, at: Now) -> Figures {
        let Run::Running { since_ms, paused, .. } = guest.run else {
            return Figures::default();
        };
        let t = num::real(at.unix_ms) / 1000.0;
        let from = num::real(since_ms) / 1000.0;
        let to = t.max(from);
        let how = &guest.how;
        let uptime = at.unix_ms.saturating_sub(since_ms) / 1000;
        let extra = self.load_on_guest(guest.vmid, at.sim_ms);
        let cpu = match (paused, uptime < 3) {
            (true, _) | (_, true) => 0.0,
            _ => (how.cpu(self.seed, t) + extra).min(0.995),
        };
        let mem_share = (how.mem_share(t) + extra * 0.2).min(0.98) * warm(uptime);
        let mem = num::whole(num::real(guest.mem_bytes) * mem_share);
        let (memhost, disk, swap) = match guest.kind {
            Kind::Qemu => (mem.max(guest.mem_bytes / 3) + QEMU_EXTRA_BYTES, 0, 0),
            Kind::Lxc => (mem, lxc_disk(guest, t), num::whole(num::real(guest.swap_bytes) * 0.04)),
        };
        Figures {
            on: true,
            cpu,
            mem,
            memhost,
            disk,
            swap,
            uptime,
            netin: how.moved(how.net_in, from, to),
            netout: how.moved(how.net_out, from, to),
            diskread: how.moved(how.disk_read, from, to),
            diskwrite: how.moved(how.disk_write, from, to),
        }
    }

    /// What the guests on a node ask of it now.
    pub fn load_of(&self, node: &str, at: Now) -> Load {
        let mut load = Load::default();
        for guest in self.guests.values().filter(|g| g.node == node) {
            load.add(guest, &self.guest_figures(guest, at));
        }
        load
    }

    pub fn node_figures(&self, node: &Node, at: Now, load: Load) -> NodeFigures {
        let t = num::real(at.unix_ms) / 1000.0;
        let cpus = num::real(node.cpus);
        let extra = self.load_on_node(&node.name, at.sim_ms);
        let cpu = (load.cpu_cores / cpus + node.how.cpu(self.seed, t) + extra).min(0.995);
        let want = load.mem_bytes + HOST_MEM_BYTES + num::whole(num::real(node.mem_bytes) * node.how.mem);
        let mem = want.min(num::whole(num::real(node.mem_bytes) * 0.985));
        let wobble = |period| 0.75 + 0.5 * super::wave::noise(node.how.seed ^ 0x10ad, t, period);
        NodeFigures {
            cpu,
            wait: cpu * 0.015 * wobble(30.0),
            mem,
            root: num::whole(num::real(node.root_bytes) * node.how.disk),
            uptime: at.unix_ms.saturating_sub(node.boot_ms) / 1000,
            loadavg: [60.0, 300.0, 900.0].map(|period| cpu * cpus * wobble(period)),
        }
    }
}

impl NodeFigures {
    /// The members that go when a node is offline, and those that stay while the push is believed.
    pub fn published(&self, node: &Node) -> (Map<String, Value>, Map<String, Value>) {
        let moving = json!({"cpu": self.cpu, "mem": self.mem, "disk": self.root, "uptime": self.uptime});
        let fixed = json!({"maxcpu": node.cpus, "maxmem": node.mem_bytes, "maxdisk": node.root_bytes});
        match (moving, fixed) {
            (Value::Object(moving), Value::Object(fixed)) => (moving, fixed),
            _ => Default::default(),
        }
    }
}

/// A guest's memory fills during its first two minutes.
fn warm(uptime_s: u64) -> f64 {
    0.35 + 0.65 * (num::real(uptime_s) / 120.0).min(1.0)
}

fn lxc_disk(guest: &Guest, t: f64) -> u64 {
    let drift = 0.01 * super::wave::noise(guest.how.seed ^ 0xd1, t, 30_000.0);
    num::whole(num::real(guest.disk_bytes) * (guest.how.disk + drift).min(0.99)) / 4096 * 4096
}
