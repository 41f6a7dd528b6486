//! Rows about who came in and what was changed at the door.

use jarvis_core::{
    audit::{Draft, Kind},
    tools::canonical::canonical,
};
use serde_json::{Value, json};

use crate::store::{Store, StoreError, limits::HOUR_MS};

/// Failed log-ins recorded one by one in an hour. Beyond it they are counted: guessing must not fill the disk.
const FAILED_PER_HOUR_MAX: u32 = 60;

/// Who changes something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// `human/operator`, `cli/uid-0`.
    pub who: String,
    /// The address; missing on the machine itself.
    pub from: Option<String>,
}

impl By {
    pub fn cli(uid: u32) -> Self {
        Self { who: format!("cli/uid-{uid}"), from: None }
    }

    pub(in crate::store) fn draft(&self, kind: Kind, subject: &str, mut detail: Value, at_ms: i64) -> Draft {
        if let (Value::Object(map), Some(from)) = (&mut detail, &self.from) {
            map.insert("from".into(), from.as_str().into());
        }
        Draft { at_ms, kind, who: self.who.clone(), subject: subject.to_owned(), detail: canonical(&detail) }
    }
}

/// Failed log-ins of the running hour.
#[derive(Debug, Default)]
pub struct Failed {
    hour_began_ms: i64,
    recorded: u32,
    /// Not recorded one by one since the last row.
    counted: u64,
}

impl Failed {
    /// Whether this one gets a row, and how many before it got none.
    fn next(&mut self, now_ms: i64) -> Option<u64> {
        // A clock set back begins an hour, too.
        if !(0..HOUR_MS).contains(&(now_ms.saturating_sub(self.hour_began_ms))) {
            *self = Self { hour_began_ms: now_ms, recorded: 0, counted: self.counted };
        }
        if self.recorded >= FAILED_PER_HOUR_MAX {
            self.counted = self.counted.saturating_add(1);
            return None;
        }
        self.recorded = self.recorded.saturating_add(1);
        Some(std::mem::take(&mut self.counted))
    }
}

impl Store {
    /// Records a log-in or set-up that failed; `false` when there were so many that it is only counted. The name
    /// that was typed is not asked for: people type passwords into it.
    pub async fn log_in_failed(&self, subject: &str, from: &str, why: &str) -> Result<bool, StoreError> {
        let now_ms = self.inner.clock.now_ms();
        let unrecorded = {
            let mut failed =
                self.inner.failed_log_ins.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            failed.next(now_ms)
        };
        let Some(unrecorded) = unrecorded else { return Ok(false) };
        let mut detail = json!({ "why": why });
        if let (Value::Object(map), 1..) = (&mut detail, unrecorded) {
            map.insert("unrecorded_before".into(), unrecorded.into());
        }
        let by = By { who: "nobody".into(), from: Some(from.to_owned()) };
        self.audit().append(by.draft(Kind::LogInFailed, subject, detail, now_ms)).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_guessing_leaves_sixty_rows_and_a_count() {
        let mut failed = Failed::default();
        let rows = (0..10_000).filter_map(|n| failed.next(1_000_000_000 + n)).collect::<Vec<_>>();
        assert_eq!(rows, [0; 60]);
        assert_eq!(failed.next(1_000_000_000 + HOUR_MS), Some(9_940));
        assert_eq!(failed.next(5), Some(0), "a clock set back does not silence it");
    }
}
