//! Every fault there is: name, meaning, fields. A field ending in `!` must be given.

use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    NodeDown,
    NodeUp,
    NodeApart,
    GuestCrash,
    GuestStopByHuman,
    GuestStartByHuman,
    GuestAdd,
    GuestRemove,
    QuorumLost,
    QuorumBack,
    StorageFill,
    StorageOffline,
    StorageOnline,
    Lock,
    Unlock,
    Slow,
    Hang,
    Reset,
    BadJson,
    HttpError,
    AuthFail,
    CertExpired,
    ClockSkew,
    TaskFail,
    TaskWarn,
    TaskSlow,
    Load,
    Contradiction,
    LostAnswer,
    LateChange,
    TaskHang,
    HaManage,
    HaUnmanage,
    HaError,
    ServiceFail,
    ShareDead,
    DiskFailing,
    PoolDegraded,
    Hot,
    SshHostKey,
    SshRefuse,
    SshDenied,
    SshHang,
    SshCut,
    SshFlood,
    SshSessions,
    SshFail,
    DockerDown,
    DockerSlow,
    DockerHang,
    DockerLostAnswer,
    ContainerCrash,
    ContainerUnhealthy,
    MailFail,
}

pub struct Entry {
    pub name: &'static str,
    pub what: What,
    pub about: &'static str,
    pub takes: &'static [(&'static str, &'static str)],
}

impl Entry {
    pub fn usage(&self) -> String {
        let fields: Vec<String> = self
            .takes
            .iter()
            .map(|(f, _)| match f.strip_suffix('!') {
                Some(needed) => needed.to_owned(),
                None => format!("{f}?"),
            })
            .collect();
        match fields.is_empty() {
            true => format!("'{}' takes only at_s?", self.name),
            false => format!("'{}' takes at_s?, {}", self.name, fields.join(", ")),
        }
    }

    pub fn fields(&self) -> Value {
        let field = |(name, about): &(&str, &str)| {
            let needed = name.ends_with('!');
            json!({"name": name.trim_end_matches('!'), "about": about, "required": needed})
        };
        self.takes.iter().map(field).collect()
    }
}

const NODE: (&str, &str) = ("node!", "name of the node");
const SOME_NODE: (&str, &str) = ("node", "only calls to or about this node");
const VMID: (&str, &str) = ("vmid!", "number of the guest");
const FOR: (&str, &str) = ("for_s", "simulated seconds it lasts; without it until cleared");
const TIMES: (&str, &str) = ("times", "how often it strikes");
const PATH: (&str, &str) = ("path", "only calls whose path contains this");
const METHOD: (&str, &str) = ("method", "only calls with this method");
const KIND: (&str, &str) = ("kind", "only tasks of this type, such as qmstart");
const TASK_NODE: (&str, &str) = ("node", "only tasks on this node");
const TASK_VMID: (&str, &str) = ("vmid", "only tasks of this guest");

const HOST_NODE: (&str, &str) = ("node", "only this node");
const HOST_VMID: (&str, &str) = ("vmid", "only this guest");
const LINE: (&str, &str) = ("path", "only command lines that contain this");

/// A fault with its name as JSON writes it.
const fn entry(
    name: &'static str,
    what: What,
    about: &'static str,
    takes: &'static [(&'static str, &'static str)],
) -> Entry {
    Entry { name, what, about, takes }
}

