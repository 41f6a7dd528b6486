//! A guest, from a row of the resources or from its own status.

use jarvis_core::cluster::reading::GuestRow;
use jarvis_core::cluster::{GuestKind, GuestStatus, NodeName, Tags, Text, Vmid};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::Field;
use super::{Decoded, Oddities, Unreadable, start};

/// What both sources say in the same words.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    vmid: Field<u32>,
    pub(super) node: Field<String>,
    status: Field<String>,
    qmpstatus: Field<String>,
    name: Field<String>,
    template: Field<bool>,
    tags: Field<String>,
    cpu: Field<f64>,
    maxcpu: Field<f64>,
    cpus: Field<f64>,
    mem: Field<u64>,
    maxmem: Field<u64>,
    memhost: Field<u64>,
    disk: Field<u64>,
    maxdisk: Field<u64>,
    uptime: Field<u64>,
    lock: Field<String>,
    pool: Field<String>,
    hastate: Field<String>,
    netin: Field<u64>,
    netout: Field<u64>,
    diskread: Field<u64>,
    diskwrite: Field<u64>,
}

pub(super) fn row(
    f: Fields,
    kind: GuestKind,
    vmid: Option<Vmid>,
    node: NodeName,
    odd: &mut Oddities,
) -> Result<GuestRow, Unreadable> {
    let read = f.vmid.read("vmid", odd).and_then(|n| Vmid::try_from(n).ok());
    let vmid = read.or(vmid).ok_or("no usable vmid")?;
    let mem_total_bytes = f.maxmem.read("maxmem", odd);
    let template = f.template.read("template", odd);
    let name = f.name.read("name", odd).map(|name| Text::from(short(name, "name", odd)));
    // A guest that was just made, or whose node was lost, has a bare row; what it lacks is then not known,
    // where in a full row it means none.
    let full = mem_total_bytes.is_some() || template.is_some() || name.is_some();
    let tags = f.tags.read("tags", odd).map(|tags| Tags::from(short(tags, "tags", odd).as_str()));
    let disk = f.disk.read("disk", odd);
    let cores = f.maxcpu.read("maxcpu", odd);
    Ok(GuestRow {
        vmid,
        kind,
        node,
        status: status(
            f.status.read("status", odd).as_deref(),
            f.qmpstatus.read("qmpstatus", odd).as_deref(),
        ),
        name,
        template: template.or(full.then_some(false)),
        tags: tags.or(full.then(Tags::default)),
        cpu: f.cpu.read("cpu", odd).and_then(|share| ratio(share, "cpu", odd)),
        cpu_cores: cores.or(f.cpus.read("cpus", odd)),
        mem_used_bytes: f.mem.read("mem", odd),
        mem_total_bytes,
        mem_host_bytes: f.memhost.read("memhost", odd),
        // Proxmox does not look into a VM's disks and says 0.
        disk_used_bytes: disk.filter(|bytes| kind == GuestKind::Lxc || *bytes > 0),
        disk_total_bytes: f.maxdisk.read("maxdisk", odd),
        uptime_s: f.uptime.read("uptime", odd),
        lock: held(f.lock, "lock", odd).map(|lock| short(lock, "lock", odd)),
        pool: f.pool.read("pool", odd).map(|pool| short(pool, "pool", odd).into()),
        ha_state: held(f.hastate, "hastate", odd).map(|state| short(state, "hastate", odd)),
        net_in_bytes: f.netin.read("netin", odd),
        net_out_bytes: f.netout.read("netout", odd),
        disk_read_bytes: f.diskread.read("diskread", odd),
        disk_write_bytes: f.diskwrite.read("diskwrite", odd),
    })
}

/// Of a lock or a state of HA that is there and cannot be read.
pub(super) const UNREADABLE: &str = "unreadable";

/// What holds a guest: something is there, whatever it is, and nothing must be done to it as if there were not.
fn held(field: Field<String>, name: &str, odd: &mut Oddities) -> Option<String> {
    let unreadable = matches!(field, Field::Odd).then(|| UNREADABLE.to_owned());
    field.read(name, odd).or(unreadable)
}

/// QEMU's own word is the finer one: the list calls a paused VM running.
fn status(status: Option<&str>, qmp: Option<&str>) -> GuestStatus {
    match (status, qmp) {
        (Some("running"), Some("paused" | "io-error" | "internal-error" | "guest-panicked" | "watchdog")) => {
            GuestStatus::Paused
        }
        (Some("running"), Some("suspended")) => GuestStatus::Suspended,
        (Some("running"), Some("prelaunch")) => GuestStatus::Prelaunch,
        (Some("running"), _) => GuestStatus::Running,
        (Some("stopped"), _) => GuestStatus::Stopped,
        (Some("paused"), _) => GuestStatus::Paused,
        (Some("suspended"), _) => GuestStatus::Suspended,
        (Some("prelaunch"), _) => GuestStatus::Prelaunch,
        _ => GuestStatus::Unknown,
    }
}

/// No name, list of tags or state of Proxmox is longer; each is sent to every screen and kept with every event.
const CHARS_MAX: usize = 256;

fn short(text: String, name: &str, odd: &mut Oddities) -> String {
    if text.chars().count() <= CHARS_MAX {
        return text;
    }
    odd.note(name);
    text.chars().take(CHARS_MAX - 1).chain(['…']).collect()
}

/// A share of 0..=1; a first sample may come out a little above.
pub(super) fn ratio(share: f64, name: &str, odd: &mut Oddities) -> Option<f64> {
    if share < 0.0 {
        odd.note(name);
        return None;
    }
    Some(share.min(1.0))
}

/// Under HA, in a state that is not told.
const MANAGED: &str = "managed";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ha {
    managed: Field<bool>,
    state: Field<String>,
}

/// `GET /nodes/{node}/{kind}/{vmid}/status/current`, which names neither node nor kind.
pub(in super::super) fn guest_now(
    data: &RawValue,
    node: &NodeName,
    kind: GuestKind,
    vmid: Vmid,
) -> Result<Decoded<GuestRow>, Unreadable> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Extra<'a> {
        #[serde(borrow)]
        ha: Option<&'a RawValue>,
    }
    let shape = |_| format!("not a guest's status: {}", start(data));
    let fields: Fields = serde_json::from_str(data.get()).map_err(shape)?;
    let extra: Extra<'_> = serde_json::from_str(data.get()).map_err(shape)?;
    let mut odd = Oddities::default();
    let mut value = row(fields, kind, Some(vmid), node.clone(), &mut odd)?;
    if value.vmid != vmid {
        return Err(format!("asked for guest {vmid}, answered for {}", value.vmid));
    }
    if let Some(ha) = extra.ha.and_then(|raw| serde_json::from_str::<Ha>(raw.get()).ok()) {
        // In whatever state: it is the manager's, which says more when it is asked.
        let managed = ha.managed.read("ha.managed", &mut odd).unwrap_or(false).then(|| MANAGED.to_owned());
        value.ha_state = value.ha_state.or(held(ha.state, "ha.state", &mut odd)).or(managed);
    }
    let odd_rows = u32::from(odd.first.is_some());
    Ok(Decoded { value, odd_rows, first_odd: odd.first })
}
