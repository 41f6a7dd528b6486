//! How many wrong passwords are too many.
//!
//! Attempts are counted per account and address; a second, wider count per account bounds guessing from many
//! addresses. Not here: the counting itself, which the store does in one durable step before a password is
//! looked at.

use crate::config;

/// Over all addresses together, this many times the limit of one: guessing from a whole network is still
/// bounded, while one hostile machine cannot lock the operator out elsewhere.
const ACCOUNT_FACTOR: i64 = 20;

/// Stands for all addresses together.
pub const ANYWHERE: &str = "*";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub attempts_max: i64,
    pub window_ms: i64,
}

impl Rule {
    pub fn from_config(access: &config::Access) -> Self {
        Self {
            attempts_max: access.attempts_max.into(),
            window_ms: i64::from(access.attempts_window_minutes) * 60_000,
        }
    }

    /// The rule for one account over all addresses.
    pub fn account_wide(self) -> Self {
        Self { attempts_max: self.attempts_max.saturating_mul(ACCOUNT_FACTOR), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_five_in_fifteen_minutes() {
        let rule = Rule::from_config(&config::Access::default());
        assert_eq!(rule, Rule { attempts_max: 5, window_ms: 900_000 });
        assert_eq!(rule.account_wide().attempts_max, 100);
    }
}
