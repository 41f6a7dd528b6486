//! How long a session lives: an idle limit, an absolute limit, and a short fresh time after the log-in.

use crate::config;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub idle_ms: i64,
    pub absolute_ms: i64,
    pub fresh_ms: i64,
}

impl Rule {
    pub fn from_config(access: &config::Access) -> Self {
        const HOUR_MS: i64 = 3_600_000;
        Self {
            idle_ms: i64::from(access.session_idle_hours) * HOUR_MS,
            absolute_ms: i64::from(access.session_days) * 24 * HOUR_MS,
            fresh_ms: i64::from(access.fresh_minutes) * 60_000,
        }
    }
}

/// When a session began (its log-in) and was last used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub created_ms: i64,
    pub used_ms: i64,
}

impl Times {
    pub fn expires_ms(self, rule: Rule) -> i64 {
        self.created_ms.saturating_add(rule.absolute_ms)
    }

    pub fn idle_expires_ms(self, rule: Rule) -> i64 {
        self.used_ms.saturating_add(rule.idle_ms).min(self.expires_ms(rule))
    }

    pub fn fresh_until_ms(self, rule: Rule) -> i64 {
        self.created_ms.saturating_add(rule.fresh_ms)
    }

    pub fn alive(self, rule: Rule, now_ms: i64) -> bool {
        now_ms < self.idle_expires_ms(rule)
    }

    /// A session from the future (the clock was set back) is not fresh: a second log-in costs little.
    pub fn fresh(self, rule: Rule, now_ms: i64) -> bool {
        self.alive(rule, now_ms) && (self.created_ms..self.fresh_until_ms(rule)).contains(&now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { idle_ms: 100, absolute_ms: 1_000, fresh_ms: 10 };

    #[test]
    fn a_session_ends_by_idleness_or_by_age_whichever_is_first() {
        let times = |created_ms, used_ms| Times { created_ms, used_ms };
        for (t, now, alive, fresh) in [
            (times(0, 0), 0, true, true),
            (times(0, 0), 9, true, true),
            (times(0, 0), 10, true, false),
            (times(0, 0), 99, true, false),
            (times(0, 0), 100, false, false),
            (times(0, 950), 999, true, false),
            (times(0, 999), 1_000, false, false),
            (times(50, 50), 0, true, false),
        ] {
            assert_eq!((t.alive(RULE, now), t.fresh(RULE, now)), (alive, fresh), "{t:?} at {now}");
        }
    }
}
