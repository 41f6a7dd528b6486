//! Changes of a guest's configuration, and the time stamps that file names and logs use.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::model::Guest;
use crate::num;

/// Applies checked parameters of a configuration request.
pub fn apply(guest: &mut Guest, changes: &Map<String, Value>) {
    for (key, value) in changes {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match key.as_str() {
            "digest" | "skiplock" | "force" | "revert" => {}
            "delete" => {
                for gone in text.split([',', ';', ' ']).filter(|k| !k.is_empty()) {
                    remove(guest, gone);
                }
            }
            "name" | "hostname" => guest.name = text,
            "tags" => guest.tags = text.replace([',', ' '], ";"),
            "cores" => guest.cores = text.parse().unwrap_or(guest.cores),
            "memory" => guest.mem_bytes = text.parse().map_or(guest.mem_bytes, |mib: u64| mib << 20),
            "swap" => guest.swap_bytes = text.parse().map_or(guest.swap_bytes, |mib: u64| mib << 20),
            "onboot" => guest.onboot = text == "1",
            "lock" => guest.lock = Some(text),
            _ => {
                guest.config.insert(key.clone(), Value::String(text));
            }
        }
    }
}

fn remove(guest: &mut Guest, key: &str) {
    match key {
        "tags" => guest.tags.clear(),
        "onboot" => guest.onboot = false,
        "lock" => guest.lock = None,
        _ => {
            guest.config.remove(key);
        }
    }
}

/// `2026_11_22-17_14_56`, as in archive names.
pub fn stamp(at_s: u64) -> String {
    let t = moment(at_s);
    format!(
        "{:04}_{:02}_{:02}-{:02}_{:02}_{:02}",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// `2026-11-22 17:14:56`, as in migration logs.
pub fn log_stamp(at_s: u64) -> String {
    let t = moment(at_s);
    let (month, day) = (u8::from(t.month()), t.day());
    format!("{:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", t.year(), t.hour(), t.minute(), t.second())
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `2026-11-22T17:14:56`, with what the caller puts behind it.
pub fn iso_stamp(at_s: u64) -> String {
    log_stamp(at_s).replace(' ', "T")
}

/// `Sun 2026-11-22 17:14:56 UTC`, as systemd shows times.
pub fn unit_stamp(at_s: u64) -> String {
    let day =
        DAYS.get(usize::from(moment(at_s).weekday().number_days_from_monday())).copied().unwrap_or("Mon");
    format!("{day} {} UTC", log_stamp(at_s))
}

/// `Sun, 22 Nov 2026 17:12:53 GMT`, as in HTTP headers.
pub fn http_date(at_s: u64) -> String {
    let t = moment(at_s);
    let day = DAYS.get(usize::from(t.weekday().number_days_from_monday())).copied().unwrap_or("Mon");
    format!(
        "{day}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        t.day(),
        month(t),
        t.year(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// `Nov 22 17:12:53`, as in the journal.
pub fn journal_stamp(at_s: u64) -> String {
    let t = moment(at_s);
    format!("{} {:02} {:02}:{:02}:{:02}", month(t), t.day(), t.hour(), t.minute(), t.second())
}

fn month(t: OffsetDateTime) -> &'static str {
    let index = usize::from(u8::from(t.month())).saturating_sub(1);
    MONTHS.get(index).copied().unwrap_or("Jan")
}

fn moment(at_s: u64) -> OffsetDateTime {
    let at = num::signed(num::real(at_s));
    OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
