//! The typed words that may be arguments, each with a total parser.
//!
//! A value that is none of these cannot be written down, so nothing further in has to ask again whether a name
//! is a path, an option or an escape sequence. Not here: whether the named thing exists (policy asks the state).

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not the word it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{shown}` is not {what}: {rule}")]
pub struct WordError {
    pub what: &'static str,
    /// The beginning of what was given, escaped.
    pub shown: String,
    pub rule: &'static str,
}

/// As much of a refused text as a person needs to recognise it; never a control character, never 10 MB.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 40;
    let mut out: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_default).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        out.push('…');
    }
    out
}

/// Control characters, and those that turn or hide text: zero width, bidirectional, line separators, tags.
pub fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

macro_rules! word {
    ($(#[$meta:meta])* $name:ident, $what:literal, $pattern:literal, $rule:literal, $check:expr) => {
        word!($(#[$meta])* $name, $what, $pattern, $rule, $check, str::to_owned);
    };
    ($(#[$meta:meta])* $name:ident, $what:literal, $pattern:literal, $rule:literal, $check:expr, $spell:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }

        impl FromStr for $name {
            type Err = WordError;
            fn from_str(s: &str) -> Result<Self, WordError> {
                let check: fn(&str) -> bool = $check;
                if check(s) {
                    Ok(Self($spell(s)))
                } else {
                    Err(WordError { what: $what, shown: shown(s), rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = WordError;
            fn try_from(s: String) -> Result<Self, WordError> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> String {
                word.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn only(s: &str, len_max: usize, allowed: fn(u8) -> bool) -> bool {
    (1..=len_max).contains(&s.len()) && s.bytes().all(allowed)
}

fn starts_alphanumeric(s: &str) -> bool {
    s.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

/// With its type, so that one unit has one name.
fn spelled_out(unit: &str) -> String {
    const TYPES: [&str; 9] =
        [".service", ".timer", ".socket", ".mount", ".target", ".path", ".scope", ".slice", ".swap"];
    if TYPES.iter().any(|kind| unit.ends_with(kind)) { unit.to_owned() } else { format!("{unit}.service") }
}

fn disk(name: &str) -> bool {
    let letters = |s: &str| only(s, 3, |b| b.is_ascii_lowercase());
    let number = |s: &str| only(s, 3, |b| b.is_ascii_digit());
    if let Some(rest) = name.strip_prefix("nvme") {
        return rest.split_once('n').is_some_and(|(controller, space)| number(controller) && number(space));
    }
    if let Some(rest) = name.strip_prefix("mmcblk") {
        return number(rest);
    }
    ["sd", "vd", "hd", "xvd"].iter().any(|prefix| name.strip_prefix(prefix).is_some_and(letters))
}

word!(
    /// A systemd unit with its type; a bare name means its `.service` and is spelled out.
    UnitName,
    "a unit name",
    "^[A-Za-z0-9][A-Za-z0-9@._:-]{0,127}$",
    "give a name such as `pveproxy` or `docker.service`, letters, digits, `@._:-`",
    |s| starts_alphanumeric(s)
        && only(s, 128, |b| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'.' | b'_' | b':' | b'-'))
        && !s.contains(".."),
    spelled_out
);

word!(
    /// A whole disk by its kernel name: `/dev/sda`, `/dev/nvme0n1`. Partitions and links are not disks.
    DiskPath,
    "a disk",
    "^/dev/[a-z]+[a-z0-9]*$",
    "give a whole disk from the node's inventory, such as `/dev/sda` or `/dev/nvme0n1`",
    |s| s.strip_prefix("/dev/").is_some_and(disk)
);

word!(
    /// Name of a storage in the cluster's configuration, without its node.
    StorageName,
    "a storage name",
    "^[A-Za-z][A-Za-z0-9._-]{0,99}$",
    "give a name such as `local-zfs`: a letter first, then letters, digits, `-`, `_` or `.`",
    |s| s.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && only(s, 100, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !s.contains("..")
);

word!(
    /// Name of a snapshot. `current` is Proxmox's word for the running state and no snapshot.
    SnapshotName,
    "a snapshot name",
    "^[A-Za-z][A-Za-z0-9_-]{1,39}$",
    "give 2 to 40 letters, digits, `_` or `-`, a letter first; not `current`",
    |s| s.len() >= 2
        && s.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && only(s, 40, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        && s != "current"
);

word!(
    /// Name of a Docker container.
    ContainerName,
    "a container name",
    "^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$",
    "give its name as `docker ps` shows it: letters, digits, `_.-`",
    |s| starts_alphanumeric(s)
        && only(s, 128, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        && !s.contains("..")
);

word!(
    /// Name of a Docker host in the settings.
    HostName,
    "a host name",
    "^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$",
    "give the name of a configured Docker host: letters, digits, `.` and `-`",
    |s| starts_alphanumeric(s)
        && only(s, 63, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        && !s.contains("..")
);

word!(
    /// Name of a recorded figure: `cpu`, `mem_used_bytes` …
    MetricName,
    "a metric name",
    "^[a-z][a-z0-9_]{0,63}$",
    "give lower-case letters, digits and `_`",
    |s| s.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && only(s, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
);

word!(
    /// A part of a name to look for.
    Needle,
    "a search word",
    "^[^-].{0,63}$",
    "give 1 to 64 characters without control characters, not beginning with `-`",
    |s| !s.is_empty() && s.len() <= 64 && !s.starts_with('-') && !s.chars().any(deceives)
);

word!(
    /// The id of an action or an approval, as its answer gave it.
    RecordId,
    "an id",
    "^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$",
    "give the id as the answer had it",
    |s| !s.starts_with('-') && only(s, 64, |b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
);

word!(
    /// A moment in UTC to the second, `2026-10-20T14:03:00Z`.
    UtcTime,
    "a time",
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
    "give RFC 3339 in UTC without fractions, such as `2026-10-20T14:03:00Z`",
    |s| s.len() == 20
        && s.ends_with('Z')
        && time::OffsetDateTime::parse(s, &time::format_description::well_known::Rfc3339).is_ok()
);

impl UtcTime {
    /// UTC milliseconds since 1970.
    pub fn ms(&self) -> i64 {
        time::OffsetDateTime::parse(&self.0, &time::format_description::well_known::Rfc3339)
            .map_or(0, |t| t.unix_timestamp().saturating_mul(1_000))
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Count<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Count<MIN, MAX> {
    pub fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> JsonSchema for Count<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Count{MIN}To{MAX}").into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<u32> for Count<MIN, MAX> {
    type Error = String;
    fn try_from(n: u32) -> Result<Self, String> {
        if (MIN..=MAX).contains(&n) {
            Ok(Self(n))
        } else {
            Err(format!("{n} is out of range: give a whole number from {MIN} to {MAX}"))
        }
    }
}

impl<const MIN: u32, const MAX: u32> From<Count<MIN, MAX>> for u32 {
    fn from(count: Count<MIN, MAX>) -> u32 {
        count.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused<T: FromStr>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_err(), "{text:?} was taken");
        }
    }

    const TRICKS: [&str; 16] = [
        "",
        "-x",
        "--help",
        "a b",
        "a\nb",
        "a;b",
        "$(id)",
        "`id`",
        "../etc",
        "a/../b",
        "/etc/passwd",
        "a\0b",
        "a\u{202e}b",
        "a'b",
        "a|b",
        "*",
    ];

    #[test]
    fn names_with_tricks_in_them_are_refused() {
        refused::<UnitName>(&TRICKS);
        refused::<DiskPath>(&TRICKS);
        refused::<StorageName>(&TRICKS);
        refused::<SnapshotName>(&TRICKS);
        refused::<ContainerName>(&TRICKS);
        refused::<HostName>(&TRICKS);
        refused::<MetricName>(&TRICKS);
        refused::<UtcTime>(&TRICKS);
        refused::<Needle>(&["", "-x", "a\nb", "a\u{202e}b", "a\u{200b}b", &"x".repeat(65)]);
    }

    #[test]
    fn only_whole_disks_are_disks() {
        for good in ["/dev/sda", "/dev/sdab", "/dev/nvme0n1", "/dev/nvme12n3", "/dev/vda", "/dev/mmcblk0"] {
            assert!(good.parse::<DiskPath>().is_ok(), "{good}");
        }
        refused::<DiskPath>(&[
            "/dev/sda1",
            "/dev/nvme0",
            "/dev/nvme0n1p1",
            "/dev/mem",
            "/dev/null",
            "/dev/sd",
            "sda",
            "/dev/../sda",
            "/dev//sda",
            "/dev/disk/by-id/x",
            "/dev/mapper/x",
            "/dev/SDA",
        ]);
    }

    #[test]
    fn a_bare_unit_name_means_its_service() {
        assert_eq!("pveproxy".parse::<UnitName>().unwrap().as_str(), "pveproxy.service");
        assert_eq!("fstrim.timer".parse::<UnitName>().unwrap().as_str(), "fstrim.timer");
        assert_eq!("getty@tty1.service".parse::<UnitName>().unwrap().as_str(), "getty@tty1.service");
    }

    #[test]
    fn a_refusal_shows_little_of_what_was_given() {
        let error = "\u{202e}\n".repeat(5_000_000).parse::<UnitName>().unwrap_err().to_string();
        assert!(error.len() < 1_000 && !error.chars().any(deceives), "{}", error.len());
    }

    proptest! {
        #[test]
        fn every_parser_is_total_and_nothing_taken_begins_with_a_dash(s in "\\PC{0,80}|[-./a-z@:]{0,20}") {
            let taken = [
                s.parse::<UnitName>().is_ok(), s.parse::<DiskPath>().is_ok(), s.parse::<StorageName>().is_ok(),
                s.parse::<SnapshotName>().is_ok(), s.parse::<ContainerName>().is_ok(), s.parse::<HostName>().is_ok(),
                s.parse::<MetricName>().is_ok(), s.parse::<Needle>().is_ok(), s.parse::<UtcTime>().is_ok(),
            ];
            if taken.contains(&true) {
                prop_assert!(!s.starts_with('-') && !s.is_empty() && !s.chars().any(deceives));
            }
        }
    }
}