pub const CATALOG: &[Entry] = &[
    entry(
        "node_down",
        What::NodeDown,
        "a node is cut off",
        &[
            NODE,
            ("variant", "link (default: cable pulled, guests run on) or power (everything on it stops)"),
            FOR,
        ],
    ),
    entry(
        "node_apart",
        What::NodeApart,
        "corosync of a node has lost the others; its API goes on answering, by its own view",
        &[NODE, FOR],
    ),
    entry(
        "node_up",
        What::NodeUp,
        "a node is plugged in again",
        &[NODE, ("by_s", "seconds a machine without power needs to boot, 0 by default")],
    ),
    entry("guest_crash", What::GuestCrash, "a guest dies without a task", &[VMID]),
    entry(
        "guest_stop_by_human",
        What::GuestStopByHuman,
        "operator@pam stops a guest in the web interface",
        &[VMID, ("variant", "stop (default) or shutdown")],
    ),
    entry("guest_start_by_human", What::GuestStartByHuman, "operator@pam starts a guest", &[VMID]),
    entry(
        "guest_add",
        What::GuestAdd,
        "operator@pam creates and starts a guest",
        &[
            ("vmid", "its number; the next free one by default"),
            ("name", "its name"),
            ("node", "its node; the first by default"),
            ("kind", "qemu or lxc (default)"),
        ],
    ),
    entry("guest_remove", What::GuestRemove, "operator@pam stops and destroys a guest", &[VMID]),
    entry(
        "quorum_lost",
        What::QuorumLost,
        "the cluster loses quorum",
        &[
            ("nodes", "cut these nodes; by default as many of the last ones as it takes"),
            ("variant", "cut (default) or votes (all nodes stay reachable)"),
            FOR,
        ],
    ),
    entry("quorum_back", What::QuorumBack, "what quorum_lost took is given back", &[]),
    entry(
        "storage_fill",
        What::StorageFill,
        "a storage fills up",
        &[("storage!", "its name"), ("amount", "share in use from now on, 0.97 by default")],
    ),
    entry(
        "storage_offline",
        What::StorageOffline,
        "a storage stops answering",
        &[("storage!", "its name"), ("node", "only on this node"), FOR],
    ),
    entry(
        "storage_online",
        What::StorageOnline,
        "a storage answers again",
        &[("storage!", "its name"), ("node", "only on this node")],
    ),
    entry(
        "lock",
        What::Lock,
        "a guest's configuration is locked",
        &[VMID, ("kind", "name of the lock, backup by default"), FOR],
    ),
    entry("unlock", What::Unlock, "a guest's lock is removed", &[VMID]),
    entry(
        "slow",
        What::Slow,
        "answers take longer",
        &[("by_s", "by so many simulated seconds, 3 by default"), SOME_NODE, PATH, METHOD, FOR, TIMES],
    ),
    entry("hang", What::Hang, "calls are taken and never answered", &[SOME_NODE, PATH, METHOD, FOR, TIMES]),
    entry(
        "reset",
        What::Reset,
        "connections are reset in the middle of a call",
        &[SOME_NODE, PATH, METHOD, FOR, TIMES],
    ),
    entry(
        "bad_json",
        What::BadJson,
        "answers with status 200 are spoiled",
        &[("variant!", "html, truncated, odd_row or huge (100 MB)"), SOME_NODE, PATH, METHOD, FOR, TIMES],
    ),
    entry(
        "http_error",
        What::HttpError,
        "calls fail with a status",
        &[
            ("status", "500 by default; 595 to 599 have no body"),
            ("message", "its text"),
            SOME_NODE,
            PATH,
            METHOD,
            FOR,
            TIMES,
        ],
    ),
    entry(
        "auth_fail",
        What::AuthFail,
        "tokens and tickets are suddenly refused",
        &[("kind", "only this token id, such as read"), FOR],
    ),
    entry(
        "cert_expired",
        What::CertExpired,
        "a node shows an expired certificate",
        &[("node", "only this node"), FOR],
    ),
    entry(
        "clock_skew",
        What::ClockSkew,
        "a node's clock is off",
        &[NODE, ("by_s!", "by so many seconds, negative is behind")],
    ),
    entry(
        "task_fail",
        What::TaskFail,
        "tasks fail",
        &[("message", "the text they end with"), KIND, TASK_NODE, TASK_VMID, FOR, TIMES],
    ),
    entry(
        "task_warn",
        What::TaskWarn,
        "tasks end with warnings",
        &[("count", "how many, 1 by default"), KIND, TASK_NODE, TASK_VMID, FOR, TIMES],
    ),
    entry(
        "task_slow",
        What::TaskSlow,
        "tasks take longer",
        &[("amount", "so many times as long, 5 by default"), KIND, TASK_NODE, TASK_VMID, FOR, TIMES],
    ),
    entry(
        "load",
        What::Load,
        "a guest or node works hard",
        &[
            ("vmid", "the guest"),
            ("node", "or the node"),
            ("amount", "share of its CPUs added, 0.8 by default"),
            ("for_s", "simulated seconds, 120 by default"),
        ],
    ),
    entry(
        "contradiction",
        What::Contradiction,
        "quorate, yet every node is shown offline while figures move",
        &[FOR],
    ),
    entry(
        "lost_answer",
        What::LostAnswer,
        "changes are acted on, but their answers never arrive",
        &[("variant", "reset (default) or hang"), SOME_NODE, PATH, METHOD, FOR, TIMES],
    ),
    entry(
        "late_change",
        What::LateChange,
        "changes lose their connection and are acted on later, as with a packet that was held up",
        &[("by_s", "so many simulated seconds later, 8 by default"), SOME_NODE, PATH, METHOD, FOR, TIMES],
    ),
    entry(
        "task_hang",
        What::TaskHang,
        "tasks never end by themselves",
        &[KIND, TASK_NODE, TASK_VMID, FOR, TIMES],
    ),
    entry(
        "ha_manage",
        What::HaManage,
        "a guest comes under the HA manager",
        &[VMID, ("kind", "requested state: started (default) or stopped")],
    ),
    entry("ha_unmanage", What::HaUnmanage, "a guest leaves the HA manager", &[VMID]),
    entry("ha_error", What::HaError, "the HA manager gives a guest up (state error)", &[VMID]),
    entry(
        "service_fail",
        What::ServiceFail,
        "a unit fails until it is restarted",
        &[NODE, ("name!", "name of the unit, such as smbd")],
    ),
    entry(
        "share_dead",
        What::ShareDead,
        "the mount of a network share does not answer on a node",
        &[("storage!", "its name"), ("node", "only on this node"), FOR],
    ),
    entry(
        "disk_failing",
        What::DiskFailing,
        "a disk fails its SMART health test",
        &[NODE, ("name!", "its path, such as /dev/sda"), FOR],
    ),
    entry("pool_degraded", What::PoolDegraded, "a disk is missing from a node's ZFS pool", &[NODE, FOR]),
    entry(
        "hot",
        What::Hot,
        "a node's sensors read higher",
        &[NODE, ("amount", "by so many degrees, 40 by default"), FOR],
    ),
    entry("ssh_host_key", What::SshHostKey, "a host shows another key", &[HOST_NODE, HOST_VMID, FOR]),
    entry(
        "ssh_refuse",
        What::SshRefuse,
        "a host takes no SSH connection",
        &[("variant", "refuse (default), drop (taken and closed) or silent"), HOST_NODE, HOST_VMID, FOR],
    ),
    entry("ssh_denied", What::SshDenied, "a host accepts no key", &[HOST_NODE, HOST_VMID, FOR]),
    entry(
        "ssh_hang",
        What::SshHang,
        "commands give half of their output and never end",
        &[HOST_NODE, HOST_VMID, LINE, FOR, TIMES],
    ),
    entry(
        "ssh_cut",
        What::SshCut,
        "the connection breaks after a command was carried out, before its end is told",
        &[HOST_NODE, HOST_VMID, LINE, FOR, TIMES],
    ),
    entry(
        "ssh_flood",
        What::SshFlood,
        "commands give far too much output",
        &[
            ("variant", "stdout (default) or stderr"),
            ("amount", "bytes, 50,000,000 by default"),
            HOST_NODE,
            HOST_VMID,
            LINE,
            FOR,
            TIMES,
        ],
    ),
    entry(
        "ssh_sessions",
        What::SshSessions,
        "MaxSessions of new connections",
        &[("count!", "so many at once; 0 allows none"), HOST_NODE, HOST_VMID, FOR],
    ),
    entry(
        "ssh_fail",
        What::SshFail,
        "commands fail",
        &[
            ("status", "exit status, 1 by default"),
            ("message", "what they say on stderr"),
            HOST_NODE,
            HOST_VMID,
            LINE,
            FOR,
            TIMES,
        ],
    ),
    entry("docker_down", What::DockerDown, "a Docker engine refuses connections", &[HOST_VMID, FOR]),
    entry(
        "docker_slow",
        What::DockerSlow,
        "a Docker engine answers late",
        &[("by_s", "by so many simulated seconds, 3 by default"), HOST_VMID, PATH, METHOD, FOR, TIMES],
    ),
    entry(
        "docker_hang",
        What::DockerHang,
        "a Docker engine takes calls and never answers",
        &[HOST_VMID, PATH, METHOD, FOR, TIMES],
    ),
    entry(
        "docker_lost_answer",
        What::DockerLostAnswer,
        "changes of containers are carried out, but their answers never arrive",
        &[HOST_VMID, PATH, METHOD, FOR, TIMES],
    ),
    entry(
        "container_crash",
        What::ContainerCrash,
        "a container dies and stays dead",
        &[("name!", "its name"), HOST_VMID],
    ),
    entry(
        "container_unhealthy",
        What::ContainerUnhealthy,
        "a container's health check fails until it is restarted",
        &[("name!", "its name"), HOST_VMID],
    ),
    entry(
        "mail_fail",
        What::MailFail,
        "mail is not taken",
        &[("variant", "refuse (default: closed at once), reject (550), busy (451) or hang"), FOR, TIMES],
    ),
];
