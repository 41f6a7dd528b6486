//! From a typed operation to the request that Proxmox wants for it.

use jarvis_core::{
    cluster::{GuestKind, NodeName, Vmid},
    policy::Route,
    tools::{Operation, words::UnitName},
};
use proxmox_api::{
    cluster::ha::resources::sid::{self, SidClient},
    nodes::node::{NodeClient, lxc, qemu, status, vzdump},
    types::VmId,
};

use super::{
    super::{
        ask::Ask,
        error::{ErrorKind, ProxmoxError},
    },
    Place,
    recorder::{Recorder, record},
};

/// The services that Proxmox's API knows by name; it refuses all others.
pub const SERVICES: &[&str] = &[
    "chrony",
    "corosync",
    "cron",
    "ksmtuned",
    "lxcfs",
    "postfix",
    "proxmox-firewall",
    "pve-cluster",
    "pve-firewall",
    "pve-ha-crm",
    "pve-ha-lrm",
    "pve-lxc-syscalld",
    "pvedaemon",
    "pvefw-logger",
    "pveproxy",
    "pvescheduler",
    "pvestatd",
    "qmeventd",
    "spiceproxy",
    "sshd",
    "syslog",
    "systemd-journald",
    "systemd-timesyncd",
];

/// A start, a stop …: the same call for both kinds of guest, each with parameters of its own type.
macro_rules! power {
    ($place:expr, $vmid:expr, $verb:ident) => {{
        let node = node(&$place.node);
        match kind($place)? {
            GuestKind::Qemu => {
                let params = qemu::vmid::status::$verb::PostParams::default();
                record(node.qemu().vmid($vmid).status().$verb().post(params))
            }
            GuestKind::Lxc => record(power!(@lxc node, $vmid, $verb)),
        }
    }};
    (@lxc $node:expr, $vmid:expr, suspend) => { $node.lxc().vmid($vmid).status().suspend().post() };
    (@lxc $node:expr, $vmid:expr, resume) => { $node.lxc().vmid($vmid).status().resume().post() };
    (@lxc $node:expr, $vmid:expr, $verb:ident) => {
        $node.lxc().vmid($vmid).status().$verb().post(lxc::vmid::status::$verb::PostParams::default())
    };
}

pub(super) fn request(operation: &Operation, place: &Place, route: Route) -> Result<Ask, ProxmoxError> {
    if route == Route::Ha {
        return ha(operation, place);
    }
    match operation {
        Operation::StartGuest(call) => power!(place, number(call.vmid)?, start),
        Operation::ResumeGuest(call) => power!(place, number(call.vmid)?, resume),
        Operation::ShutdownGuest(call) => power!(place, number(call.vmid)?, shutdown),
        Operation::StopGuest(call) => power!(place, number(call.vmid)?, stop),
        Operation::RebootGuest(call) => power!(place, number(call.vmid)?, reboot),
        Operation::SuspendGuest(call) => power!(place, number(call.vmid)?, suspend),
        Operation::MigrateGuest(call) => migrate(number(call.vmid)?, &call.to, place),
        Operation::CreateSnapshot(call) => snapshot(number(call.vmid)?, call.name.as_str(), place),
        Operation::DeleteSnapshot(call) => unsnapshot(number(call.vmid)?, call.name.as_str(), place),
        Operation::StartBackup(call) => {
            // Nothing is pruned: a backup is to add one, not to cost an older one.
            let params = vzdump::PostParams {
                vmid: Some(call.vmid.to_string()),
                storage: Some(call.storage.to_string()),
                mode: Some(vzdump::Mode::Snapshot),
                compress: Some(vzdump::Compress::Zstd),
                remove: Some(false),
                ..Default::default()
            };
            record(node(&place.node).vzdump().post(params))
        }
        Operation::WakeNode(call) => record(node(&call.node).wakeonlan().post()),
        Operation::RestartService(call) => match service(&call.unit) {
            Some(name) => record(node(&call.node).services().service(name).restart().post()),
            None => Err(nothing(operation)),
        },
        Operation::RebootNode(call) => power_node(&call.node, status::Command::Reboot),
        Operation::ShutdownNode(call) => power_node(&call.node, status::Command::Shutdown),
        _ => Err(nothing(operation)),
    }
}

