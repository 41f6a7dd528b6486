//! How much is kept, and for how long. The numbers a person may set come from `config`; the rest is fixed here.

use crate::config;

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Longest event text; a longer one is cut, since a feed line is read and not studied.
pub(super) const TITLE_CHARS_MAX: usize = 300;
pub(super) const DETAIL_CHARS_MAX: usize = 4_000;

/// What one event may cost on average with its five indexes; sizes the hard limit of the file.
const EVENT_BYTES: i64 = 1_024;
/// The audit and the intents are never shortened; at some 600 bytes a row this is half a million rows.
const SLACK_BYTES: i64 = 320 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub events_keep_ms: i64,
    pub events_max: i64,
    /// Bytes of the history tables above which the oldest, coarsest data gives way.
    pub history_bytes_max: i64,
    /// Different (entity, metric) pairs. 50 nodes and 2,000 guests make about 17,000.
    pub series_max: usize,
    pub raw_keep_ms: i64,
    pub minute_keep_ms: i64,
    pub quarter_keep_ms: i64,
    /// Room for everything but events and history: the audit above all, and what retention has not removed yet.
    pub slack_bytes: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&config::Data::default())
    }
}

impl From<&config::Data> for Limits {
    fn from(data: &config::Data) -> Self {
        Self {
            events_keep_ms: i64::from(data.events_days) * DAY_MS,
            events_max: i64::from(data.events_max),
            history_bytes_max: i64::try_from(data.history_bytes_max).unwrap_or(i64::MAX / 4),
            series_max: 20_000,
            raw_keep_ms: HOUR_MS,
            minute_keep_ms: 7 * DAY_MS,
            quarter_keep_ms: 90 * DAY_MS,
            slack_bytes: SLACK_BYTES,
        }
    }
}

impl Limits {
    /// Size the database file never exceeds, whatever happens: SQLite itself refuses to grow beyond it.
    pub fn database_bytes_max(&self) -> i64 {
        self.history_bytes_max
            .saturating_add(self.events_max.saturating_mul(EVENT_BYTES))
            .saturating_add(self.slack_bytes)
    }
}
