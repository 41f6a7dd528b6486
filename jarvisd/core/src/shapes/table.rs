//! The rows. Each carries examples of what fits it and what does not; a test holds them against it.

use thiserror::Error;

use super::grammar::Grammar;

/// Words after the fixed ones.
pub type Example = &'static [&'static str];

/// A flag written as one word, `--lines=100`; only the part after `=` varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// With its `=`.
    pub name: &'static str,
    pub value: Grammar,
    pub required: bool,
}

/// One command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub name: &'static str,
    /// Absolute.
    pub program: &'static str,
    /// Words that are always there, first.
    pub lead: &'static [&'static str],
    /// In this order, each at most once.
    pub flags: &'static [Flag],
    /// After the flags, all of them.
    pub operands: &'static [Grammar],
    /// Whether it changes anything; such a row is only built from a spent permit.
    pub changes: bool,
    pub timeout_s: u32,
    /// Of each of the two streams.
    pub output_bytes_max: u32,
    pub accept: &'static [Example],
    pub reject: &'static [Example],
}

/// The environment of every command, nothing else is passed: one language, no pager, no colours.
pub const ENVIRONMENT: &[&str] = &[
    "LC_ALL=C",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "PAGER=cat",
    "SYSTEMD_PAGER=cat",
    "SYSTEMD_COLORS=0",
    "TERM=dumb",
];

