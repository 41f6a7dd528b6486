//! The commands a simulated node knows, written down a second time on purpose.
//!
//! The daemon has its own table. This one is made from what those programs take, so that a mistake in the
//! other is not shared; a test holds the two against each other. What is not in it runs nowhere.

/// A command that was recognised, with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Journal { unit: String, lines: u32, since: Option<String> },
    KernelLog { lines: u32, since: Option<String> },
    Sensors,
    ThermalZones,
    Smart(String),
    Zpool,
    ZpoolList,
    Lvm,
    Ceph,
    Processes,
    Sockets,
    Mounts,
    ShareFill(String),
    Exports,
    Samba,
    UnitState(String),
    FailedUnits,
    Pressure,
    Links,
    DockerList,
    DockerStats,
    DockerLogs { name: String, lines: u32 },
    RestartService(String),
}

/// What every command begins with: nothing of the caller's environment.
const FRONT: [&str; 8] = [
    "/usr/bin/env",
    "-i",
    "LC_ALL=C",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "PAGER=cat",
    "SYSTEMD_PAGER=cat",
    "SYSTEMD_COLORS=0",
    "TERM=dumb",
];

const JOURNAL: &str = "/usr/bin/journalctl --no-pager --quiet --utc --output=short-iso";
const KERNEL: &str = "/usr/bin/journalctl --no-pager --quiet --utc --output=short-iso --dmesg";
const SMART: &str = "/usr/sbin/smartctl --json=c --info --health --attributes --nocheck=standby --";
const LVS: &str = "/usr/sbin/lvs --readonly --reportformat json --units b --nosuffix --options lv_name,vg_name,lv_attr,lv_size,data_percent,metadata_percent,lv_health_status";
const PS: &str = "/usr/bin/ps -e --no-headers --sort=-pcpu -o pid=,user=,pcpu=,pmem=,rss=,etimes=,comm=";
const SS: &str = "/usr/bin/ss --tcp --udp --listening --numeric --processes --no-header";
const FINDMNT: &str = "/usr/bin/findmnt --kernel --json --list --types nfs,nfs4,cifs,smb3 --output TARGET,SOURCE,FSTYPE,OPTIONS";
const SHOW: &str = "/usr/bin/systemctl show --no-pager --property=Id,LoadState,ActiveState,SubState,Result,NRestarts,ActiveEnterTimestamp,InactiveEnterTimestamp --";
const FAILED: &str = "/usr/bin/systemctl list-units --failed --plain --no-legend --no-pager --full";
const RESTART: &str = "/usr/bin/systemctl --no-pager --no-ask-password restart --";
const PRESSURE: &str = "/usr/bin/tail --verbose --lines=+1 -- /proc/pressure/cpu /proc/pressure/io /proc/pressure/memory /proc/meminfo";
const STATS: &str = "/usr/bin/docker container stats --all --no-stream --no-trunc --format";
const CONTAINERS: &str = r#"{"id":{{json .ID}},"name":{{json .Names}},"image":{{json .Image}},"state":{{json .State}},"status":{{json .Status}},"restart":{{json (.Label "jarvis.restart")}}}"#;

/// The zones that are looked at.
pub const ZONES: usize = 8;

/// The words of a line that holds nothing but words: no character in it means anything to a shell, except
/// quotes, a backslash and blanks. Written from the standard; nothing when there is more in it.
pub fn plain_words(line: &str) -> Option<Vec<String>> {
    const SPECIAL: &str = "\"$`;&|<>()*?[]#~!{}%^\n\r";
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '\\' => match letters.next()? {
                '\n' => return None,
                escaped => word.get_or_insert_default().push(escaped),
            },
            special if SPECIAL.contains(special) => return None,
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Some(words)
}

/// The row these words are, by its name, with what was asked.
pub fn recognise(words: &[String]) -> Option<(&'static str, Asked)> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let rest = words.strip_prefix(FRONT.as_slice())?;
    fixed(rest).or_else(|| by_value(rest))
}

