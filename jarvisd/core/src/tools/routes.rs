//! Which calls of the Proxmox API an operation may make, and nothing else.
//!
//! Changes have exactly one method and path each, by an exhaustive match; reads list GET paths with the privilege
//! that Proxmox documents for them. The client checks what it sends against this table. Not here: parameters.

use super::Effect;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Post,
    /// Only to ask the HA manager for a state.
    Put,
    Delete,
}

impl Method {
    pub const fn text(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A changing call; `{kind}` is `qemu` or `lxc`, `{sid}` is `vm:100` or `ct:100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub method: Method,
    pub path: &'static str,
    /// Proxmox's privilege for it.
    pub privilege: &'static str,
}

const fn post(path: &'static str, privilege: &'static str) -> Option<Change> {
    Some(Change { method: Method::Post, path, privilege })
}

impl Effect {
    /// The one changing call of the Proxmox API for this effect; `None` where the effect is no matter of that API.
    pub fn change(self) -> Option<Change> {
        match self {
            Self::Read | Self::StartContainer | Self::RestartContainer | Self::StopContainer => None,
            Self::StartGuest => post("/nodes/{node}/{kind}/{vmid}/status/start", "VM.PowerMgmt"),
            Self::ResumeGuest => post("/nodes/{node}/{kind}/{vmid}/status/resume", "VM.PowerMgmt"),
            Self::ShutdownGuest => post("/nodes/{node}/{kind}/{vmid}/status/shutdown", "VM.PowerMgmt"),
            Self::StopGuest => post("/nodes/{node}/{kind}/{vmid}/status/stop", "VM.PowerMgmt"),
            Self::RebootGuest => post("/nodes/{node}/{kind}/{vmid}/status/reboot", "VM.PowerMgmt"),
            Self::SuspendGuest => post("/nodes/{node}/{kind}/{vmid}/status/suspend", "VM.PowerMgmt"),
            Self::MigrateGuest => post("/nodes/{node}/{kind}/{vmid}/migrate", "VM.Migrate"),
            Self::CreateSnapshot => post("/nodes/{node}/{kind}/{vmid}/snapshot", "VM.Snapshot"),
            Self::DeleteSnapshot => Some(Change {
                method: Method::Delete,
                path: "/nodes/{node}/{kind}/{vmid}/snapshot/{snapname}",
                privilege: "VM.Snapshot",
            }),
            Self::StartBackup => post("/nodes/{node}/vzdump", "VM.Backup"),
            Self::WakeNode => post("/nodes/{node}/wakeonlan", "Sys.PowerMgmt"),
            Self::RestartService => post("/nodes/{node}/services/{service}/restart", "Sys.Modify"),
            Self::RebootNode | Self::ShutdownNode => post("/nodes/{node}/status", "Sys.PowerMgmt"),
        }
    }
}

impl Effect {
    /// The one call by which the HA manager is asked for the same, for a guest that it manages.
    pub fn ha_change(self) -> Option<Change> {
        const PRIVILEGE: &str = "Sys.Console";
        match self {
            Self::StartGuest | Self::ShutdownGuest => Some(Change {
                method: Method::Put,
                path: "/cluster/ha/resources/{sid}",
                privilege: PRIVILEGE,
            }),
            Self::MigrateGuest => post("/cluster/ha/resources/{sid}/migrate", PRIVILEGE),
            Self::Read
            | Self::ResumeGuest
            | Self::WakeNode
            | Self::RestartService
            | Self::CreateSnapshot
            | Self::StartBackup
            | Self::StartContainer
            | Self::StopGuest
            | Self::RebootGuest
            | Self::SuspendGuest
            | Self::DeleteSnapshot
            | Self::RestartContainer
            | Self::StopContainer
            | Self::RebootNode
            | Self::ShutdownNode => None,
        }
    }
}

/// GET paths that reads may use, each with the privilege documented for it; an empty one means any log-in.
pub const READS: &[(&str, &str)] = &[
    ("/version", ""),
    ("/access/permissions", ""),
    ("/cluster/status", "Sys.Audit"),
    ("/cluster/resources", ""),
    ("/cluster/tasks", ""),
    ("/cluster/backup", "Sys.Audit"),
    ("/cluster/backup-info/not-backed-up", "Sys.Audit"),
    ("/cluster/replication", ""),
    ("/cluster/ceph/status", "Sys.Audit"),
    ("/cluster/firewall/options", "Sys.Audit"),
    ("/cluster/firewall/rules", "Sys.Audit"),
    ("/cluster/ha/status/current", "Sys.Audit"),
    ("/cluster/ha/resources", "Sys.Audit"),
    ("/storage", ""),
    ("/nodes", ""),
    ("/nodes/{node}/status", "Sys.Audit"),
    ("/nodes/{node}/config", "Sys.Audit"),
    ("/nodes/{node}/network", ""),
    ("/nodes/{node}/services", "Sys.Audit"),
    ("/nodes/{node}/disks/list", "Sys.Audit"),
    ("/nodes/{node}/disks/smart", "Sys.Audit"),
    ("/nodes/{node}/disks/zfs", "Sys.Audit"),
    ("/nodes/{node}/disks/lvm", "Sys.Audit"),
    ("/nodes/{node}/disks/lvmthin", "Sys.Audit"),
    ("/nodes/{node}/firewall/options", "Sys.Audit"),
    ("/nodes/{node}/firewall/rules", "Sys.Audit"),
    ("/nodes/{node}/replication", ""),
    ("/nodes/{node}/storage", ""),
    ("/nodes/{node}/storage/{storage}/status", "Datastore.Audit"),
    ("/nodes/{node}/storage/{storage}/content", "Datastore.Audit"),
    ("/nodes/{node}/tasks", ""),
    ("/nodes/{node}/tasks/{upid}/status", ""),
    ("/nodes/{node}/tasks/{upid}/log", ""),
    ("/nodes/{node}/rrddata", "Sys.Audit"),
    ("/nodes/{node}/{kind}", ""),
    ("/nodes/{node}/{kind}/{vmid}/status/current", "VM.Audit"),
    ("/nodes/{node}/{kind}/{vmid}/config", "VM.Audit"),
    ("/nodes/{node}/{kind}/{vmid}/snapshot", "VM.Audit"),
    ("/nodes/{node}/{kind}/{vmid}/rrddata", "VM.Audit"),
    ("/nodes/{node}/{kind}/{vmid}/firewall/options", "VM.Audit"),
    ("/nodes/{node}/{kind}/{vmid}/firewall/rules", "VM.Audit"),
];

/// Whether a path, as sent, is one that reads may use: every `{…}` stands for exactly one segment.
pub fn is_read_path(path: &str) -> bool {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    READS.iter().any(|(template, _)| fits(template, path))
}

/// Whether a changing call, as sent, is the one of this effect.
pub fn is_change_of(effect: Effect, method: Method, path: &str) -> bool {
    effect.change().is_some_and(|change| change.method == method && fits(change.path, path))
}

/// Whether a call, as sent, is the request to the HA manager that stands for this effect.
pub fn is_ha_change_of(effect: Effect, method: Method, path: &str) -> bool {
    effect.ha_change().is_some_and(|change| change.method == method && fits(change.path, path))
}

fn fits(template: &str, path: &str) -> bool {
    let mut given = path.split('/');
    for part in template.split('/') {
        let Some(segment) = given.next() else { return false };
        let fits = match part {
            "{kind}" => matches!(segment, "qemu" | "lxc"),
            "{vmid}" => segment.parse::<crate::cluster::Vmid>().is_ok(),
            "{sid}" => is_sid(segment),
            hole if hole.starts_with('{') => !segment.is_empty() && segment != "." && segment != "..",
            fixed => fixed == segment,
        };
        if !fits {
            return false;
        }
    }
    given.next().is_none()
}

/// `vm:100` or `ct:100`, its colon percent-encoded or not.
fn is_sid(segment: &str) -> bool {
    let vmid = segment.strip_prefix("vm").or_else(|| segment.strip_prefix("ct"));
    let vmid = vmid.and_then(|rest| rest.strip_prefix(':').or_else(|| rest.strip_prefix("%3A")));
    vmid.is_some_and(|vmid| vmid.parse::<crate::cluster::Vmid>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i31_reads_use_only_paths_whose_privilege_is_an_audit_privilege() {
        for (path, privilege) in READS {
            assert!(privilege.is_empty() || privilege.ends_with(".Audit"), "{path} wants {privilege}");
        }
        assert!(is_read_path("/nodes/pve/qemu/100/config?current=1"));
        for bad in [
            "/nodes/pve/apt/update",
            "/nodes/pve/qemu/100/agent/exec",
            "/nodes/pve/qemu/100/config/../status/stop",
            "/nodes/../access/users",
            "/nodes/pve/tasks/UPID:x/log/more",
            "/nodes/pve/qemu/99/config",
            "/nodes//status",
        ] {
            assert!(!is_read_path(bad), "{bad}");
        }
    }

    #[test]
    fn a_change_is_sent_to_its_own_path_only() {
        let path = "/nodes/pve/qemu/100/status/start";
        assert!(is_change_of(Effect::StartGuest, Method::Post, path));
        assert!(!is_change_of(Effect::StopGuest, Method::Post, path));
        assert!(!is_change_of(Effect::StartGuest, Method::Delete, path));
        assert!(!is_change_of(Effect::StartGuest, Method::Post, "/nodes/pve/qemu/100/status/start/x"));
        assert!(!is_change_of(Effect::Read, Method::Post, path));
    }
    #[test]
    fn i18_the_ha_manager_is_asked_for_a_state_or_a_move_and_nothing_else() {
        let sid = "/cluster/ha/resources/vm%3A100";
        assert!(is_ha_change_of(Effect::StartGuest, Method::Put, sid));
        assert!(is_ha_change_of(Effect::ShutdownGuest, Method::Put, "/cluster/ha/resources/ct:100"));
        assert!(is_ha_change_of(Effect::MigrateGuest, Method::Post, &format!("{sid}/migrate")));
        for bad in
            ["/cluster/ha/resources/vm:99", "/cluster/ha/resources/xx:100", "/cluster/ha/resources/vm100"]
        {
            assert!(!is_ha_change_of(Effect::StartGuest, Method::Put, bad), "{bad}");
        }
        for effect in Effect::ALL {
            assert!(!is_ha_change_of(effect, Method::Delete, sid), "{effect:?}");
            assert!(!is_change_of(effect, Method::Put, sid), "{effect:?}: only by the way of HA");
        }
    }
}
