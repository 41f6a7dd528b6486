//! Foreign rows become ours: leniently, each row by itself, so that one odd row never costs the list.
//!
//! A row whose identity cannot be read is left out; an odd value in a good row is left unknown. Both count the
//! row as odd. Rows of types we do not know are skipped in silence. Not here: what the values mean.

mod access;
mod after;
mod config;
mod field;
mod guest;
mod membership;
mod mend;
mod node;
mod past;
mod resources;
mod standing;
mod tasks;

#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub(super) use access::{permissions, version};
pub(super) use after::{made_s, services, snapshots, uptime_s};
pub use config::GuestFile;
pub(super) use config::guest_file;
pub(super) use field::Field;
pub(super) use guest::guest_now;
pub(super) use membership::membership;
pub(super) use mend::mended_text;
pub(super) use node::node_detail;
pub use past::PastMinute;
pub(super) use past::node_past;
pub(super) use resources::resources;
pub use standing::HaState;
pub(super) use standing::{ha_states, storage_configs, wake_mac};
pub use tasks::LogLine;
pub(super) use tasks::{log_lines, task_end, tasks};

use super::error::quoted;

/// What was read, and how many rows had something unreadable.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Decoded<T> {
    pub value: T,
    pub odd_rows: u32,
    /// The first odd row: what was wrong with it.
    pub first_odd: Option<String>,
}

/// Why a row is left out.
pub(super) type Unreadable = String;

/// Notes what was odd in one row.
#[derive(Debug, Default)]
pub(super) struct Oddities {
    first: Option<String>,
}

impl Oddities {
    fn note(&mut self, what: &str) {
        self.first.get_or_insert_with(|| what.to_owned());
    }
}

/// Reads a list row by row. `row` answers `None` for a row that is none of our business.
///
/// # Errors
/// When `data` is not a list at all.
fn rows<R>(
    data: &RawValue,
    row: impl Fn(&str, &mut Oddities) -> Result<Option<R>, Unreadable>,
    mut take: impl FnMut(R),
) -> Result<Decoded<()>, Unreadable> {
    let list: Vec<&RawValue> =
        serde_json::from_str(data.get()).map_err(|_| format!("not a list: {}", start(data)))?;
    let mut decoded = Decoded::default();
    for raw in list {
        let mut odd = Oddities::default();
        let read =
            if raw.get().starts_with('{') { row(raw.get(), &mut odd) } else { Err("not a row".into()) };
        match read {
            Ok(Some(read)) => take(read),
            Ok(None) => {}
            Err(why) => odd.note(&why),
        }
        if let Some(what) = odd.first {
            decoded.odd_rows = decoded.odd_rows.saturating_add(1);
            decoded.first_odd.get_or_insert_with(|| format!("{what} in {}", start(raw)));
        }
    }
    Ok(decoded)
}

/// One object as `T`. When a value in it is beyond what can be read, that value alone is odd.
///
/// # Errors
/// When it is no object at all.
fn fields<T: DeserializeOwned>(json: &str, odd: &mut Oddities) -> Result<T, Unreadable> {
    serde_json::from_str(json).or_else(|first| {
        let mended = mend::mended_row(json).and_then(|text| serde_json::from_str(&text).ok());
        let what = format!("not a row ({first})");
        odd.note(&what);
        mended.ok_or(what)
    })
}

/// The beginning of a foreign value, fit for a log line.
fn start(raw: &RawValue) -> String {
    quoted(&raw.get().chars().take(400).collect::<String>())
}

/// A list inside a text: `ai;docker`, `rootdir,images`.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split([';', ',', ' ']).filter(|w| !w.is_empty()) {
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}
