//! The command line of Docker, on machines that have an engine.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{On, Says};
use crate::cluster::docker::{Container, Engine, RESTART_LABEL};
use crate::cluster::model::Guest;
use crate::cluster::{World, edit};
use crate::docker::words;
use crate::num;
use crate::site::Host;

fn engine<'w>(world: &'w World, host: &Host, on: On<'w>) -> Option<(&'w Engine, &'w Guest)> {
    let (Host::Guest(vmid), On::Guest(guest)) = (host, on) else { return None };
    Some((world.engines.get(vmid)?, guest))
}

fn none() -> Says {
    Says::missing("/usr/bin/docker")
}

pub fn list(world: &World, host: &Host, on: On<'_>) -> Says {
    let Some((engine, guest)) = engine(world, host, on) else { return none() };
    let row = |c: &Container| {
        let state = if c.on() { "running" } else { "exited" };
        let status = words::status(c, guest, world.now.unix_ms);
        let label = c.labels.get(RESTART_LABEL).cloned().unwrap_or_default();
        // In the order of the template it was asked with.
        let text = |v: &str| json!(v).to_string();
        format!(
            "{{\"id\":{},\"name\":{},\"image\":{},\"state\":{},\"status\":{},\"restart\":{}}}\n",
            text(&c.id),
            text(&c.name),
            text(&c.image),
            text(state),
            text(&status),
            text(&label)
        )
    };
    Says::prints(engine.containers.iter().map(row).collect::<String>()).taking(90)
}

pub fn stats(world: &World, host: &Host, on: On<'_>) -> Says {
    let Some((engine, guest)) = engine(world, host, on) else { return none() };
    let mut out = String::new();
    for c in &engine.containers {
        let (cpu, mem, [net_in, net_out, read, write]) = c.load(guest, world.now);
        let share = 100.0 * num::real(mem) / num::real(guest.mem_bytes.max(1));
        let row = Map::from_iter(
            [
                ("BlockIO", format!("{} / {}", words::decimal(read), words::decimal(write))),
                ("CPUPerc", format!("{:.2}%", cpu * 100.0)),
                ("Container", c.id.clone()),
                ("ID", c.id.clone()),
                ("MemPerc", format!("{share:.2}%")),
                ("MemUsage", format!("{} / {}", words::binary(mem), words::binary(guest.mem_bytes))),
                ("Name", c.name.clone()),
                ("NetIO", format!("{} / {}", words::decimal(net_in), words::decimal(net_out))),
                ("PIDs", if c.on() { (4 + c.seed % 20).to_string() } else { "0".into() }),
            ]
            .map(|(k, v)| (k.to_owned(), Value::String(v))),
        );
        let _ = writeln!(out, "{}", Value::Object(row));
    }
    // It measures for a second.
    Says::prints(out).taking(1_900)
}

pub fn logs(world: &World, host: &Host, on: On<'_>, name: &str, lines: u32) -> Says {
    let Some((_, guest)) = engine(world, host, on) else { return none() };
    let Some(container) = world.container(guest.vmid, name) else {
        return Says::fails(1, &format!("Error response from daemon: No such container: {name}\n"));
    };
    let mut says = Says::prints("").taking(70);
    for (at_ms, stream, text) in container.log(guest, world.now.unix_ms, num::size(u64::from(lines))) {
        let stamp = format!("{}.{:03}000000Z", edit::iso_stamp(at_ms / 1000), at_ms % 1000);
        let to = if stream == 2 { &mut says.err } else { &mut says.out };
        let _ = writeln!(to, "{stamp} {text}");
    }
    says
}
