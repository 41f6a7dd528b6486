//! Series over time as `rrddata` gives them, from the simulated past.

use serde_json::{Map, Value, json};

use super::World;
use super::clock::Now;
use super::figures::Load;
use super::model::{Guest, Kind, Node, Run, Storage};
use crate::num;

/// Step and number of rows of a time frame.
pub fn frame(name: &str) -> Option<(u64, u64)> {
    match name {
        "hour" => Some((60, 60)),
        "day" => Some((60, 1440)),
        "week" => Some((1800, 336)),
        "month" => Some((1800, 1440)),
        "year" => Some((21_600, 1440)),
        "decade" => Some((604_800, 570)),
        _ => None,
    }
}

/// Guests summed for a node's past; on a fuller node the rest is extrapolated, to keep a day cheap.
const SAMPLE_MAX: usize = 40;

impl World {
    fn frame_times(&self, step_s: u64, rows: u64) -> impl Iterator<Item = u64> + use<> {
        let last = self.now.unix_s() / step_s * step_s;
        (0..rows).map(move |i| last.saturating_sub((rows - 1 - i) * step_s))
    }

    fn instant(&self, at_s: u64) -> Now {
        let ago_ms = self.now.unix_ms.saturating_sub(at_s * 1000);
        let ago_sim = num::whole(num::real(ago_ms) / self.clock.scale());
        Now { sim_ms: self.now.sim_ms.saturating_sub(ago_sim), unix_ms: at_s * 1000 }
    }

    fn run_at(&self, guest: &Guest, at_ms: u64) -> Option<u64> {
        if let Run::Running { since_ms, .. } = guest.run
            && since_ms <= at_ms
        {
            return Some(since_ms);
        }
        let past = self.past_runs.get(&guest.vmid)?;
        past.iter().find(|(from, to)| *from <= at_ms && at_ms < *to).map(|(from, _)| *from)
    }

    pub fn guest_history(&self, guest: &Guest, step_s: u64, rows: u64) -> Vec<Value> {
        let times = self.frame_times(step_s, rows);
        times.map(|t| self.guest_row_at(guest, t)).collect()
    }

    fn guest_row_at(&self, guest: &Guest, at_s: u64) -> Value {
        let mut row = Map::new();
        row.insert("time".into(), json!(at_s));
        if at_s < guest.created_s {
            return Value::Object(row);
        }
        row.insert("maxcpu".into(), json!(guest.cores));
        row.insert("maxmem".into(), json!(guest.mem_bytes));
        row.insert("maxdisk".into(), json!(guest.disk_bytes));
        row.insert("disk".into(), json!(0));
        let at = self.instant(at_s);
        let Some(since_ms) = self.run_at(guest, at.unix_ms) else { return Value::Object(row) };
        let then = Guest { run: Run::Running { since_ms, pid: 0, paused: false }, ..light(guest) };
        let f = self.guest_figures(&then, at);
        let t = num::real(at_s);
        let how = &guest.how;
        let values = [
            ("cpu", f.cpu),
            ("mem", num::real(f.mem)),
            ("memhost", num::real(f.memhost)),
            ("netin", how.rate(how.net_in, t)),
            ("netout", how.rate(how.net_out, t)),
            ("diskread", how.rate(how.disk_read, t)),
            ("diskwrite", how.rate(how.disk_write, t)),
            ("pressurecpusome", f.cpu * 3.0),
            ("pressurecpufull", 0.0),
            ("pressureiosome", f.cpu * 0.4),
            ("pressureiofull", f.cpu * 0.2),
            ("pressurememorysome", 0.0),
            ("pressurememoryfull", 0.0),
        ];
        row.extend(values.map(|(k, v)| (k.to_owned(), super::figures::ratio(v))));
        if guest.kind == Kind::Lxc {
            row.insert("disk".into(), json!(f.disk));
        }
        Value::Object(row)
    }

    pub fn node_history(&self, node: &Node, step_s: u64, rows: u64) -> Vec<Value> {
        let guests: Vec<&Guest> = self.guests.values().filter(|g| g.node == node.name).collect();
        let sample = guests.len().min(SAMPLE_MAX);
        let factor =
            if sample == 0 { 1.0 } else { num::real(num::len(guests.len())) / num::real(num::len(sample)) };
        let every = (guests.len() / sample.max(1)).max(1);
        let picked: Vec<&Guest> = guests.into_iter().step_by(every).take(sample).collect();
        self.frame_times(step_s, rows).map(|t| self.node_row_at(node, &picked, factor, t)).collect()
    }

    fn node_row_at(&self, node: &Node, guests: &[&Guest], factor: f64, at_s: u64) -> Value {
        let at = self.instant(at_s);
        let mut load = Load::default();
        let (mut netin, mut netout) = (0.0, 0.0);
        for guest in guests {
            let Some(since_ms) = self.run_at(guest, at.unix_ms) else { continue };
            let then = Guest { run: Run::Running { since_ms, pid: 0, paused: false }, ..light(guest) };
            load.add(&then, &self.guest_figures(&then, at));
            netin += guest.how.rate(guest.how.net_in, num::real(at_s));
            netout += guest.how.rate(guest.how.net_out, num::real(at_s));
        }
        load.cpu_cores *= factor;
        load.mem_bytes = num::whole(num::real(load.mem_bytes) * factor);
        let f = self.node_figures(node, at, load);
        let swap_total = 8_589_930_496_u64;
        json!({
            "time": at_s, "cpu": f.cpu, "maxcpu": node.cpus, "iowait": f.wait, "loadavg": f.loadavg[0],
            "memtotal": node.mem_bytes, "memused": num::real(f.mem),
            "memavailable": num::real(node.mem_bytes.saturating_sub(f.mem)),
            "swaptotal": swap_total, "swapused": swap_total / 40,
            "roottotal": node.root_bytes, "rootused": num::real(f.root), "arcsize": 0,
            "netin": netin * factor, "netout": netout * factor,
            "pressurecpusome": f.cpu * 6.0, "pressureiosome": f.wait * 2.0, "pressureiofull": f.wait,
            "pressurememorysome": 0, "pressurememoryfull": 0,
        })
    }

    pub fn storage_history(&self, storage: &Storage, node: &str, step_s: u64, rows: u64) -> Vec<Value> {
        let row = |t: u64| json!({"time": t, "total": storage.total_bytes, "used": num::real(storage.used_bytes(node, num::real(t)))});
        self.frame_times(step_s, rows).map(row).collect()
    }
}

/// A guest without what its figures do not need, so that a copy per row is cheap.
fn light(guest: &Guest) -> Guest {
    Guest {
        ha: None,
        vmid: guest.vmid,
        kind: guest.kind,
        name: String::new(),
        node: String::new(),
        cores: guest.cores,
        mem_bytes: guest.mem_bytes,
        swap_bytes: guest.swap_bytes,
        disk_bytes: guest.disk_bytes,
        tags: String::new(),
        template: guest.template,
        onboot: false,
        agent: false,
        storage: String::new(),
        pool: None,
        run: guest.run,
        lock: None,
        snapshots: Vec::new(),
        config: Map::new(),
        created_s: guest.created_s,
        how: guest.how,
        busy_until_ms: 0,
        shutdown_ms: 0,
        start_ms: 0,
        shown: None,
    }
}