/// Why words do not fit a row.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ShapeError {
    #[error("`{shape}`: the flag `{flag}` is missing")]
    FlagMissing { shape: &'static str, flag: &'static str },
    #[error("`{shape}`: word {place} does not fit what is allowed there")]
    Unfit { shape: &'static str, place: usize },
    #[error("`{shape}`: a value is missing")]
    TooFew { shape: &'static str },
    #[error("`{shape}`: {extra} words too many")]
    TooMany { shape: &'static str, extra: usize },
}

impl Shape {
    /// Holds the words after the fixed ones against the row.
    pub fn check(&self, words: &[&str]) -> Result<(), ShapeError> {
        let shape = self.name;
        let mut rest = words.iter();
        for flag in self.flags {
            let value = rest.as_slice().first().and_then(|word| word.strip_prefix(flag.name));
            match value {
                Some(value) if flag.value.accepts(value) => {
                    rest.next();
                }
                Some(_) => {
                    return Err(ShapeError::Unfit { shape, place: words.len().saturating_sub(rest.len()) });
                }
                None if flag.required => return Err(ShapeError::FlagMissing { shape, flag: flag.name }),
                None => {}
            }
        }
        for operand in self.operands {
            let place = words.len().saturating_sub(rest.len());
            match rest.next() {
                Some(word) if operand.accepts(word) => {}
                Some(_) => return Err(ShapeError::Unfit { shape, place }),
                None => return Err(ShapeError::TooFew { shape }),
            }
        }
        match rest.len() {
            0 => Ok(()),
            extra => Err(ShapeError::TooMany { shape, extra }),
        }
    }
}

/// A read with the usual bounds; rows override what differs.
const READ: Shape = Shape {
    name: "",
    program: "",
    lead: &[],
    flags: &[],
    operands: &[],
    changes: false,
    timeout_s: 10,
    output_bytes_max: 256 * 1024,
    accept: &[&[]],
    reject: &[&["x"], &["--help"], &[""]],
};

const LINES: Flag = Flag { name: "--lines=", value: Grammar::Count(1_000), required: true };
const SINCE: Flag = Flag { name: "--since=", value: Grammar::Time, required: false };

pub static JOURNAL: Shape = Shape {
    name: "journal",
    program: "/usr/bin/journalctl",
    lead: &["--no-pager", "--quiet", "--utc", "--output=short-iso"],
    flags: &[Flag { name: "--unit=", value: Grammar::Unit, required: true }, LINES, SINCE],
    accept: &[
        &["--unit=smbd.service", "--lines=100"],
        &["--unit=getty@tty1.service", "--lines=1", "--since=2026-10-20T14:03:00Z"],
    ],
    reject: &[
        &["--unit=smbd", "--lines=100"],
        &["--lines=100"],
        &["--unit=smbd.service"],
        &["--lines=100", "--unit=smbd.service"],
        &["--unit=smbd.service", "--lines=01"],
        &["--unit=smbd.service", "--lines=1001"],
        &["--unit=smbd.service", "--lines=100", "--since=yesterday"],
        &["--unit=smbd.service", "--lines=100", "--vacuum-size=1"],
        &["--unit=-x.service", "--lines=1"],
        &["--unit=*", "--lines=1"],
        &["--unit=a b", "--lines=1"],
    ],
    ..READ
};

pub static KERNEL_LOG: Shape = Shape {
    name: "kernel_log",
    program: "/usr/bin/journalctl",
    lead: &["--no-pager", "--quiet", "--utc", "--output=short-iso", "--dmesg"],
    flags: &[LINES, SINCE],
    accept: &[&["--lines=100"], &["--lines=5", "--since=2026-10-20T14:03:00Z"]],
    reject: &[&[], &["--lines=0"], &["--lines=100", "--rotate"], &["--lines=100", "--since=-1h"]],
    ..READ
};

pub static SENSORS: Shape = Shape { name: "sensors", program: "/usr/bin/sensors", lead: &["-j"], ..READ };

pub static THERMAL_ZONES: Shape = Shape {
    name: "thermal_zones",
    program: "/usr/bin/tail",
    // A header a file tells them apart; a zone that is not there is an error on the other stream and no more.
    lead: &[
        "--verbose",
        "--lines=1",
        "--",
        "/sys/class/thermal/thermal_zone0/type",
        "/sys/class/thermal/thermal_zone0/temp",
        "/sys/class/thermal/thermal_zone1/type",
        "/sys/class/thermal/thermal_zone1/temp",
        "/sys/class/thermal/thermal_zone2/type",
        "/sys/class/thermal/thermal_zone2/temp",
        "/sys/class/thermal/thermal_zone3/type",
        "/sys/class/thermal/thermal_zone3/temp",
        "/sys/class/thermal/thermal_zone4/type",
        "/sys/class/thermal/thermal_zone4/temp",
        "/sys/class/thermal/thermal_zone5/type",
        "/sys/class/thermal/thermal_zone5/temp",
        "/sys/class/thermal/thermal_zone6/type",
        "/sys/class/thermal/thermal_zone6/temp",
        "/sys/class/thermal/thermal_zone7/type",
        "/sys/class/thermal/thermal_zone7/temp",
    ],
    ..READ
};

pub static SMART: Shape = Shape {
    name: "smart",
    program: "/usr/sbin/smartctl",
    // A sleeping disk is left asleep.
    lead: &["--json=c", "--info", "--health", "--attributes", "--nocheck=standby", "--"],
    operands: &[Grammar::Disk],
    timeout_s: 20,
    accept: &[&["/dev/sda"], &["/dev/nvme0n1"]],
    reject: &[
        &[],
        &["/dev/sda1"],
        &["/dev/../etc/passwd"],
        &["-t", "long"],
        &["/dev/sda", "/dev/sdb"],
        &["/dev/mem"],
    ],
    ..READ
};

pub static ZPOOL: Shape =
    Shape { name: "zpool", program: "/usr/sbin/zpool", lead: &["status", "-p"], timeout_s: 20, ..READ };

pub static ZPOOL_LIST: Shape =
    Shape { name: "zpool_list", program: "/usr/sbin/zpool", lead: &["list", "-Hp"], timeout_s: 20, ..READ };

pub static LVM: Shape = Shape {
    name: "lvm",
    program: "/usr/sbin/lvs",
    lead: &[
        "--readonly",
        "--reportformat",
        "json",
        "--units",
        "b",
        "--nosuffix",
        "--options",
        "lv_name,vg_name,lv_attr,lv_size,data_percent,metadata_percent,lv_health_status",
    ],
    timeout_s: 20,
    ..READ
};

pub static CEPH: Shape = Shape {
    name: "ceph",
    program: "/usr/bin/ceph",
    lead: &["status", "--format", "json"],
    timeout_s: 20,
    ..READ
};

pub static PROCESSES: Shape = Shape {
    name: "processes",
    program: "/usr/bin/ps",
    // Names only: command lines may hold secrets.
    lead: &["-e", "--no-headers", "--sort=-pcpu", "-o", "pid=,user=,pcpu=,pmem=,rss=,etimes=,comm="],
    ..READ
};

pub static SOCKETS: Shape = Shape {
    name: "sockets",
    program: "/usr/bin/ss",
    lead: &["--tcp", "--udp", "--listening", "--numeric", "--processes", "--no-header"],
    ..READ
};

pub static MOUNTS: Shape = Shape {
    name: "mounts",
    program: "/usr/bin/findmnt",
    // From the kernel's table only: asking the servers could hang.
    lead: &[
        "--kernel",
        "--json",
        "--list",
        "--types",
        "nfs,nfs4,cifs,smb3",
        "--output",
        "TARGET,SOURCE,FSTYPE,OPTIONS",
    ],
    ..READ
};

pub static SHARE_FILL: Shape = Shape {
    name: "share_fill",
    program: "/usr/bin/timeout",
    // A dead server would hold `stat` for ever.
    lead: &["--signal=KILL", "5", "/usr/bin/stat", "--file-system", "--format=%S %b %f %a", "--"],
    operands: &[Grammar::Mount],
    accept: &[&["/mnt/pve/nas"], &["/mnt/media files"]],
    reject: &[
        &[],
        &["mnt"],
        &["/mnt/../etc"],
        &["/"],
        &["/mnt//x"],
        &["/mnt/-x"],
        &["/mnt/$(id)"],
        &["/a", "/b"],
    ],
    ..READ
};

pub static EXPORTS: Shape =
    Shape { name: "exports", program: "/usr/bin/cat", lead: &["/var/lib/nfs/etab"], ..READ };

pub static SAMBA: Shape =
    Shape { name: "samba", program: "/usr/bin/smbstatus", lead: &["--shares", "--json"], ..READ };

pub static UNIT_STATE: Shape = Shape {
    name: "unit_state",
    program: "/usr/bin/systemctl",
    lead: &[
        "show",
        "--no-pager",
        "--property=Id,LoadState,ActiveState,SubState,Result,NRestarts,ActiveEnterTimestamp,InactiveEnterTimestamp",
        "--",
    ],
    operands: &[Grammar::Unit],
    accept: &[&["smbd.service"]],
    reject: &[&[], &["smbd"], &["--all"], &["smbd.service", "ssh.service"], &["../x.service"]],
    ..READ
};

pub static FAILED_UNITS: Shape = Shape {
    name: "failed_units",
    program: "/usr/bin/systemctl",
    lead: &["list-units", "--failed", "--plain", "--no-legend", "--no-pager", "--full"],
    ..READ
};

pub static PRESSURE: Shape = Shape {
    name: "pressure",
    program: "/usr/bin/tail",
    lead: &[
        "--verbose",
        "--lines=+1",
        "--",
        "/proc/pressure/cpu",
        "/proc/pressure/io",
        "/proc/pressure/memory",
        "/proc/meminfo",
    ],
    ..READ
};

pub static LINKS: Shape =
    Shape { name: "links", program: "/usr/sbin/ip", lead: &["-json", "link", "show"], ..READ };

pub static DOCKER_LIST: Shape = Shape {
    name: "docker_list",
    program: "/usr/bin/docker",
    lead: &[
        "container",
        "ls",
        "--all",
        "--no-trunc",
        "--format",
        r#"{"id":{{json .ID}},"name":{{json .Names}},"image":{{json .Image}},"state":{{json .State}},"status":{{json .Status}},"restart":{{json (.Label "jarvis.restart")}}}"#,
    ],
    ..READ
};

pub static DOCKER_STATS: Shape = Shape {
    name: "docker_stats",
    program: "/usr/bin/docker",
    lead: &["container", "stats", "--all", "--no-stream", "--no-trunc", "--format", "{{json .}}"],
    timeout_s: 20,
    ..READ
};

pub static DOCKER_LOGS: Shape = Shape {
    name: "docker_logs",
    program: "/usr/bin/docker",
    lead: &["container", "logs", "--timestamps"],
    flags: &[Flag { name: "--tail=", value: Grammar::Count(1_000), required: true }],
    operands: &[Grammar::Container],
    accept: &[&["--tail=100", "web"], &["--tail=1", "my_app.1"]],
    reject: &[
        &["web"],
        &["--tail=all", "web"],
        &["--tail=100"],
        &["--tail=100", "-f"],
        &["--tail=100", "web", "-f"],
        &["--tail=100", "a/b"],
    ],
    ..READ
};

pub static RESTART_SERVICE: Shape = Shape {
    name: "restart_service",
    program: "/usr/bin/systemctl",
    lead: &["--no-pager", "--no-ask-password", "restart", "--"],
    operands: &[Grammar::Unit],
    changes: true,
    timeout_s: 30,
    accept: &[&["smbd.service"]],
    reject: &[&[], &["smbd"], &["--force"], &["*"], &["smbd.service", "ssh.service"]],
    ..READ
};

/// The table.
pub static ALL: &[&Shape] = &[
    &JOURNAL,
    &KERNEL_LOG,
    &SENSORS,
    &THERMAL_ZONES,
    &SMART,
    &ZPOOL,
    &ZPOOL_LIST,
    &LVM,
    &CEPH,
    &PROCESSES,
    &SOCKETS,
    &MOUNTS,
    &SHARE_FILL,
    &EXPORTS,
    &SAMBA,
    &UNIT_STATE,
    &FAILED_UNITS,
    &PRESSURE,
    &LINKS,
    &DOCKER_LIST,
    &DOCKER_STATS,
    &DOCKER_LOGS,
    &RESTART_SERVICE,
];
