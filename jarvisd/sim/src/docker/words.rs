//! How Docker says times and sizes.

use crate::cluster::docker::{Container, State};
use crate::cluster::model::Guest;
use crate::num;

/// `Up 3 hours (healthy)`, `Exited (137) 5 minutes ago`.
pub fn status(container: &Container, guest: &Guest, now_ms: u64) -> String {
    match container.state {
        State::Exited { at_ms, code } => {
            format!("Exited ({code}) {} ago", span(now_ms.saturating_sub(at_ms)))
        }
        State::Running { .. } => {
            let since_ms = container.since_ms(guest).unwrap_or(now_ms);
            let up = span(now_ms.saturating_sub(since_ms));
            match container.health_at(guest, now_ms) {
                Some(crate::cluster::docker::Health::Starting) => format!("Up {up} (health: starting)"),
                Some(health) => format!("Up {up} ({})", health.name()),
                None => format!("Up {up}"),
            }
        }
    }
}

fn span(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0 => "Less than a second".into(),
        1 => "1 second".into(),
        2..60 => format!("{s} seconds"),
        60..120 => "About a minute".into(),
        120..3_600 => format!("{} minutes", s / 60),
        3_600..7_200 => "About an hour".into(),
        7_200..172_800 => format!("{} hours", s / 3_600),
        172_800..1_209_600 => format!("{} days", s / 86_400),
        1_209_600..5_184_000 => format!("{} weeks", s / 604_800),
        _ => format!("{} months", s / 2_592_000),
    }
}

fn scaled(bytes: u64, step: f64, units: &[&str]) -> String {
    let mut n = num::real(bytes);
    let mut unit = "B";
    for next in units {
        if n < step {
            break;
        }
        n /= step;
        unit = next;
    }
    // Four digits that count, as Docker prints them.
    let digits = if n >= 1000.0 || unit == "B" {
        0
    } else if n >= 100.0 {
        1
    } else if n >= 10.0 {
        2
    } else {
        3
    };
    let text = format!("{n:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// `1.5MiB`
pub fn binary(bytes: u64) -> String {
    scaled(bytes, 1024.0, &["KiB", "MiB", "GiB", "TiB"])
}

/// `1.5MB`
pub fn decimal(bytes: u64) -> String {
    scaled(bytes, 1000.0, &["kB", "MB", "GB", "TB"])
}