/// Commands without a value.
fn fixed(words: &[&str]) -> Option<(&'static str, Asked)> {
    let is = |text: &str| words.iter().copied().eq(text.split(' '));
    let listed = ["/usr/bin/docker", "container", "ls", "--all", "--no-trunc", "--format", CONTAINERS];
    let stats: Vec<&str> = STATS.split(' ').chain(["{{json .}}"]).collect();
    let share = "/usr/bin/findmnt";
    Some(match words.first().copied()? {
        "/usr/bin/sensors" if is("/usr/bin/sensors -j") => ("sensors", Asked::Sensors),
        "/usr/bin/tail" if words == thermal() => ("thermal_zones", Asked::ThermalZones),
        "/usr/bin/tail" if is(PRESSURE) => ("pressure", Asked::Pressure),
        "/usr/sbin/zpool" if is("/usr/sbin/zpool status -p") => ("zpool", Asked::Zpool),
        "/usr/sbin/zpool" if is("/usr/sbin/zpool list -Hp") => ("zpool_list", Asked::ZpoolList),
        "/usr/sbin/lvs" if is(LVS) => ("lvm", Asked::Lvm),
        "/usr/bin/ceph" if is("/usr/bin/ceph status --format json") => ("ceph", Asked::Ceph),
        "/usr/bin/ps" if is(PS) => ("processes", Asked::Processes),
        "/usr/bin/ss" if is(SS) => ("sockets", Asked::Sockets),
        program if program == share && is(FINDMNT) => ("mounts", Asked::Mounts),
        "/usr/bin/cat" if is("/usr/bin/cat /var/lib/nfs/etab") => ("exports", Asked::Exports),
        "/usr/bin/smbstatus" if is("/usr/bin/smbstatus --shares --json") => ("samba", Asked::Samba),
        "/usr/bin/systemctl" if is(FAILED) => ("failed_units", Asked::FailedUnits),
        "/usr/sbin/ip" if is("/usr/sbin/ip -json link show") => ("links", Asked::Links),
        "/usr/bin/docker" if words == listed => ("docker_list", Asked::DockerList),
        "/usr/bin/docker" if words == stats => ("docker_stats", Asked::DockerStats),
        _ => return None,
    })
}

fn thermal() -> Vec<&'static str> {
    const ZONE_FILES: [&str; ZONES * 2] = [
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
    ];
    ["/usr/bin/tail", "--verbose", "--lines=1", "--"].into_iter().chain(ZONE_FILES).collect()
}

/// Commands with values at their end.
fn by_value(words: &[&str]) -> Option<(&'static str, Asked)> {
    let after = |front: &'static str| strip(words, front);
    if let Some([disk]) = after(SMART) {
        return disk_name(disk).then(|| ("smart", Asked::Smart((*disk).to_owned())));
    }
    if let Some([unit]) = after(SHOW) {
        return unit_name(unit).then(|| ("unit_state", Asked::UnitState((*unit).to_owned())));
    }
    if let Some([unit]) = after(RESTART) {
        return unit_name(unit).then(|| ("restart_service", Asked::RestartService((*unit).to_owned())));
    }
    let fill = [
        "/usr/bin/timeout",
        "--signal=KILL",
        "5",
        "/usr/bin/stat",
        "--file-system",
        "--format=%S %b %f %a",
        "--",
    ];
    if let Some([path]) = words.strip_prefix(fill.as_slice()) {
        return mount_point(path).then(|| ("share_fill", Asked::ShareFill((*path).to_owned())));
    }
    if let Some([tail, name]) = after("/usr/bin/docker container logs --timestamps") {
        let lines = count(tail.strip_prefix("--tail=")?)?;
        return container_name(name)
            .then(|| ("docker_logs", Asked::DockerLogs { name: (*name).to_owned(), lines }));
    }
    if let Some(rest) = after(KERNEL) {
        let (lines, since) = window(rest)?;
        return Some(("kernel_log", Asked::KernelLog { lines, since }));
    }
    let (unit, rest) = after(JOURNAL)?.split_first()?;
    let unit = unit.strip_prefix("--unit=").filter(|u| unit_name(u))?.to_owned();
    let (lines, since) = window(rest)?;
    Some(("journal", Asked::Journal { unit, lines, since }))
}