/// The HA manager is told what is wanted, and does it.
fn ha(operation: &Operation, place: &Place) -> Result<Ask, ProxmoxError> {
    let sid = |vmid: Vmid| {
        let kind = match kind(place)? {
            GuestKind::Qemu => "vm",
            GuestKind::Lxc => "ct",
        };
        Ok::<_, ProxmoxError>(SidClient::new(Recorder, "/cluster/ha/resources", &format!("{kind}:{vmid}")))
    };
    let wanted = |state| sid::PutParams { state: Some(state), ..Default::default() };
    match operation {
        Operation::StartGuest(call) => record(sid(call.vmid)?.put(wanted(sid::State2::Started))),
        Operation::ShutdownGuest(call) => record(sid(call.vmid)?.put(wanted(sid::State2::Stopped))),
        Operation::MigrateGuest(call) => {
            let params = sid::migrate::PostParams::new(call.to.to_string());
            record(sid(call.vmid)?.migrate().post(params))
        }
        _ => Err(nothing(operation)),
    }
}

fn migrate(vmid: VmId, to: &NodeName, place: &Place) -> Result<Ask, ProxmoxError> {
    let node = node(&place.node);
    let running = place.running.then_some(true);
    match kind(place)? {
        GuestKind::Qemu => {
            let mut params = qemu::vmid::migrate::PostParams::new(to.to_string());
            params.online = running;
            // Without this Proxmox does not move a running VM with disks of its own.
            params.with_local_disks = running;
            record(node.qemu().vmid(vmid).migrate().post(params))
        }
        GuestKind::Lxc => {
            let mut params = lxc::vmid::migrate::PostParams::new(to.to_string());
            params.restart = running;
            record(node.lxc().vmid(vmid).migrate().post(params))
        }
    }
}

fn snapshot(vmid: VmId, name: &str, place: &Place) -> Result<Ask, ProxmoxError> {
    let node = node(&place.node);
    let unfit = |e| fault(format!("`{name}` is no name for a snapshot ({e})"));
    match kind(place)? {
        GuestKind::Qemu => {
            let name = name.to_owned().try_into().map_err(|e| unfit(format!("{e:?}")))?;
            let params = qemu::vmid::snapshot::PostParams::new(name);
            record(node.qemu().vmid(vmid).snapshot().post(params))
        }
        GuestKind::Lxc => {
            let name = name.to_owned().try_into().map_err(|e| unfit(format!("{e:?}")))?;
            let params = lxc::vmid::snapshot::PostParams::new(name);
            record(node.lxc().vmid(vmid).snapshot().post(params))
        }
    }
}

fn unsnapshot(vmid: VmId, name: &str, place: &Place) -> Result<Ask, ProxmoxError> {
    let node = node(&place.node);
    match kind(place)? {
        GuestKind::Qemu => {
            let params = qemu::vmid::snapshot::snapname::DeleteParams::default();
            record(node.qemu().vmid(vmid).snapshot().snapname(name).delete(params))
        }
        GuestKind::Lxc => {
            let params = lxc::vmid::snapshot::snapname::DeleteParams::default();
            record(node.lxc().vmid(vmid).snapshot().snapname(name).delete(params))
        }
    }
}

fn power_node(name: &NodeName, command: status::Command) -> Result<Ask, ProxmoxError> {
    record(node(name).status().post(status::PostParams::new(command)))
}

/// Proxmox's name of the unit.
pub(super) fn service(unit: &UnitName) -> Option<&'static str> {
    let name = unit.as_str().strip_suffix(".service")?;
    // Debian calls the unit ssh, Proxmox sshd.
    let name = if name == "ssh" { "sshd" } else { name };
    SERVICES.iter().copied().find(|known| *known == name)
}

fn node(name: &NodeName) -> NodeClient<Recorder> {
    NodeClient::new(Recorder, "/nodes", name.as_str())
}

fn number(vmid: Vmid) -> Result<VmId, ProxmoxError> {
    VmId::try_from(i128::from(vmid.get())).map_err(|_| fault(format!("{vmid} is no number of a guest")))
}

fn kind(place: &Place) -> Result<GuestKind, ProxmoxError> {
    place.kind.ok_or_else(|| fault("it is not known whether this guest is a VM or a container".into()))
}

fn nothing(operation: &Operation) -> ProxmoxError {
    fault(format!("Proxmox's API has no call for `{}` on this", operation.descriptor().name))
}

fn fault(what: String) -> ProxmoxError {
    ProxmoxError::unplaced(ErrorKind::Misconfigured { what })
}