/// The words after these ones.
fn strip<'a, 'w>(words: &'a [&'w str], front: &str) -> Option<&'a [&'w str]> {
    let mut rest = words.iter();
    front.split(' ').all(|w| rest.next() == Some(&w)).then_some(rest.as_slice())
}

/// `--lines=N` and perhaps `--since=TIME`.
fn window(words: &[&str]) -> Option<(u32, Option<String>)> {
    let (lines, rest) = words.split_first()?;
    let lines = count(lines.strip_prefix("--lines=")?)?;
    match rest {
        [] => Some((lines, None)),
        [since] => {
            let since = since.strip_prefix("--since=").filter(|s| utc(s))?;
            Some((lines, Some(since.to_owned())))
        }
        _ => None,
    }
}

fn count(text: &str) -> Option<u32> {
    let n: u32 = text.parse().ok()?;
    ((1..=1_000).contains(&n) && n.to_string() == text).then_some(n)
}

fn name_of(text: &str, extra: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(fits)
        && !text.contains("..")
}

/// With its type at the end.
fn unit_name(text: &str) -> bool {
    const TYPES: [&str; 9] =
        ["service", "timer", "socket", "mount", "target", "path", "scope", "slice", "swap"];
    let typed = text.rsplit_once('.').is_some_and(|(_, kind)| TYPES.contains(&kind));
    typed && name_of(text, "@._:-")
}

fn container_name(text: &str) -> bool {
    name_of(text, "_.-")
}

/// A whole disk.
fn disk_name(text: &str) -> bool {
    let number = |s: &str| !s.is_empty() && s.len() <= 3 && s.bytes().all(|b| b.is_ascii_digit());
    let letters = |s: &str| !s.is_empty() && s.len() <= 3 && s.bytes().all(|b| b.is_ascii_lowercase());
    let Some(name) = text.strip_prefix("/dev/") else { return false };
    if let Some(rest) = name.strip_prefix("nvme") {
        return rest.split_once('n').is_some_and(|(c, n)| number(c) && number(n));
    }
    if let Some(rest) = name.strip_prefix("mmcblk") {
        return number(rest);
    }
    ["sd", "vd", "hd", "xvd"].iter().any(|kind| name.strip_prefix(kind).is_some_and(letters))
}

/// An absolute path without turns.
fn mount_point(text: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || "-_. +@:".contains(c);
    let part = |p: &str| !p.is_empty() && !p.starts_with(['-', '.']) && p.chars().all(letter);
    text.len() <= 256 && text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(part))
}

/// `2026-10-20T14:03:00Z`, a moment that exists.
fn utc(text: &str) -> bool {
    seconds_of(text).is_some()
}

/// Unix seconds of such a text.
pub fn seconds_of(text: &str) -> Option<u64> {
    let digits = |from: usize, to: usize| -> Option<u32> {
        let part = text.get(from..to)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten()
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if text.len() != 20 || !marks.iter().all(|(i, b)| text.as_bytes().get(*i) == Some(b)) {
        return None;
    }
    let small = |from: usize| digits(from, from + 2).and_then(|n| u8::try_from(n).ok());
    let month = time::Month::try_from(small(5)?).ok()?;
    let date = time::Date::from_calendar_date(i32::try_from(digits(0, 4)?).ok()?, month, small(8)?).ok()?;
    let at = date.with_hms(small(11)?, small(14)?, small(17)?).ok()?.assume_utc();
    u64::try_from(at.unix_timestamp()).ok()
}
